//! The oracle's own money: what the people said they would pay, added up with plain numbers.

use crate::client::Transfer;
use crate::disk::Decided;
use leither_harness::Memory;
use leither_types::{AccountId, Block, Certificate, Genesis, Height, Receipt, Status, TokenId, TxId, ValidatorId};
use std::collections::BTreeMap;

/// What an account has, and its counter.
pub type Line = (u128, u64);

/// All accounts after a height.
#[derive(Clone, Debug, Default)]
pub struct Page {
    lines: BTreeMap<AccountId, Line>,
    issued: u128,
    burned: u128,
}

/// The newest page, and what was submitted.
pub struct Book {
    page: Page,
    /// Power and account of each validator.
    seats: BTreeMap<ValidatorId, (u128, AccountId)>,
    submitted: BTreeMap<TxId, Transfer>,
    committed: BTreeMap<TxId, Height>,
}

impl Book {
    /// What genesis gives.
    pub fn new(genesis: &Genesis) -> Self {
        let lines: BTreeMap<_, _> = genesis.allocations.iter().map(|given| (given.account, (given.amount.0, 0))).collect();
        let issued = lines.values().map(|line| line.0).sum();
        let seats = genesis.head.validators.iter().map(|v| (v.id(), (u128::from(v.power), v.operator))).collect();
        Self { page: Page { lines, issued, burned: 0 }, seats, submitted: BTreeMap::new(), committed: BTreeMap::new() }
    }

    /// A client has signed this.
    pub fn submitted(&mut self, transfer: &Transfer) {
        self.submitted.insert(transfer.id, transfer.clone());
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
            match self.post(tx.id(), receipt, height) {
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
        (self.page.clone(), wrong)
    }

    /// SIM-5: one transfer: the fee always, the amount if it is there. What the receipt says must be just that.
    fn post(&mut self, id: TxId, receipt: &Receipt, height: Height) -> Result<u128, String> {
        let Some(transfer) = self.submitted.get(&id) else { return Err(format!("nobody submitted {id}")) };
        if let Some(before) = self.committed.insert(id, height) {
            return Err(format!("{id} was committed before, at height {before}"));
        }
        let fee = receipt.fee.0;
        let payer = self.page.lines.entry(transfer.from).or_default();
        if payer.1 != transfer.nonce {
            return Err(format!("{id} has the nonce {}, the account's next was {}", transfer.nonce, payer.1));
        }
        payer.1 += 1;
        payer.0 = payer.0.checked_sub(fee).ok_or_else(|| format!("{id} paid a fee that its payer did not have"))?;
        let pays = payer.0 >= transfer.units;
        if pays {
            payer.0 -= transfer.units;
            self.page.lines.entry(transfer.to).or_default().0 += transfer.units;
        }
        if pays != (receipt.status == Status::Done) {
            return Err(format!("{id} should have {}, its receipt says otherwise", if pays { "been done" } else { "failed" }));
        }
        Ok(fee)
    }

    /// Half of the fees to those who signed the parent, by power; all else is burned.
    fn divide(&mut self, fees: u128, block: &Block) {
        let Certificate { signatures, .. } = &block.last_certificate;
        let seats: Vec<_> = signatures.iter().filter_map(|commit| self.seats.get(&commit.validator)).collect();
        let power: u128 = seats.iter().map(|seat| seat.0).sum();
        let mut rest = fees;
        for (own, account) in seats {
            let share = fees / 2 * own / power;
            self.page.lines.entry(*account).or_default().0 += share;
            rest -= share;
        }
        self.page.burned += rest;
    }
}

impl Page {
    /// What an account has in all, and its counter.
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
            let line = lines.remove(account).unwrap_or_default();
            if line != (units, holding.nonce) {
                wrong.push(format!("{account} has {units} and nonce {}, it should be {} and {}", holding.nonce, line.0, line.1));
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
