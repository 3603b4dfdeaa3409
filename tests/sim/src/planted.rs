//! What a planted mistake in the rules does. It is no node's private mistake: all who run with it agree.

use crate::app::{App, Stopped};
use leither_executor::{Draft, Invalid, Outcome, Parent, Refused, build};
use leither_state::{Fault, HolderPart, Holding, HoldingProof};
use leither_types::{AccountId, Amount, Block, TokenId};
use std::sync::Arc;

impl App {
    /// Adds what this block has paid to the validators' accounts to them once more, and states the root of that.
    pub(crate) fn pay_twice(&self, parent: &Parent, outcome: &mut Outcome) -> Result<(), Stopped> {
        self.add_again(parent, outcome).map_err(|fault| fault.to_string())
    }

    fn add_again(&self, parent: &Parent, outcome: &mut Outcome) -> Result<(), Fault> {
        let operators: Vec<AccountId> = self.validators.set().iter().map(|seat| seat.operator).collect();
        for ((token, who), holding) in &mut outcome.writes.holdings {
            if *token != TokenId::NATIVE || !operators.contains(who) {
                continue;
            }
            let Some(now) = holding else { continue };
            let before = parent.state.holding(token, who)?.map_or(Amount::ZERO, |before: Holding| before.free);
            now.free = Amount::new(now.free.0.saturating_mul(2).saturating_sub(before.0));
        }
        outcome.state_root = parent.state.root_after(&outcome.writes)?;
        Ok(())
    }

    /// Executes a block by the mistaken rules.
    pub(crate) fn execute_twice(&self, mut parent: Parent, block: &Block) -> Result<Outcome, Refused> {
        parent.certificate = block.last_certificate.clone();
        let evidence = block.evidence.to_vec();
        let draft = Draft { time: block.header.time, proposer: block.header.proposer, evidence };
        let txs: Vec<_> = block.txs.iter().cloned().map(Arc::new).collect();
        let (mut built, mut outcome, _) = build(&parent, &draft, &txs, self.checks())?;
        self.add_again(&parent, &mut outcome)?;
        built.header.state_root = outcome.state_root;
        if built.header == block.header { Ok(outcome) } else { Err(Invalid::Header("content").into()) }
    }

    /// A proof that `id` holds nothing, made of one of an account that does hold nothing: what somebody may try on a light client.
    pub(crate) fn forged_absence(&self, id: &AccountId) -> HoldingProof {
        let mut absent = *id;
        let state = self.disk.state();
        for n in 0..=u8::MAX {
            absent.0[0] = n;
            if state.holdings().all(|((_, known), _)| *known != absent) {
                break;
            }
        }
        let mut proof = state.ledger().prove_holding(&TokenId::NATIVE, &absent);
        proof.holder = proof.holder.map(|part| HolderPart { holding: None, ..part });
        proof
    }
}
