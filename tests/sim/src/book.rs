//! The oracle's own money: what the clients said they would pay, added up with plain numbers.

use crate::client::{Order, Want};
use crate::disk::Decided;
use crate::register::{Penalty, Register};
use leither_harness::Memory;
use leither_pallets::{Event, staking};
use leither_types::{AccountId, Block, Certificate, Genesis, Height, Receipt, Status, TokenId, TxId, codec};
use std::collections::BTreeMap;

/// What an account has in all, how much of it is locked, and its counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// In all, in smallest units.
    pub units: u128,
    /// Of these.
    pub locked: u128,
    /// The next transaction's number.
    pub nonce: u64,
}

/// All accounts after a height.
#[derive(Clone, Debug, Default)]
pub struct Page {
    lines: BTreeMap<AccountId, Line>,
    issued: u128,
    burned: u128,
}

/// The newest page, who votes, and what was submitted.
pub struct Book {
    page: Page,
    register: Register,
    submitted: BTreeMap<TxId, Order>,
    committed: BTreeMap<TxId, Height>,
}

impl Book {
    /// What genesis gives.
    pub fn new(genesis: &Genesis) -> Self {
        let line = |units| Line { units, ..Line::default() };
        let lines: BTreeMap<_, _> = genesis.allocations.iter().map(|given| (given.account, line(given.amount.0))).collect();
        let issued = lines.values().map(|line| line.units).sum();
        let page = Page { lines, issued, burned: 0 };
        Self { page, register: Register::new(genesis), submitted: BTreeMap::new(), committed: BTreeMap::new() }
    }

    /// Who votes.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// A client has signed this.
    pub fn submitted(&mut self, order: &Order) {
        self.submitted.insert(order.id, order.clone());
    }

    /// When it was committed.
    pub fn committed(&self, tx: &TxId) -> Option<Height> {
        self.committed.get(tx).copied()
    }

    /// Turns the page: what a block should lead to, and what cannot be in it.
    pub fn turn(&mut self, decided: &Decided, height: Height) -> (Page, Vec<String>) {
        let Decided { block, receipts, .. } = decided;
        let mut wrong = Vec::new();
        let mut fees = 0;
        for (tx, receipt) in block.txs.iter().zip(receipts) {
            match self.post(tx.id(), receipt, height, block.header.time) {
                Ok(fee) => fees += fee,
                Err(what) => wrong.push(what),
            }
        }
        if receipts.len() < block.txs.len() {
            wrong.push("a transaction has no receipt".into());
        }
        if !block.txs.is_empty() {
            self.divide(fees, block);
        }
        let (penalties, unjust) = self.register.end(block, &jailed(receipts.get(block.txs.len()..).unwrap_or_default()));
        wrong.extend(unjust);
        penalties.iter().for_each(|penalty| self.seize(penalty));
        self.page.lines.values_mut().for_each(|line| line.locked = 0);
        for (operator, stake) in self.register.stakes() {
            self.page.lines.entry(*operator).or_default().locked = stake.pledge;
        }
        (self.page.clone(), wrong)
    }

    /// SIM-5: one transaction: the fee always, what it wants if that can be. What the receipt says must be just that.
    fn post(&mut self, id: TxId, receipt: &Receipt, height: Height, time: u64) -> Result<u128, String> {
        let Some(order) = self.submitted.get(&id) else { return Err(format!("nobody submitted {id}")) };
        if let Some(before) = self.committed.insert(id, height) {
            return Err(format!("{id} was committed before, at height {before}"));
        }
        let fee = receipt.fee.0;
        let payer = self.page.lines.entry(order.from).or_default();
        if payer.nonce != order.nonce {
            return Err(format!("{id} has the nonce {}, the account's next was {}", order.nonce, payer.nonce));
        }
        payer.nonce += 1;
        let short = || format!("{id} paid a fee that its payer did not have");
        let free = payer.units.checked_sub(fee + self.register.locked(&order.from)).ok_or_else(short)?;
        payer.units -= fee;
        let done = match &order.want {
            Want::Pay(to, units) if free >= *units => {
                payer.units -= units;
                self.page.lines.entry(*to).or_default().units += units;
                true
            }
            Want::Pay(..) => false,
            want => self.register.order(&order.from, want, free, height, time),
        };
        if done != (receipt.status == Status::Done) {
            return Err(format!("{id} should have {}, its receipt says otherwise", if done { "been done" } else { "failed" }));
        }
        Ok(fee)
    }

    /// Half of the fees to those who signed the parent, by power; all else is burned.
    fn divide(&mut self, fees: u128, block: &Block) {
        let Certificate { signatures, .. } = &block.last_certificate;
        let Some(voters) = self.register.voters(block.header.height.saturating_sub(1).max(1)) else { return };
        let signers: Vec<_> = signatures.iter().filter_map(|commit| voters.get(&commit.validator)).collect();
        let power: u128 = signers.iter().map(|voter| u128::from(voter.power)).sum();
        let mut rest = fees;
        for voter in signers {
            let share = fees / 2 * u128::from(voter.power) / power;
            self.page.lines.entry(voter.operator).or_default().units += share;
            rest -= share;
        }
        self.page.burned += rest;
    }

    /// What evidence cost: a part is the reporter's, the rest is burned.
    fn seize(&mut self, penalty: &Penalty) {
        let line = self.page.lines.entry(penalty.operator).or_default();
        line.units -= penalty.lost.min(line.units);
        self.page.burned += penalty.lost;
        if let Some((reporter, part)) = penalty.reporter {
            self.page.lines.entry(reporter).or_default().units += part;
            self.page.burned -= part;
        }
    }
}

/// Whom the receipts of a block's end say to have been jailed, and until when.
fn jailed(receipts: &[Receipt]) -> Vec<(AccountId, u64)> {
    let events = receipts.iter().flat_map(|receipt| receipt.events.iter());
    let told = |event: &leither_types::EventBytes| match codec::decode_trusted(event) {
        Ok(Event::Staking(staking::Event::Jailed { operator, until })) => Some((operator, until)),
        _ => None,
    };
    events.filter_map(told).collect()
}

impl Page {
    /// What an account has, and its counter.
    pub fn line(&self, account: &AccountId) -> Line {
        self.lines.get(account).copied().unwrap_or_default()
    }

    /// SIM-6: what of a node's stored holdings is not as reckoned here; and whether anything was made or lost.
    pub fn differs(&self, state: &Memory, (issued, burned): (u128, u128)) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut sum = 0;
        let mut lines = self.lines.clone();
        for ((token, account), holding) in state.holdings() {
            if *token != TokenId::NATIVE {
                wrong.push(format!("{account} has units of {token}, which nobody issued"));
                continue;
            }
            let units = holding.free.0 + holding.locked.0;
            sum += units;
            let own = lines.remove(account).unwrap_or_default();
            let line = Line { units, locked: holding.locked.0, nonce: holding.nonce };
            if line != own {
                wrong.push(format!("{account} has {line:?}, it should be {own:?}"));
            }
        }
        lines.retain(|_, line| *line != Line::default());
        if !lines.is_empty() {
            wrong.push(format!("{} accounts are gone", lines.len()));
        }
        if (issued, burned) != (self.issued, self.burned) {
            wrong.push(format!(
                "the state says issued {issued}, burned {burned}; it should be {} and {}",
                self.issued, self.burned
            ));
        }
        if sum + burned != issued {
            wrong.push(format!("balances {sum} and burned {burned} are not the {issued} issued"));
        }
        wrong
    }
}
