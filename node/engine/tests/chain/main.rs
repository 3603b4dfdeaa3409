//! Real engines on loopback, on real stores: what they commit, on what they agree, and what they do not let in.

mod ahead;
mod net;

use leither_engine::{AdmitError, Engine, GuardError, NodeFault, StartError};
use leither_pallets::{Call, orgs};
use leither_types::{Amount, CallBytes, Genesis, Hash, List, OrgId, Params, SignedTx, Text, TokenId, TxId};
use net::{Net, account, check_history, genesis, signed, transfer};
use parity_scale_codec::Encode;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn quick() -> Params {
    Params { pulse_ms: 200, pulse_min_ms: 50, ..Params::standard() }
}

fn bytes(txs: &[SignedTx]) -> Vec<Vec<u8>> {
    txs.iter().map(Encode::encode).collect()
}

fn ids(txs: &[SignedTx]) -> Vec<TxId> {
    txs.iter().map(SignedTx::id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_validator_commits_what_is_sent_and_nothing_else() {
    let net = Net::new(genesis(1, 100, Params::standard()));
    let chain = net.chain();
    let mut node = net.start(0).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(node.height(), 0, "nothing to record, no pulse");

    let begun = Instant::now();
    let tx = transfer(chain, 0, 0, 1, 5_000);
    assert_eq!(node.engine.submit(tx.encode()).await.unwrap(), tx.id());
    let pulse = node.next().await;
    println!("the first transfer after idle is final after {:?}", begun.elapsed());
    assert_eq!((pulse.height, pulse.block.txs.len()), (1, 1));
    assert_eq!(pulse.receipts[0].tx, tx.id());
    assert_eq!(node.engine.pending(&tx.id()), None);

    // Fifteen from each of a hundred accounts, in one batch, one of them twice.
    let mut txs: Vec<_> = (0..100u32)
        .flat_map(|n| (1..15u64).map(move |nonce| (n, nonce - u64::from(n != 0))))
        .map(|(n, nonce)| transfer(chain, n, nonce, n + 1, 7))
        .collect();
    txs.push(txs[0].clone());
    let answers = node.engine.submit_many(bytes(&txs)).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    txs.pop();
    node.finalizes(&ids(&txs)).await;
    assert_eq!(node.engine.status().pool_txs, 0);

    let before = node.height();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(node.height(), before, "idle again");
    let history = check_history(&node.store, &chain);
    let free = node.free(1);
    node.stop().await;

    let mut node = net.start(0).await;
    assert_eq!(check_history(&node.store, &chain), history);
    assert_eq!(node.free(1), free);
    let tx = transfer(chain, 0, 15, 1, 5_000);
    node.engine.submit(tx.encode()).await.unwrap();
    let pulse = node.next().await;
    assert_eq!(pulse.height, before + 1, "the restart made no pulse of its own");
    assert_eq!(pulse.header.parent, history[history.len() - 1]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_validators_agree_on_every_block_and_one_that_was_away_catches_up() {
    let net = Net::new(genesis(4, 40, quick()));
    let chain = net.chain();
    let mut nodes = Vec::new();
    for n in 0..4 {
        nodes.push(net.start(n).await);
    }
    let mut sent = Vec::new();
    for nonce in 0..10 {
        let txs: Vec<_> = (0..40).map(|n| transfer(chain, n, nonce, (n + 7) % 40, 11)).collect();
        let to = &nodes[nonce as usize % 4];
        let answers = to.engine.submit_many(bytes(&txs)).await.unwrap();
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        for node in &nodes {
            node.finalizes(&ids(&txs)).await;
        }
        sent.extend(ids(&txs));
    }
    println!("400 transfers in {} blocks", nodes[0].height());

    // Three of four go on alone.
    let away = nodes.pop().unwrap();
    let left_at = away.height();
    away.stop().await;
    for nonce in 10..14 {
        let txs: Vec<_> = (0..40).map(|n| transfer(chain, n, nonce, (n + 7) % 40, 11)).collect();
        nodes[0].engine.submit_many(bytes(&txs)).await.unwrap();
        for node in &nodes {
            node.finalizes(&ids(&txs)).await;
        }
        sent.extend(ids(&txs));
    }
    let back = net.start(3).await;
    assert!(back.height() >= left_at);
    back.reaches(nodes[0].height()).await;
    nodes.push(back);
    let txs = [transfer(chain, 0, 14, 1, 1)];
    nodes[3].engine.submit_many(bytes(&txs)).await.unwrap();
    for node in &nodes {
        node.finalizes(&ids(&txs)).await;
    }
    sent.extend(ids(&txs));

    let common = nodes.iter().map(|node| node.height()).min().unwrap();
    let histories: Vec<Vec<Hash>> = nodes
        .iter()
        .map(|node| check_history(&node.store, &chain).into_iter().take(common as usize).collect())
        .collect();
    assert!(histories.windows(2).all(|pair| pair[0] == pair[1]));
    let mut seen = Vec::new();
    for height in 1..=common {
        let block = nodes[0].store.block(height).unwrap().unwrap();
        let times: Vec<_> = nodes.iter().map(|node| node.store.header(height).unwrap().unwrap().state_root).collect();
        assert!(times.windows(2).all(|pair| pair[0] == pair[1]), "one state at height {height}");
        seen.extend(block.txs.iter().map(SignedTx::id));
    }
    seen.sort_unstable();
    sent.sort_unstable();
    assert_eq!(seen, sent, "each transaction once");
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_stand_in_a_block_is_refused_with_its_reason() {
    let net = Net::new(genesis(1, 10, quick()));
    let chain = net.chain();
    let node = net.start(0).await;
    let good = transfer(chain, 0, 0, 1, 5);
    let mut swapped = good.clone();
    swapped.witnesses = leither_types::List::new(vec![leither_types::Witness {
        signature: transfer(chain, 0, 1, 1, 5).witnesses[0].signature,
        ..good.witnesses[0]
    }])
    .unwrap();
    let mut longer = good.encode();
    longer.push(0);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "malformed"),
        (vec![0xff; 100], "malformed"),
        (vec![0; 70_000], "malformed"),
        (longer, "malformed"),
        (good.encode()[..50].to_vec(), "malformed"),
        (transfer(Hash([9; 32]), 0, 0, 1, 5).encode(), "wrong_chain"),
        (swapped.encode(), "bad_signature"),
        (transfer(chain, 0, 16, 1, 5).encode(), "nonce_too_far"),
        (transfer(chain, 99, 0, 1, 5).encode(), "cannot_pay"),
    ];
    for (bytes, reason) in &cases {
        let refused = node.engine.submit(bytes.clone()).await.unwrap_err();
        assert_eq!(refused.reason(), *reason, "{refused}");
        assert!(!refused.to_string().is_empty());
    }
    node.engine.submit(good.encode()).await.unwrap();
    node.finalizes(&[good.id()]).await;
    let again = node.engine.submit(good.encode()).await.unwrap_err();
    assert_eq!(again.reason(), "nonce_used");
    // The good one is remembered; the same transaction with another signature is not it. It waits for the nonce before its own.
    let ahead = transfer(chain, 0, 2, 1, 5);
    node.engine.submit(ahead.encode()).await.unwrap();
    let mut swapped_ahead = ahead;
    swapped_ahead.witnesses = swapped.witnesses.clone();
    assert_eq!(node.engine.submit(swapped_ahead.encode()).await.unwrap_err().reason(), "bad_signature");
    // What could not stand in a block anyway costs nobody the work of a signature.
    assert_eq!(node.engine.submit(swapped.encode()).await.unwrap_err().reason(), "nonce_used");
    // Good and bad in one batch do not harm each other.
    let mixed = vec![transfer(chain, 1, 0, 2, 5).encode(), swapped.encode(), transfer(chain, 2, 0, 3, 5).encode()];
    let answers = node.engine.submit_many(mixed).await.unwrap();
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(matches!(answers[1], Err(AdmitError::Unfit(_))));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_waits_for_another_does_not_drive_the_chain() {
    let net = Net::new(genesis(1, 10, quick()));
    let chain = net.chain();
    let node = net.start(0).await;
    let early = [1, 2].map(|nonce| transfer(chain, 0, nonce, 1, 5));
    for tx in &early {
        node.engine.submit(tx.encode()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(node.height(), 0, "the pool holds {}", node.engine.status().pool_txs);
    assert_eq!(node.engine.pending(&early[0].id()).map(|tx| tx.id()), Some(early[0].id()));
    let first = transfer(chain, 0, 0, 1, 5);
    node.engine.submit(first.encode()).await.unwrap();
    node.finalizes(&[first.id(), early[0].id(), early[1].id()]).await;
    assert_eq!(node.height(), 1, "all three in one block");
    node.stop().await;
}

/// PACE-9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vote_ends_at_its_time_on_an_idle_chain() {
    let net = Net::new(genesis(1, 10, Params::standard()));
    let chain = net.chain();
    let mut node = net.start(0).await;
    let charter = orgs::Charter {
        supervisors: List::new(vec![account(0)]).unwrap(),
        threshold: 1,
        join: orgs::JoinPolicy { application: true, sponsorship: false, task: None },
        quorum_bp: 5_000,
        pass_bp: 5_000,
        period_ms: 1_000,
        veto_ms: 0,
        issuance_cap: Amount::ZERO,
        income_tokens: List::new(vec![TokenId::NATIVE]).unwrap(),
        treasury_bp: 0,
        push_least: Amount::ZERO,
        allowance: Amount::ZERO,
    };
    let create =
        orgs::Call::Create { name: Text::new("club").unwrap(), symbol: Text::new("club").unwrap(), decimals: 0, charter };
    let org = OrgId::derive(&account(0), 0, 0);
    let role = orgs::Call::SetRole { org, who: account(0), role: orgs::Role::Developer, granted: true };
    let calls = List::new(vec![CallBytes::new(Call::Orgs(role).encode()).unwrap()]).unwrap();
    let propose = orgs::Call::Propose { org, title: Text::new("nobody votes").unwrap(), calls };
    let txs = [signed(chain, 0, 0, &Call::Orgs(create)), signed(chain, 0, 1, &Call::Orgs(propose))];
    let begun = Instant::now();
    let answers = node.engine.submit_many(bytes(&txs)).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    node.finalizes(&ids(&txs)).await;
    loop {
        node.next().await;
        let state = node.store.snapshot().unwrap();
        let (_, proposal) = orgs::views::proposals(&*state, &org, None, 1).unwrap().pop().expect("it was opened");
        if proposal.stage == orgs::Stage::Closed(orgs::Outcome::Rejected) {
            break;
        }
    }
    println!("the vote of one second ended after {:?}; a heartbeat comes after a minute", begun.elapsed());
    assert!(node.height() <= 4, "it took no pulses beyond: {}", node.height());
    let before = node.height();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(node.height(), before, "idle again");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_guard_a_used_key_does_not_start() {
    let net = Net::new(genesis(1, 10, quick()));
    let chain = net.chain();
    let mut node = net.start(0).await;
    node.engine.submit(transfer(chain, 0, 0, 1, 5).encode()).await.unwrap();
    node.next().await;
    node.stop().await;
    std::fs::remove_file(net.home(0).join("validator/sign_state.json")).unwrap();
    let store = net.store(0);
    let refused = Engine::start(net.config(0), store).await.err().unwrap();
    assert!(matches!(refused, StartError::Guard(GuardError::Missing(_))), "{refused}");
}

/// The node has signed in the height that comes next, or says so, and what its log would tell is gone.
fn lose_its_log(net: &Net, n: usize) -> u64 {
    let guard = net.home(n).join("validator/sign_state.json");
    let next = net.store(n).head().unwrap().height + 1;
    let mut signed: serde_json::Value = serde_json::from_slice(&std::fs::read(&guard).unwrap()).unwrap();
    signed["last"] = serde_json::json!({
        "height": next, "round": 0, "step": "precommit", "content": Hash([7; 32]).to_string()
    });
    std::fs::write(&guard, serde_json::to_vec(&signed).unwrap()).unwrap();
    std::fs::remove_file(net.home(n).join("data").join(leither_engine::WAL_FILE)).unwrap();
    next
}

/// SIGN-6: both of two are needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_others_cannot_go_on_the_owner_ends_the_abstention() {
    let net = Net::new(genesis(2, 20, quick()));
    let chain = net.chain();
    let (first, second) = (net.start(0).await, net.start(1).await);
    let tx = transfer(chain, 0, 0, 1, 5);
    first.engine.submit(tx.encode()).await.unwrap();
    second.finalizes(&[tx.id()]).await;
    second.stop().await;
    lose_its_log(&net, 1);
    for restart in 0..2 {
        let second = net.start(1).await;
        assert!(second.engine.status().abstains_up_to.is_some(), "start {restart}: a log that was begun anew tells nothing");
        second.stop().await;
    }
    let tx = transfer(chain, 0, 1, 1, 5);
    first.engine.submit(tx.encode()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(first.store.tx(&tx.id()).unwrap(), None, "one of two decides nothing");
    let second = net.start_with(1, net.store(1), true).await;
    second.finalizes(&[tx.id()]).await;
    assert_eq!(second.engine.status().abstains_up_to, None);
    first.stop().await;
    second.stop().await;
}

/// SIGN-5: one of four loses the engine's log, the other three go on, and it votes again once they have passed the height.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_its_log_abstains_until_the_height_is_over() {
    let net = Net::new(genesis(4, 20, quick()));
    let chain = net.chain();
    let mut nodes = Vec::new();
    for n in 0..4 {
        nodes.push(net.start(n).await);
    }
    let mut nonce = 0;
    let mut pay = |count: u64| {
        let txs: Vec<_> = (nonce..nonce + count).map(|nonce| transfer(chain, 1, nonce, 2, 1)).collect();
        nonce += count;
        txs
    };
    let txs = pay(3);
    nodes[0].engine.submit_many(bytes(&txs)).await.unwrap();
    nodes[3].finalizes(&ids(&txs)).await;
    nodes.pop().unwrap().stop().await;
    let next = lose_its_log(&net, 3);
    let guard = net.home(3).join("validator/sign_state.json");

    nodes.push(net.start(3).await);
    for _ in 0..3 {
        let txs = pay(2);
        nodes[0].engine.submit_many(bytes(&txs)).await.unwrap();
        for node in &nodes {
            node.finalizes(&ids(&txs)).await;
        }
    }
    let came_back = async {
        loop {
            let signed: serde_json::Value = serde_json::from_slice(&std::fs::read(&guard).unwrap()).unwrap();
            if signed["last"]["height"].as_u64().unwrap() > next {
                return;
            }
            let txs = pay(1);
            nodes[0].engine.submit_many(bytes(&txs)).await.unwrap();
            nodes[3].finalizes(&ids(&txs)).await;
        }
    };
    tokio::time::timeout(net::PATIENCE, came_back).await.expect("it signs again");
    for node in nodes {
        node.stop().await;
    }
}

/// ENGINE-9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_finds_invalid_what_was_decided_stops_and_says_so() {
    let net = Net::new(genesis(4, 20, quick()));
    let chain = net.chain();
    let mut nodes = Vec::new();
    for n in 0..3 {
        nodes.push(net.start(n).await);
    }
    // Its database says that account 0 never had anything.
    let mut allocations = net.genesis.allocations.to_vec();
    allocations.remove(0);
    let damaged = Genesis::new(net.genesis.head.clone(), allocations).unwrap();
    let ill = net.start_on(3, net.store_from(3, &damaged)).await;
    let tx = transfer(chain, 0, 0, 1, 5);
    nodes[0].engine.submit(tx.encode()).await.unwrap();
    nodes[1].finalizes(&[tx.id()]).await;
    let fault = tokio::time::timeout(net::PATIENCE, ill.engine.fault()).await.expect("it stops");
    assert!(matches!(fault, NodeFault::Diverged { .. }), "{fault}");
    assert!(nodes.iter().all(|node| node.height() > 0) && ill.height() == 0);
    ill.stop().await;
    for node in nodes {
        node.stop().await;
    }
}

/// ENGINE-10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_reaches_a_node_that_comes_later() {
    let net = Net::new(genesis(4, 20, quick()));
    let first = net.start(0).await;
    // The nonce before it is missing, so no block ever carries it to the others.
    let tx = transfer(net.chain(), 0, 1, 1, 5);
    first.engine.submit(tx.encode()).await.unwrap();
    let later = net.start(1).await;
    let comes = async {
        while later.engine.pending(&tx.id()).is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), comes).await.expect("it is sent again");
    first.stop().await;
    later.stop().await;
}

/// ENGINE-5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoilt_signature_is_not_passed_on_because_its_nonce_is_used() {
    let net = Net::new(genesis(2, 20, quick()));
    let nodes = (net.start(0).await, net.start(1).await);
    let done = transfer(net.chain(), 0, 0, 1, 5);
    nodes.0.engine.submit(done.encode()).await.unwrap();
    nodes.0.finalizes(&[done.id()]).await;
    let stranger = net.stranger(0).await;
    // One that waits for its predecessor, so that it is new to no other node and in no block; with what is in a block already.
    let waits: Vec<_> = (1..19).map(|from| Arc::new(transfer(net.chain(), from, 1, 1, 5))).collect();
    let send = |with: &SignedTx, n: usize| [waits[n].clone(), Arc::new(with.clone())].map(|tx| assert!(stranger.publish(tx)));
    let pause = || tokio::time::sleep(Duration::from_millis(500));
    let mut sent = 0..waits.len();
    while !waits.iter().any(|tx| nodes.1.engine.pending(&tx.id()).is_some()) {
        send(&done, sent.next().expect("what is good goes on"));
        pause().await;
    }
    assert_eq!(stranger.peers().await.len(), 1);
    let mut witnesses = done.witnesses.clone().into_vec();
    witnesses[0].signature.0[40] ^= 1;
    let spoilt = SignedTx { witnesses: List::new(witnesses).unwrap(), ..done };
    let mut sent = 0..waits.len();
    while !stranger.peers().await.is_empty() {
        send(&spoilt, sent.next().expect("who sent it is banned"));
        pause().await;
    }
    nodes.0.stop().await;
    nodes.1.stop().await;
}

#[tokio::test]
async fn a_node_says_what_is_wrong_with_its_addresses() {
    let net = Net::new(genesis(1, 1, quick()));
    let mut config = net.config(0);
    config.peers = vec!["/ip4/127.0.0.1/tcp/4804".into()];
    let refused = Engine::start(config, net.store(0)).await.err().unwrap().to_string();
    assert!(refused.contains("peer id is missing"), "{refused}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = net.config(0);
    config.listen = taken.local_addr().unwrap();
    let refused = Engine::start(config, net.store(0)).await.err().unwrap().to_string();
    assert!(refused.contains("choose another consensus port"), "{refused}");
}
