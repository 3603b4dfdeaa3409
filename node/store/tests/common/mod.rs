//! A small chain to store: every height's writes follow from its number alone, so that a test can work out what any state must be.
#![allow(dead_code, reason = "each test file is a program of its own and uses a part")]

use leither_state::{Fault, Holding, Ledger, Read, WriteSet, record_commitment, record_key_hash};
use leither_store::{Commit, Histories, OpenError, Store, VersionRow};
use leither_types::*;
use parity_scale_codec::{Decode, Encode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub fn secret() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub fn validator() -> Validator {
    Validator { key: secret().public(), power: 1, operator: AccountId([9; 20]) }
}

pub fn genesis_named(name: &str) -> GenesisHead {
    GenesisHead {
        version: GENESIS_VERSION,
        name: Text::new(name).unwrap(),
        time: 1_000,
        validators: ValidatorSet::new(vec![validator()]).unwrap(),
        params: Params::dev(),
        dev: true,
        allocations: Genesis::root(&[]),
        origin: None,
    }
}

pub fn genesis() -> GenesisHead {
    genesis_named("store-test")
}

pub fn open(dir: &Path) -> Result<Store, OpenError> {
    Store::open(dir, &genesis(), &|| Ok(writes(0)))
}

/// splitmix64: numbers that look random and follow from the seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

pub fn account(n: u64) -> AccountId {
    let mut id = [0; 20];
    id.copy_from_slice(&tagged("store-test/account", &[&n.to_le_bytes()]).0[..20]);
    AccountId(id)
}

pub fn token(n: u64) -> TokenId {
    TokenId([n as u8; 20])
}

/// What height `height` changes; height 0 is the genesis.
pub fn writes(height: Height) -> WriteSet {
    let mut dice = Dice(height);
    let mut writes = WriteSet::default();
    for _ in 0..40 {
        let holding = match dice.roll(5) {
            0 => None,
            _ => Some(Holding { free: Amount::new(1 + u128::from(dice.roll(1 << 40))), nonce: height, ..Holding::default() }),
        };
        writes.holdings.insert((token(dice.roll(3)), account(dice.roll(200))), holding);
    }
    for _ in 0..10 {
        let key = [b"rk".as_slice(), &dice.roll(60).to_be_bytes()].concat();
        let value = (dice.roll(4) != 0).then(|| vec![dice.roll(256) as u8; dice.roll(3_000) as usize]);
        writes.records.insert(key, value);
    }
    writes
}

/// The state after `height`, worked out without a database.
#[derive(Default)]
pub struct Expected {
    pub holdings: BTreeMap<(TokenId, AccountId), Holding>,
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Expected {
    pub fn at(height: Height) -> Self {
        let mut expected = Self::default();
        (0..=height).for_each(|h| expected.take(&writes(h)));
        expected
    }

    pub fn take(&mut self, writes: &WriteSet) {
        for (key, value) in &writes.holdings {
            match value {
                Some(value) => drop(self.holdings.insert(*key, *value)),
                None => drop(self.holdings.remove(key)),
            }
        }
        for (key, value) in &writes.records {
            match value {
                Some(value) => drop(self.records.insert(key.clone(), value.clone())),
                None => drop(self.records.remove(key)),
            }
        }
    }

    pub fn root(&self) -> Hash {
        let holdings = self.holdings.iter().map(|((token, id), holding)| (*token, *id, *holding));
        let records = self.records.iter().map(|(key, value)| (record_key_hash(key), record_commitment(value)));
        Ledger::load(holdings, records).unwrap().root()
    }

    /// Compares all that a snapshot can tell with what it must be.
    pub fn check(&self, snapshot: &dyn Read) {
        for t in 0..3 {
            let mine: Vec<_> =
                self.holdings.iter().filter(|((of, _), _)| *of == token(t)).map(|((_, id), h)| (*id, *h)).collect();
            assert_eq!(snapshot.holders(&token(t), None, usize::MAX).unwrap(), mine);
            assert_eq!(snapshot.supply(&token(t)).unwrap().0, mine.iter().map(|(_, h)| h.free.0).sum::<u128>());
            for n in 0..200 {
                let key = (token(t), account(n));
                assert_eq!(snapshot.holding(&key.0, &key.1).unwrap(), self.holdings.get(&key).copied());
            }
        }
        let all: Vec<_> = self.records.clone().into_iter().collect();
        assert_eq!(snapshot.records(b"rk", None, usize::MAX).unwrap(), all);
        assert!(all.iter().all(|(key, value)| snapshot.record(key).unwrap().as_ref() == Some(value)));
    }
}

pub fn tx(height: Height, index: u64) -> SignedTx {
    let tx = Tx {
        version: TX_VERSION,
        chain: genesis().chain(),
        signers: List::new(vec![account(1_000 + index % 3)]).unwrap(),
        payer: None,
        nonce: height,
        valid_until: 0,
        max_fee: Amount::new(u128::from(index)),
        weight_limit: 1,
        calls: List::new(vec![Blob::new(vec![1, 2, 3]).unwrap()]).unwrap(),
    };
    SignedTx { tx, witnesses: List::default() }
}

/// A block with all that is stored beside it.
#[derive(Clone)]
pub struct Made {
    pub block: Block,
    pub certificate: Certificate,
    pub writes: WriteSet,
    pub receipts: Vec<Receipt>,
    pub touched: Vec<(u32, AccountId)>,
    pub versions: Vec<VersionRow>,
    pub next_set: ValidatorSet,
}

impl Made {
    pub fn commit(&self) -> Commit<'_> {
        let Self { block, certificate, writes, receipts, touched, versions, next_set } = self;
        Commit { block, certificate, writes, receipts, touched, versions, next_set }
    }

    /// Gives a changed header its certificate.
    pub fn certify(&mut self) {
        let (height, id) = (self.block.header.height, self.block.id());
        let vote = Vote { kind: VoteKind::Precommit, height, round: 0, block: Some(id), validator: validator().id() };
        let signature = secret().sign(&vote.sign_bytes(&genesis().chain()));
        let signatures = List::new(vec![CommitSig { validator: validator().id(), signature }]).unwrap();
        self.certificate = Certificate { height, round: 0, block: id, signatures };
    }
}

/// The next block of the test's chain on the store's head.
pub fn next(store: &Store) -> Made {
    let head = store.head().unwrap();
    let height = head.height + 1;
    with(store, writes(height))
}

/// A next block with these writes.
pub fn with(store: &Store, writes: WriteSet) -> Made {
    let state_root = store.snapshot().unwrap().root_after(&writes).unwrap();
    stating(store, writes, state_root)
}

/// What these tests say of a version: its number and what it holds.
pub fn said(number: u64, content: &str) -> Vec<u8> {
    (number, content).encode()
}

fn versions_key(mimei: &MimeiId) -> Vec<u8> {
    [b"vh", mimei.0.as_slice()].concat()
}

fn history_after(before: &Hash, number: u64, bytes: &[u8]) -> Option<Hash> {
    let (found, _) = <(u64, String)>::decode(&mut &*bytes).ok()?;
    (found == number).then(|| hash_of("store-test", &(before, bytes)))
}

/// How the state of these tests proves versions: by records of the newest number and the history.
pub const HISTORIES: Histories =
    Histories { key: versions_key, stated: |record| <(u64, Hash)>::decode(&mut &*record).ok(), after: history_after };

/// A next block that makes these versions of a MiMei, which has `before` already, all as they are named.
pub fn making(store: &Store, mimei: MimeiId, before: &[&str], made: &[&str]) -> Made {
    let all: Vec<&str> = before.iter().chain(made).copied().collect();
    let rows = |all: &[&str]| -> Vec<VersionRow> {
        (0..).zip(all).map(|(number, content)| VersionRow { mimei, number, bytes: said(number, content) }).collect()
    };
    let fold = |history: Hash, row: &VersionRow| history_after(&history, row.number, &row.bytes).unwrap();
    let history = rows(&all).iter().fold(Hash::ZERO, fold);
    let mut writes = writes(store.head().unwrap().height + 1);
    writes.records.insert(versions_key(&mimei), Some((all.len() as u64 - 1, history).encode()));
    let mut block = with(store, writes);
    block.versions = rows(&all).split_off(before.len());
    block
}

/// A next block that states this root.
pub fn stating(store: &Store, writes: WriteSet, state_root: Hash) -> Made {
    let head = store.head().unwrap();
    let height = head.height + 1;
    let txs: Vec<_> = (0..height % 5).map(|i| tx(height, i)).collect();
    let receipts: Vec<_> = txs
        .iter()
        .map(|tx| Receipt { tx: tx.id(), status: Status::Done, weight: 1, fee: Amount::new(1), events: List::default() })
        .collect();
    let touched = (0u32..).zip(&txs).map(|(i, _)| (i, account(u64::from(i)))).collect();
    let header = Header {
        version: BLOCK_VERSION,
        chain: genesis().chain(),
        height,
        time: 1_000 + height,
        parent: head.id,
        proposer: validator().id(),
        state_root,
        txs_root: Block::txs_root(&txs),
        receipts_root: list_root(&receipts.iter().map(Receipt::hash).collect::<Vec<_>>()),
        evidence_root: list_root(&[]),
        last_certificate: head.certificate.hash(),
        validators: genesis().validators.hash(),
        next_validators: genesis().validators.hash(),
    };
    let block =
        Block { header, last_certificate: head.certificate.clone(), txs: List::new(txs).unwrap(), evidence: List::default() };
    let next_set = genesis().validators;
    let versions = Vec::new();
    let mut made = Made { block, certificate: Certificate::genesis(), writes, receipts, touched, versions, next_set };
    made.certify();
    made
}

/// The set that votes after the n-th handover.
pub fn set(n: u64) -> ValidatorSet {
    let power = n + 1;
    ValidatorSet::new(vec![Validator { power, ..validator() }]).unwrap()
}

/// A next block after which `after` votes, where `now` votes on it.
pub fn handing_over(store: &Store, now: &ValidatorSet, after: &ValidatorSet) -> Made {
    let mut made = with(store, WriteSet::default());
    made.block.header.validators = now.hash();
    made.block.header.next_validators = after.hash();
    made.next_set = after.clone();
    made.certify();
    made
}

/// Commits the test's chain up to `height`.
pub fn grow(store: &Store, height: Height) {
    while store.head().unwrap().height < height {
        store.commit(&next(store).commit()).unwrap();
    }
}

pub fn is_corrupt(result: Result<(), Fault>) -> bool {
    matches!(result, Err(Fault::Corrupt(_)))
}

pub fn snapshot(store: &Store) -> Arc<dyn Read> {
    store.snapshot().unwrap()
}
