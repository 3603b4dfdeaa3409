//! Does what its message says, and keeps what it is told of messages that it sent.
use cosmwasm_std::{
    entry_point, Binary, CustomMsg, CustomQuery, Deps, DepsMut, Env, Event, MessageInfo, MigrateInfo, Order, QueryRequest, Reply, Response, StdError, StdResult, SubMsg,
};
use serde::{Deserialize, Serialize};

/// What chains add to the ABI, whatever it is.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(transparent)]
pub struct Added(serde_json::Value);

impl CustomMsg for Added {}
impl CustomQuery for Added {}

/// What to do, in this order.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Do {
    /// Keys and values to write.
    pub write: Vec<(String, String)>,
    pub remove: Vec<String>,
    /// Questions; what they came to is kept under `asked/<n>`.
    pub ask: Vec<QueryRequest<Added>>,
    /// What to do at the reply of this number.
    pub at_reply: Vec<(u64, Do)>,
    /// How often to run in a circle.
    pub spin: u64,
    pub messages: Vec<SubMsg<Added>>,
    pub attributes: Vec<(String, String)>,
    pub events: Vec<(String, Vec<(String, String)>)>,
    pub data: Option<Binary>,
    pub fail: Option<String>,
    pub panic: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    Get { key: String },
    /// Keys and values between two keys.
    List { from: Option<String>, to: Option<String>, descending: bool, limit: usize },
    Ask { request: QueryRequest<Added> },
    Spin { times: u64 },
}

fn act(deps: DepsMut, what: Do) -> StdResult<Response<Added>> {
    for (key, value) in &what.write {
        deps.storage.set(key.as_bytes(), value.as_bytes());
    }
    for key in &what.remove {
        deps.storage.remove(key.as_bytes());
    }
    for (n, request) in what.ask.iter().enumerate() {
        let answer = deps.querier.raw_query(&cosmwasm_std::to_json_vec(request)?);
        deps.storage.set(format!("asked/{n}").as_bytes(), format!("{answer:?}").as_bytes());
    }
    for (id, what) in &what.at_reply {
        deps.storage.set(format!("reply/{id}").as_bytes(), &cosmwasm_std::to_json_vec(what)?);
    }
    let mut n = 0u64;
    while n < what.spin {
        n = std::hint::black_box(n + 1);
    }
    if what.panic {
        panic!("as it was told");
    }
    if let Some(text) = what.fail {
        return Err(StdError::msg(text));
    }
    let events = what.events.into_iter().map(|(kind, pairs)| Event::new(kind).add_attributes(pairs));
    let mut response = Response::new().add_submessages(what.messages).add_attributes(what.attributes).add_events(events);
    response.data = what.data;
    Ok(response)
}

#[entry_point]
pub fn instantiate(deps: DepsMut, _: Env, info: MessageInfo, msg: Do) -> StdResult<Response<Added>> {
    deps.storage.set(b"owner", info.sender.as_bytes());
    act(deps, msg)
}

#[entry_point]
pub fn execute(deps: DepsMut, env: Env, info: MessageInfo, msg: Do) -> StdResult<Response<Added>> {
    deps.storage.set(b"env", &cosmwasm_std::to_json_vec(&env)?);
    deps.storage.set(b"info", &cosmwasm_std::to_json_vec(&info)?);
    act(deps, msg)
}

#[entry_point]
pub fn migrate(deps: DepsMut, _: Env, msg: Do, info: MigrateInfo) -> StdResult<Response<Added>> {
    deps.storage.set(b"migrated", &cosmwasm_std::to_json_vec(&info)?);
    act(deps, msg)
}

#[entry_point]
pub fn sudo(deps: DepsMut, _: Env, msg: Do) -> StdResult<Response<Added>> {
    act(deps, msg)
}

#[entry_point]
pub fn reply(deps: DepsMut, _: Env, reply: Reply) -> StdResult<Response<Added>> {
    let id = reply.id;
    let seen = deps.storage.get(b"replies").unwrap_or_default();
    let line = cosmwasm_std::to_json_vec(&reply)?;
    deps.storage.set(b"replies", &[seen, line, b"\n".to_vec()].concat());
    match deps.storage.get(format!("reply/{id}").as_bytes()) {
        Some(bytes) => act(deps, cosmwasm_std::from_json(bytes)?),
        None => Ok(Response::new()),
    }
}

#[entry_point]
pub fn query(deps: Deps, _: Env, msg: Query) -> StdResult<Binary> {
    match msg {
        Query::Get { key } => cosmwasm_std::to_json_binary(&deps.storage.get(key.as_bytes()).map(|v| String::from_utf8_lossy(&v).into_owned())),
        Query::List { from, to, descending, limit } => {
            let order = if descending { Order::Descending } else { Order::Ascending };
            let rows = deps.storage.range(from.as_deref().map(str::as_bytes), to.as_deref().map(str::as_bytes), order);
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let rows: Vec<(String, String)> = rows.take(limit).map(|(key, value)| (text(key), text(value))).collect();
            cosmwasm_std::to_json_binary(&rows)
        }
        Query::Ask { request } => {
            let answer = deps.querier.raw_query(&cosmwasm_std::to_json_vec(&request)?);
            cosmwasm_std::to_json_binary(&format!("{answer:?}"))
        }
        Query::Spin { times } => {
            let mut n = 0u64;
            while n < times {
                n = std::hint::black_box(n + 1);
            }
            cosmwasm_std::to_json_binary(&n)
        }
    }
}
