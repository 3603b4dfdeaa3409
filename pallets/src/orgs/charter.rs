use super::Error;
use leither_types::{AccountId, Amount, Hash, List, SIGNERS_MAX, TokenId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// The ways in (R45). At least one is open; a supervisor confirms in each.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinPolicy {
    /// Anyone may apply.
    pub application: bool,
    /// Whom a member sponsors may apply.
    pub sponsorship: bool,
    /// Who did this task may apply: the hash of its description. The application names the evidence.
    pub task: Option<Hash>,
}

/// What the founders stipulate. Changed by vote alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// Who confirms members and issues within the cap; 1 to 16, all members.
    pub supervisors: List<AccountId, 16>,
    /// How many of them must sign together where it says `supervisors`; at most as many as can sign a transaction.
    pub threshold: u8,
    /// How one becomes a member.
    pub join: JoinPolicy,
    /// Votes cast, of all that could be, for a vote to count; in 1/10,000.
    pub quorum_bp: u16,
    /// Votes for, of those cast, to pass: more than this; in 1/10,000, at least 5,000.
    pub pass_bp: u16,
    /// How long a proposal is open, in ms of block time; 1 s to 30 days.
    #[serde(with = "leither_types::json::decimal")]
    pub period_ms: u64,
    /// How long supervisors may veto what has passed, in ms of block time; at most 30 days.
    #[serde(with = "leither_types::json::decimal")]
    pub veto_ms: u64,
    /// What supervisors may issue in an epoch, in smallest units; 0: nothing without a vote.
    pub issuance_cap: Amount,
    /// In which tokens income is taken; 1 to 4.
    pub income_tokens: List<TokenId, 4>,
    /// What of an income stays in the treasury, in 1/10,000.
    pub treasury_bp: u16,
    /// Dividends are pushed from this amount on, in smallest units of the income token; 0: never pushed, only claimed. It bounds what pushes
    /// may cost: each is paid by the treasury, 60,000 times the base fee, and whoever pays income in causes as many as there are
    /// holders who are owed this much. In `mei`, besides, nothing is pushed that is less than its push costs.
    pub push_least: Amount,
    /// What the organization pays of a member's fees in a day, in smallest units of `mei`; 0: nothing.
    pub allowance: Amount,
}

const SECOND_MS: u64 = 1_000;
const MONTH_MS: u64 = 30 * 24 * 3600 * SECOND_MS;
/// 100 %.
pub(crate) const ALL_BP: u16 = crate::tokens::WHOLE_BP;

impl Charter {
    /// Whether the numbers make sense together; says which one does not.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |what| Err(Error::Charter { what });
        let mut sorted: Vec<_> = self.supervisors.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if self.supervisors.is_empty() || sorted.len() != self.supervisors.len() {
            return bad(1);
        }
        if self.threshold == 0 || usize::from(self.threshold) > self.supervisors.len().min(SIGNERS_MAX) {
            return bad(2);
        }
        if !self.join.application && !self.join.sponsorship && self.join.task.is_none() {
            return bad(3);
        }
        if self.quorum_bp > ALL_BP || self.treasury_bp > ALL_BP {
            return bad(4);
        }
        if !(ALL_BP / 2..ALL_BP).contains(&self.pass_bp) {
            return bad(5);
        }
        if !(SECOND_MS..=MONTH_MS).contains(&self.period_ms) || self.veto_ms > MONTH_MS {
            return bad(6);
        }
        let mut tokens: Vec<_> = self.income_tokens.to_vec();
        tokens.sort_unstable();
        tokens.dedup();
        if tokens.is_empty() || tokens.len() != self.income_tokens.len() {
            return bad(7);
        }
        Ok(())
    }
}
