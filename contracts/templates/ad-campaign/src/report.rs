use crate::Answer;
use crate::campaigns::found;
use crate::error::{ContractError, Refused};
use crate::guests::{credit, ring_earns};
use crate::msg::ViewerAnswer;
use crate::state::{CAMPAIGN, CONFIG, Campaign, Config, EARNED, LAST, SEEN, Seen};
use cosmwasm_std::{
    Addr, Coin, Deps, DepsMut, Env, MessageInfo, Response, StdError, StdResult, Uint128, WasmMsg, to_json_binary,
};
use leither_content_reward::msg::{By, ContentAnswer, ExecuteMsg as Reward, QueryMsg as RewardQuery};
use leither_content_reward::state::Config as RewardConfig;
use leither_sdk::{DAY_MS, Leither, LeitherQuery, View, now_ms, signer_of};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const VIEWS_MAX: usize = 25;

/// What is asked once a report, however many views it has.
struct Known<'a> {
    config: Config,
    campaign: &'a Campaign,
    number: u64,
    day: u64,
    /// Who made a content, its owner among them.
    makers: BTreeMap<String, Vec<String>>,
    members: BTreeMap<Addr, bool>,
    /// What content-reward pays for now.
    stipulated: RewardConfig,
    /// Whether it has named this contract.
    is_named: bool,
    ring_earns: bool,
}

/// Pays for views.
pub fn report(deps: &mut DepsMut<LeitherQuery>, env: &Env, info: &MessageInfo, number: u64, views: &[View]) -> Answer {
    if !info.funds.is_empty() {
        return Err(ContractError::NotPayable);
    }
    if views.is_empty() || views.len() > VIEWS_MAX {
        return Err(ContractError::Views);
    }
    let mut campaign = found(deps.as_ref(), number)?;
    let now = now_ms(env);
    if campaign.ends <= now {
        return Err(ContractError::Ended);
    }
    let config = CONFIG.load(deps.storage)?;
    let reward = config.reward.to_string();
    let (stipulated, is_named) = stipulated(deps.as_ref(), env, &config)?;
    let ring_earns = ring_earns(&stipulated.steps, config.credit_bp);
    let (makers, members) = (BTreeMap::new(), BTreeMap::new());
    let day = now / DAY_MS;
    let mut known = Known { config, campaign: &campaign, number, day, makers, members, stipulated, is_named, ring_earns };
    // Paid together: by content and host.
    let mut groups: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let (mut reported, mut counted_before) = (0u64, None);
    for (place, view) in views.iter().enumerate() {
        match count(deps, env, &mut known, view) {
            Ok(()) => {}
            Err(why @ Refused::Again { .. }) => {
                counted_before.get_or_insert(ContractError::View { place, why });
                continue;
            }
            Err(why) => return Err(ContractError::View { place, why }),
        }
        reported = reported.saturating_add(1);
        let group = groups.entry((&view.content, &view.host)).or_insert(0);
        *group = group.saturating_add(1);
    }
    if let (Some(why), 0) = (counted_before, reported) {
        return Err(why);
    }
    let price = campaign.per_view.checked_mul(Uint128::from(reported)).map_err(StdError::from)?;
    let Ok(rest) = campaign.left.checked_sub(price) else {
        let left = campaign.left.checked_div(campaign.per_view).unwrap_or_default();
        return Err(ContractError::RunsDry { left: u64::try_from(left.u128()).unwrap_or(u64::MAX), reported });
    };
    campaign.left = rest;
    campaign.views = campaign.views.saturating_add(reported);
    CAMPAIGN.save(deps.storage, number, &campaign)?;
    let mut response = Response::new()
        .add_attribute("action", "report")
        .add_attribute("campaign", number.to_string())
        .add_attribute("views", reported.to_string());
    for ((content, host), views) in groups {
        let amount = campaign.per_view.checked_mul(Uint128::from(views)).map_err(StdError::from)?;
        let msg = to_json_binary(&Reward::Value { content: content.into(), host: Some(host.into()) })?;
        let funds = vec![Coin::new(amount, &campaign.denom)];
        response = response.add_message(WasmMsg::Execute { contract_addr: reward.clone(), msg, funds });
    }
    Ok(response)
}

/// What content-reward pays for now, and whether it has named this contract.
fn stipulated(deps: Deps<LeitherQuery>, env: &Env, config: &Config) -> StdResult<(RewardConfig, bool)> {
    let stipulated: RewardConfig = deps.querier.query_wasm_smart(&config.reward, &RewardQuery::Config {})?;
    let is_named = stipulated.ads.as_ref() == Some(&env.contract.address);
    Ok((stipulated, is_named))
}

/// Whether a view counts; then it has.
fn count(deps: &mut DepsMut<LeitherQuery>, env: &Env, known: &mut Known<'_>, view: &View) -> Result<(), Refused> {
    let campaign = known.campaign;
    if view.campaign != known.number {
        return Err(Refused::OtherCampaign);
    }
    if !campaign.contents.is_empty() && !campaign.contents.contains(&view.content) {
        return Err(Refused::OtherContent);
    }
    let text = view.text(&env.block.chain_id, env.contract.address.as_str());
    let viewer = signer_of(deps.api, &text, &view.signature, &view.key).map_err(|_| Refused::Signature)?;
    deps.api.addr_validate(&view.host).map_err(Refused::Std)?;
    if view.host == viewer.as_str() || makers(deps.as_ref(), known, &view.content)?.contains(&viewer.to_string()) {
        return Err(Refused::Own);
    }
    if view.seq >= 1 << 53 {
        return Err(Refused::Number);
    }
    let by_host = (known.number, &viewer, view.host.as_str());
    let last = LAST.may_load(deps.storage, by_host).map_err(Refused::Std)?;
    if let Some(last) = last.filter(|last| view.seq <= *last) {
        return Err(Refused::Again { last });
    }
    let seen = SEEN.may_load(deps.storage, (known.number, &viewer)).map_err(Refused::Std)?.unwrap_or_default();
    let today = if seen.day == known.day { seen.count } else { 0 };
    if today >= campaign.per_day {
        return Err(Refused::Capped { cap: campaign.per_day });
    }
    if !is_member(deps.as_ref(), known, &viewer)? {
        spend_credit(deps, known, &viewer)?;
    }
    LAST.save(deps.storage, by_host, &view.seq).map_err(Refused::Std)?;
    let seen = Seen { day: known.day, count: today + 1 };
    SEEN.save(deps.storage, (known.number, &viewer), &seen).map_err(Refused::Std)
}

fn makers<'k>(deps: Deps<LeitherQuery>, known: &'k mut Known<'_>, content: &str) -> Result<&'k Vec<String>, Refused> {
    match known.makers.entry(content.into()) {
        Entry::Occupied(makers) => Ok(makers.into_mut()),
        Entry::Vacant(place) => {
            let ask = RewardQuery::Content { content: content.into() };
            let recorded: ContentAnswer = deps.querier.query_wasm_smart(&known.config.reward, &ask).map_err(Refused::Std)?;
            let head = Leither::new(&deps.querier).mimei(content).map_err(Refused::Std)?;
            let mut makers: Vec<String> = recorded.recorded.into_iter().map(|r| r.who.into()).collect();
            makers.extend([head.owner, head.author]);
            for step in &known.stipulated.steps {
                let By::Fixed { payees } = &step.by else { continue };
                makers.extend(payees.iter().map(|payee| payee.who.clone()));
            }
            Ok(place.insert(makers))
        }
    }
}

fn is_member(deps: Deps<LeitherQuery>, known: &mut Known<'_>, viewer: &Addr) -> Result<bool, Refused> {
    if let Some(member) = known.members.get(viewer) {
        return Ok(*member);
    }
    let member = Leither::new(&deps.querier).member(&known.config.org, viewer.as_str()).map_err(Refused::Std)?.member;
    known.members.insert(viewer.clone(), member);
    Ok(member)
}

/// A guest's view counts as far as was paid.
fn spend_credit(deps: &mut DepsMut<LeitherQuery>, known: &Known<'_>, viewer: &Addr) -> Result<(), Refused> {
    let (denom, need) = (&known.campaign.denom, known.campaign.per_view);
    if known.ring_earns {
        return Err(Refused::Ring);
    }
    let have = credit(deps.as_ref(), &known.config, known.is_named, viewer, denom).map_err(Refused::Std)?;
    if have < need {
        return Err(Refused::Free { have: have.to_string(), need: need.to_string() });
    }
    let key = (viewer, denom.as_str());
    let earned = EARNED.may_load(deps.storage, key).map_err(Refused::Std)?.unwrap_or_default();
    let earned = earned.checked_add(need).map_err(|e| Refused::Std(e.into()))?;
    EARNED.save(deps.storage, key, &earned).map_err(Refused::Std)
}

/// What somebody is to a campaign.
pub fn viewer(deps: Deps<LeitherQuery>, env: &Env, number: u64, who: &str) -> StdResult<ViewerAnswer> {
    let who = deps.api.addr_validate(who)?;
    let config = CONFIG.load(deps.storage)?;
    let campaign = CAMPAIGN.load(deps.storage, number)?;
    let seen = SEEN.may_load(deps.storage, (number, &who))?.unwrap_or_default();
    let (_, is_named) = stipulated(deps, env, &config)?;
    let is_today = seen.day == now_ms(env) / DAY_MS;
    Ok(ViewerAnswer {
        member: Leither::new(&deps.querier).member(&config.org, who.as_str())?.member,
        credit: credit(deps, &config, is_named, &who, &campaign.denom)?,
        today: if is_today { seen.count } else { 0 },
    })
}
