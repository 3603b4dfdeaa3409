use super::query::{MandateAnswer, OrgAnswer};
use cosmwasm_std::{Addr, MessageInfo, Uint128};
use std::fmt;

/// Units of one token are below 2^96, all together.
pub const UNITS_MAX: Uint128 = Uint128::new((1 << 96) - 1);

/// What contracts refuse, in the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Money came where none is taken.
    NotPayable,
    /// Somebody else than a supervisor.
    NotSupervisor,
    /// Somebody else than the treasury.
    OnlyByVote,
    /// It is no hash, or that of nothing.
    Evidence,
    /// The organization has not named this contract.
    NotNamed,
    /// The mandate has no power over members.
    NotOverMembers,
    /// The mandate has not so many units left.
    Mandate {
        /// Smallest units.
        left: Uint128,
        /// Smallest units.
        need: Uint128,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPayable => to.write_str("money came with the message, and it takes none: send it without"),
            Self::NotSupervisor => to.write_str("only a supervisor of the organization may do this"),
            Self::OnlyByVote => to.write_str("only a vote of the organization may do this"),
            Self::Evidence => to.write_str("the evidence is a hash: 0x and 64 hex digits, not all of them 0"),
            Self::NotNamed => to.write_str("this is not the organization's consensus contract: a vote names it"),
            Self::NotOverMembers => {
                to.write_str("the mandate lets this contract neither admit nor give roles: a vote gives it one that does")
            }
            Self::Mandate { left, need } => write!(
                to,
                "the mandate leaves {left} units in this epoch, and this takes {need}: wait for the next epoch, or vote for a wider one"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// Refuses money, which nobody could get back.
pub fn take_no_money(info: &MessageInfo) -> Result<(), Refusal> {
    if info.funds.is_empty() { Ok(()) } else { Err(Refusal::NotPayable) }
}

/// A hash of evidence in the one form that is kept: `0x` and 64 hex digits in lower case, not all of them 0.
pub fn evidence(text: &str) -> Result<String, Refusal> {
    let digits = text.strip_prefix("0x").ok_or(Refusal::Evidence)?;
    let is_hash = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hash && digits.bytes().any(|digit| digit != b'0') { Ok(text.to_ascii_lowercase()) } else { Err(Refusal::Evidence) }
}

impl OrgAnswer {
    /// Whether a supervisor now.
    pub fn has_supervisor(&self, who: &Addr) -> bool {
        self.supervisors.iter().any(|supervisor| supervisor == who.as_str())
    }

    /// A supervisor, or a refusal.
    pub fn require_supervisor(&self, who: &Addr) -> Result<(), Refusal> {
        if self.has_supervisor(who) { Ok(()) } else { Err(Refusal::NotSupervisor) }
    }
}

impl MandateAnswer {
    /// The mandate is this contract's, and so many units are left of it in this epoch, or a refusal.
    pub fn require(&self, contract: &Addr, units: Uint128) -> Result<(), Refusal> {
        if self.contract.as_deref() != Some(contract.as_str()) {
            return Err(Refusal::NotNamed);
        }
        if self.issue < units { Err(Refusal::Mandate { left: self.issue, need: units }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_has_one_form() {
        let hash = format!("0x{}", "aB".repeat(32));
        assert_eq!(evidence(&hash).unwrap(), hash.to_lowercase());
        let zero = format!("0x{}", "0".repeat(64));
        for wrong in
            ["", "0x", &hash[2..], &hash[..65], &format!("{hash}0"), &hash.replace('B', "g"), &zero, &hash.replace('x', "X")]
        {
            assert_eq!(evidence(wrong), Err(Refusal::Evidence), "{wrong}");
        }
    }

    #[test]
    fn a_mandate_is_asked_before_it_is_used() {
        let (own, other) = (Addr::unchecked("own"), Addr::unchecked("other"));
        let mandate = MandateAnswer { contract: Some("own".into()), members: false, issue: Uint128::new(5), spend: Vec::new() };
        mandate.require(&own, Uint128::new(5)).unwrap();
        assert_eq!(mandate.require(&other, Uint128::zero()), Err(Refusal::NotNamed));
        let short = mandate.require(&own, Uint128::new(10)).unwrap_err();
        assert!(short.to_string().starts_with("the mandate leaves 5 units in this epoch, and this takes 10"), "{short}");
    }
}
