//! What this chain adds to the ABI: a contract acts for itself as any account does, and for the organization that named it, within its mandate
//! (WASM-10 to WASM-13). The contract decides; whom the rules let do what, and where money goes, is settled by the pallets, as for anybody.

use super::gas::{GAS_PER_WEIGHT, RECORD_GAS, payment};
use super::pulses::Wanted;
use super::run::{Go, Halt, Run};
use super::{Error, money};
use crate::orgs::{self, Role};
use crate::streams::{self, Terms};
use crate::tokens::{self, SHARES_MAX, Share};
use crate::{Call, Ctx, Origin, Stop, mimei};
use leither_types::{AccountId, Amount, Blob, Hash, List, MimeiId, OrgId, Text, TokenId};
use leither_vm::abi::{LeitherMsg, StdCoin, Uint128, custom};
use leither_vm::address_of;
use std::mem;
use std::str::FromStr;

/// A role as contracts write it.
pub fn role_of(role: custom::Role) -> Role {
    match role {
        custom::Role::Initiator => Role::Initiator,
        custom::Role::Investor => Role::Investor,
        custom::Role::Developer => Role::Developer,
        custom::Role::ContentProvider => Role::ContentProvider,
        custom::Role::ServiceProvider => Role::ServiceProvider,
        custom::Role::DeviceOwner => Role::DeviceOwner,
        custom::Role::Operations => Role::Operations,
        custom::Role::Marketing => Role::Marketing,
    }
}

/// The same the other way.
pub fn role_named(role: Role) -> custom::Role {
    match role {
        Role::Initiator => custom::Role::Initiator,
        Role::Investor => custom::Role::Investor,
        Role::Developer => custom::Role::Developer,
        Role::ContentProvider => custom::Role::ContentProvider,
        Role::ServiceProvider => custom::Role::ServiceProvider,
        Role::DeviceOwner => custom::Role::DeviceOwner,
        Role::Operations => custom::Role::Operations,
        Role::Marketing => custom::Role::Marketing,
    }
}

/// An id as it is written again, like an address (VM-4).
pub fn id<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|id: &T| id.to_string() == text)
}

pub fn account(text: &str) -> Go<AccountId> {
    address_of(text).ok_or(Error::Address.into())
}

fn org(text: &str) -> Go<OrgId> {
    id(text).ok_or(Error::Address.into())
}

fn mimei(text: &str) -> Go<MimeiId> {
    id(text).ok_or(Error::Address.into())
}

fn short<const MAX: usize>(text: String) -> Go<Text<MAX>> {
    Text::new(text).ok_or(Error::Words.into())
}

fn amount(written: Uint128) -> Amount {
    Amount::new(written.u128())
}

/// No supply is beyond 128 bits, though a contract may write 256.
fn coin(written: &StdCoin) -> Go<(TokenId, Amount)> {
    let token = money::token(&written.denom).ok_or(Error::Funds)?;
    let amount = Uint128::try_from(written.amount).map_err(|_| Error::Funds)?;
    Ok((token, Amount::new(amount.u128())))
}

fn shares(written: &[custom::Share]) -> Go<Vec<Share>> {
    if written.len() > SHARES_MAX {
        return Err(Halt::refused(orgs::Error::TooMany { max: SHARES_MAX as u32 }));
    }
    written.iter().map(|share| Ok(Share { to: account(&share.to)?, bp: share.bp })).collect()
}

/// As whom a call is made.
pub enum As {
    Itself,
    ItsOrg,
}

impl Run<'_, '_> {
    /// One message.
    pub fn custom(&mut self, contract: &AccountId, written: &str) -> Go<()> {
        // What another chain calls custom is none of ours.
        let message = serde_json::from_str::<LeitherMsg>(written).map_err(|_| Error::Unsupported)?;
        match message {
            LeitherMsg::Issue { to, amount: units, role, reason, evidence } => {
                let to = account(&to)?;
                let evidence: Hash = evidence.parse().map_err(|_| Error::Words)?;
                let (role, reason, amount) = (role_of(role), short(reason)?, amount(units));
                self.call(contract, As::ItsOrg, |org| Call::Orgs(orgs::Call::Issue { org, to, amount, role, reason, evidence }))
            }
            LeitherMsg::IssueVesting { to, amount: units, role, reason, evidence, start, cliff, end, step_ms } => {
                let (to, amount, evidence) = (account(&to)?, amount(units), evidence.parse().map_err(|_| Error::Words)?);
                let token = TokenId::of_org(&self.org_of(contract)?);
                let terms = Terms { to, token, amount, start, cliff, end, step_ms, is_fixed: true };
                self.issue_vesting(contract, terms, role_of(role), short(reason)?, evidence)
            }
            LeitherMsg::Admit { who } => {
                let who = account(&who)?;
                self.call(contract, As::ItsOrg, |org| Call::Orgs(orgs::Call::Admit { org, who }))
            }
            LeitherMsg::Expel { who } => {
                let who = account(&who)?;
                self.call(contract, As::ItsOrg, |org| Call::Orgs(orgs::Call::Expel { org, who }))
            }
            LeitherMsg::SetRole { who, role, granted } => {
                let (who, role) = (account(&who)?, role_of(role));
                self.call(contract, As::ItsOrg, |org| Call::Orgs(orgs::Call::SetRole { org, who, role, granted }))
            }
            LeitherMsg::Propose { title, msg, gas } => {
                let (title, msg) = (short(title)?, Blob::new(msg.to_vec()).ok_or(Error::Words)?);
                let call = Call::Wasm(super::Call::Execute { contract: *contract, msg, funds: List::default(), gas });
                let calls = call.write().and_then(|call| List::new(vec![call])).ok_or(Error::Words)?;
                self.call(contract, As::ItsOrg, |org| Call::Orgs(orgs::Call::Propose { org, title, calls }))
            }
            LeitherMsg::SetTable { table, shares: written } => {
                let shares = shares(&written)?;
                self.charge(2 * RECORD_GAS)?;
                self.as_its_org(contract, |ctx, org| orgs::set_table(ctx, &org, table, &shares))
            }
            LeitherMsg::Spend { to, coin: written } => {
                let (to, (token, amount)) = (account(&to)?, coin(&written)?);
                self.charge(RECORD_GAS + payment(&token))?;
                self.as_its_org(contract, |ctx, org| {
                    orgs::book_spending(ctx, &org, &token, amount)?;
                    tokens::pay(ctx, &token, &org.treasury(), &to, amount)
                })
            }
            LeitherMsg::Split { coin: written, shares: parts, from } => {
                let ((token, amount), shares) = (coin(&written)?, shares(&parts)?);
                self.split(contract, &token, amount, &shares, from)
            }
            LeitherMsg::SplitByTable { coin: written, table, from } => {
                let (token, amount) = coin(&written)?;
                self.charge(RECORD_GAS)?;
                let org = self.org_of(contract)?;
                let shares = orgs::views::table_now(self.ctx.state, &org, table)?.unwrap_or_default();
                self.split(contract, &token, amount, &shares, from)
            }
            LeitherMsg::Schedule { id, msg, at, every_ms, times, gas, budget } => {
                let (msg, budget) = (msg.to_vec(), amount(budget));
                self.schedule(contract, Wanted { id, msg, at, every_ms, times, gas, budget })
            }
            LeitherMsg::Unschedule { id } => self.unschedule(contract, id),
            LeitherMsg::CoverFees { per_use, per_day } => {
                let (covered, per_use, per_day) = (*contract, amount(per_use), amount(per_day));
                self.call(contract, As::ItsOrg, |org| {
                    Call::Orgs(orgs::Call::CoverFees { org, contract: covered, per_use, per_day })
                })
            }
            LeitherMsg::TokenCreate { symbol, decimals, cap } => {
                let (symbol, cap) = (short(symbol)?, amount(cap));
                self.call(contract, As::ItsOrg, |org| {
                    Call::Orgs(orgs::Call::CreateToken { org, symbol, decimals, cap, minter: None })
                })
            }
            LeitherMsg::TokenMint { denom, to, amount: units, reason, evidence } => {
                let (token, to) = (money::token(&denom).ok_or(Error::Funds)?, account(&to)?);
                let evidence: Hash = evidence.parse().map_err(|_| Error::Words)?;
                let (reason, amount) = (short(reason)?, amount(units));
                self.call(contract, As::Itself, |_| Call::Orgs(orgs::Call::Mint { token, to, amount, reason, evidence }))
            }
            LeitherMsg::StreamOpen { to, coin: written, start, cliff, end, step_ms, is_fixed, from } => {
                let (to, (token, amount)) = (account(&to)?, coin(&written)?);
                self.open_stream(contract, Terms { to, token, amount, start, cliff, end, step_ms, is_fixed }, from)
            }
            LeitherMsg::StreamCancel { stream, from } => self.cancel_stream(contract, stream, from),
            LeitherMsg::StreamDraw { stream } => {
                self.call(contract, As::Itself, |_| Call::Streams(streams::Call::Draw { stream }))
            }
            LeitherMsg::Income { org: to, coin: written, note } => {
                let (org, (token, amount), note) = (org(&to)?, coin(&written)?, short(note)?);
                self.call(contract, As::Itself, |_| Call::Orgs(orgs::Call::Income { org, token, amount, note }))
            }
            LeitherMsg::Claim { org: of, denom } => {
                let (org, token) = (org(&of)?, money::token(&denom).ok_or(Error::Funds)?);
                self.call(contract, As::Itself, |_| Call::Orgs(orgs::Call::Claim { org, token }))
            }
            LeitherMsg::MimeiRelease { mimei: of, number } => {
                let mimei = mimei(&of)?;
                self.call(contract, As::Itself, |_| Call::Mimei(mimei::Call::Release { mimei, number }))
            }
            LeitherMsg::MimeiGrant { mimei: on, who, rights } => {
                let (mimei, who, rights) = (mimei(&on)?, account(&who)?, rights.map(mimei::Rights));
                self.call(contract, As::Itself, |_| Call::Mimei(mimei::Call::Grant { mimei, who, rights }))
            }
            LeitherMsg::MimeiMask { mimei: of, mask } => {
                let (mimei, mask) = (mimei(&of)?, mimei::Mask(mask));
                self.call(contract, As::Itself, |_| Call::Mimei(mimei::Call::SetMask { mimei, mask }))
            }
            LeitherMsg::MimeiGive { mimei: which, to } => {
                let (mimei, to) = (mimei(&which)?, account(&to)?);
                self.call(contract, As::Itself, |_| Call::Mimei(mimei::Call::Give { mimei, to }))
            }
        }
    }

    /// WASM-11: who named this contract.
    pub fn org_of(&mut self, contract: &AccountId) -> Go<OrgId> {
        orgs::views::of_contract(self.ctx.state, contract)?.ok_or(Halt::refused(orgs::Error::NoMandate))
    }

    pub fn as_its_org(&mut self, contract: &AccountId, what: impl FnOnce(&mut Ctx<'_>, OrgId) -> Result<(), Stop>) -> Go<()> {
        let org = self.org_of(contract)?;
        self.acting(Origin::Contract { contract: *contract, mandate: Some(org) }, |ctx| what(ctx, org))
    }

    fn acting(&mut self, origin: Origin<'static>, what: impl FnOnce(&mut Ctx<'_>) -> Result<(), Stop>) -> Go<()> {
        let before = mem::replace(&mut self.ctx.origin, origin);
        let done = what(self.ctx);
        self.ctx.origin = before;
        Ok(done?)
    }

    /// WASM-10: a call as anybody could make it, at the price that anybody pays; what its form forbids is refused.
    pub fn call(&mut self, contract: &AccountId, by: As, call: impl FnOnce(OrgId) -> Call) -> Go<()> {
        let mandate = match by {
            As::Itself => None,
            As::ItsOrg => Some(self.org_of(contract)?),
        };
        let call = call(mandate.unwrap_or_default());
        self.charge(call.weight().saturating_mul(GAS_PER_WEIGHT))?;
        call.check().map_err(Halt::refused)?;
        self.acting(Origin::Contract { contract: *contract, mandate }, |ctx| call.apply(ctx))
    }

    /// WASM-12.
    fn split(&mut self, contract: &AccountId, token: &TokenId, amount: Amount, shares: &[Share], from: custom::Source) -> Go<()> {
        self.charge(payment(token).saturating_mul(shares.len() as u64))?;
        match from {
            custom::Source::Own => Ok(tokens::split(self.ctx, token, contract, amount, shares)?),
            custom::Source::Treasury => {
                self.charge(RECORD_GAS)?;
                self.as_its_org(contract, |ctx, org| {
                    orgs::book_spending(ctx, &org, token, amount)?;
                    tokens::split(ctx, token, &org.treasury(), amount, shares)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_the_same_to_contracts_and_pallets_by_every_name() {
        for role in Role::ALL {
            let named = role_named(role);
            assert_eq!(role_of(named), role);
            assert_eq!(serde_json::to_value(named).unwrap(), serde_json::to_value(role).unwrap());
        }
    }
}
