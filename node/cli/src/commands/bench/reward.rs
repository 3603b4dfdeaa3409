//! Value events of an organization, for `bench transfers --content-reward`: each pays a thousand smallest units to five payees in five roles.

use super::fleet::Fleet;
use super::founder::{Founder, bytes, fault};
use crate::commands::org::standard_charter;
use crate::exit::{Done, Failure};
use crate::templates::Template;
use leither_pallets::orgs::{self, Role};
use leither_pallets::wasm::{Call as WasmCall, Coin};
use leither_pallets::{Call, mimei};
use leither_types::{AccountId, Amount, List, MimeiId, OrgId, Text, TokenId};
use serde_json::json;

/// Who is paid, beside those who pay and who sets it up.
pub const PAYEES: usize = 5;
const ROLES: [Role; PAYEES] =
    [Role::Developer, Role::ServiceProvider, Role::ContentProvider, Role::DeviceOwner, Role::Operations];

/// The contract, what is paid for, and what one event may use.
#[derive(Clone, Copy)]
pub struct Reward {
    contract: AccountId,
    content: MimeiId,
    host: AccountId,
    gas: u64,
}

impl Reward {
    /// One value event.
    pub fn call(&self) -> Option<Call> {
        value(self.contract, &self.content, &self.host, self.gas)
    }
}

fn value(contract: AccountId, content: &MimeiId, host: &AccountId, gas: u64) -> Option<Call> {
    let msg = json!({ "value": { "content": content.to_string(), "host": host.to_string() } });
    let coin = Coin { token: TokenId::NATIVE, amount: Amount::new(1_000) };
    Some(Call::Wasm(WasmCall::Execute { contract, msg: bytes(&msg)?, funds: List::new(vec![coin])?, gas }))
}

/// Founds an organization with a payee in each role, deploys the contract, records who made a content.
pub async fn set_up(fleet: &Fleet, accounts: usize) -> Done<Reward> {
    let mut founder = Founder::at(fleet, accounts).await?;
    let charter = standard_charter(vec![founder.account()]).ok_or_else(fault)?;
    let symbol = Text::new("bench").ok_or_else(fault)?;
    founder
        .send(Call::Orgs(orgs::Call::Create { name: Text::new("bench").ok_or_else(fault)?, symbol, decimals: 6, charter }))
        .await?;
    let org = OrgId::derive(&founder.account(), 0, 0);
    let mut payees = Vec::new();
    for (n, role) in ROLES.into_iter().enumerate() {
        let mut payee = Founder::at(fleet, accounts + 1 + n).await?;
        payee.send(Call::Orgs(orgs::Call::Apply { org, evidence: None, note: Text::default() })).await?;
        let who = payee.account();
        founder.send(Call::Orgs(orgs::Call::Admit { org, who })).await?;
        founder.send(Call::Orgs(orgs::Call::SetRole { org, who, role, granted: true })).await?;
        payees.push(who);
    }
    let [developer, collector, producer, host, operator] = <[AccountId; PAYEES]>::try_from(payees).map_err(|_| fault())?;
    let template = Template::named("content-reward").ok_or_else(|| Failure::fault("the template is gone"))?;
    let code = founder.store(template.wasm).await?;
    let fixed = |who: AccountId| json!({ "fixed": { "payees": [{ "who": who.to_string(), "weight": 1 }] } });
    let contract = founder
        .instantiate(
            code,
            &json!({ "org": org.to_string(), "steps": [
                { "name": "developer", "bp": 1_500, "role": "developer", "by": fixed(developer) },
                { "name": "collector", "bp": 1_500, "role": "service_provider", "by": { "content": {} } },
                { "name": "producer", "bp": 4_000, "role": "content_provider", "by": { "content": {} } },
                { "name": "host", "bp": 1_500, "role": "device_owner", "by": { "host": {} } },
                { "name": "operator", "bp": 1_500, "role": "operations", "by": fixed(operator) },
            ] }),
        )
        .await?;
    let (app, kind, mark) = (
        Text::new("files").ok_or_else(fault)?,
        Text::new("file").ok_or_else(fault)?,
        Text::new("bench").ok_or_else(fault)?,
    );
    let content = MimeiId::derive(&founder.account(), &app, &kind, &mark);
    founder.send(Call::Mimei(mimei::Call::Create { app, kind, mark })).await?;
    for (step, who) in [("collector", collector), ("producer", producer)] {
        let record = json!({ "record": { "content": content.to_string(), "step": step, "who": who.to_string(), "weight": 1 } });
        let msg = bytes(&record).ok_or_else(fault)?;
        founder
            .send(Call::Wasm(WasmCall::Execute { contract, msg, funds: List::default(), gas: 10_000_000_000 }))
            .await?;
    }
    let gas = founder.gas_of(|gas| value(contract, &content, &host, gas)).await?;
    Ok(Reward { contract, content, host, gas })
}
