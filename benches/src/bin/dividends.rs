//! What an income costs, and a page of its pay-out: `dividends [holders] [pages]`. An organization's income must cost the same whether one or a
//! million hold its units (TOKENS-3), and a page of pushes must leave a pulse its time (TOKENS-6). Blocks are built as a proposer builds
//! them, over a state in memory; the disk is `store_commit`'s matter.

use leither_harness::pallets::{Call, orgs};
use leither_harness::{Chain, Setup, account, charter, issue, transfer};
use leither_state::WriteSet;
use leither_types::{AccountId, Amount, Block, OrgId, Params, SignedTx, TokenId};
use std::time::Instant;

const MEI: TokenId = TokenId::NATIVE;
/// Units of each holder.
const UNITS: u128 = 1_000;
const ROUNDS: usize = 15;

/// An organization whose units so many hold beside alice, its founder.
fn chain(holders: u64, pushes_max: u32) -> (Chain, OrgId) {
    let mut chain = Chain::new(&Setup { params: Params { pushes_max, ..Params::dev() }, ..Setup::default() });
    chain.trusting = true;
    let rules = orgs::Charter {
        push_least: Amount::new(1),
        treasury_bp: 0,
        issuance_cap: Amount::new(1 << 80),
        ..charter(&["alice"], 1)
    };
    let org = chain.found(&["alice"], "tube", rules);
    let grant = Call::Orgs(orgs::Call::SetRole { org, who: account("alice"), role: orgs::Role::Developer, granted: true });
    chain.ok("alice", grant);
    chain.ok("alice", issue(org, account("alice"), UNITS * u128::from(holders + 1)));
    chain.ok("judy", transfer(MEI, org.treasury(), 100_000_000_000_000));
    let token = chain.org(org).token;
    // Before any income nobody has accrued anything, so holdings are all that there is to plant.
    let mut writes = WriteSet::default();
    let mut alice = chain.holding(token, account("alice"));
    for n in 0..holders {
        let who = AccountId(short(n));
        let mut holding = chain.holding(token, who);
        holding.free = Amount::new(UNITS);
        writes.holdings.insert((token, who), Some(holding));
    }
    alice.free = Amount::new(UNITS);
    writes.holdings.insert((token, account("alice")), Some(alice));
    chain.plant(&writes);
    (chain, org)
}

fn short(n: u64) -> [u8; 20] {
    let mut id = [0; 20];
    id.copy_from_slice(&leither_types::tagged("bench/holder", &[&n.to_be_bytes()]).0[..20]);
    id
}

/// The least time in ms in which such a block is built, and one.
fn timed(chain: &Chain, txs: &[SignedTx]) -> (f64, Block) {
    let once = || {
        let begun = Instant::now();
        let (block, ..) = chain.propose(txs);
        (begun.elapsed().as_secs_f64() * 1e3, block)
    };
    let (mut least, mut block) = once();
    for _ in 1..ROUNDS {
        let (ms, other) = once();
        if ms < least {
            (least, block) = (ms, other);
        }
    }
    (least, block)
}

fn commit(chain: &mut Chain, txs: &[SignedTx]) {
    let (block, outcome, unfit) = chain.propose(txs);
    assert!(unfit.is_empty(), "{unfit:?}");
    chain.commit(block, outcome);
}

fn income(chain: &Chain, org: OrgId, holders: u64) -> SignedTx {
    // A hundred thousand for each: more than its payment costs.
    let amount = Amount::new(100_000 * u128::from(holders + 1));
    let note = leither_harness::text("tickets");
    chain.sign(&["bob"], &[Call::Orgs(orgs::Call::Income { org, token: MEI, amount, note })])
}

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("a number"));
    let (holders, pages) = (words.next().unwrap_or(1_000_000), words.next().unwrap_or(5));
    for many in [0, holders] {
        let (chain, org) = chain(many, 1_000);
        let (ms, _) = timed(&chain, &[income(&chain, org, many)]);
        let (empty, _) = timed(&chain, &[]);
        println!("income, {} holders: {ms:.2} ms a block of it, {empty:.2} ms an empty one", many + 1);
    }
    for pushes in [256, 1_000, 10_000] {
        let (mut chain, org) = chain(holders, pushes);
        let tx = income(&chain, org, holders);
        commit(&mut chain, &[tx]);
        for page in 0..pages {
            let (ms, _) = timed(&chain, &[]);
            commit(&mut chain, &[]);
            let paid = chain.events().iter().filter(|event| format!("{event:?}").starts_with("Tokens(Claimed")).count();
            println!(
                "pay-out, page {page} of {pushes}: {paid} paid, {ms:.1} ms a block, {:.1} us each",
                ms * 1e3 / paid.max(1) as f64
            );
        }
    }
}
