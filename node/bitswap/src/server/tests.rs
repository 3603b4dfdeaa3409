use super::*;
use crate::wire::digest;
use bytes::Bytes;

fn cid(n: u64) -> Cid {
    Cid::new_v1(0x55, digest(0x12, &n.to_le_bytes()).unwrap())
}

fn want(n: u64, ask: Ask) -> Want {
    Want { cid: cid(n), priority: 1, ask, send_dont_have: true }
}

fn all(count: u64) -> Vec<Want> {
    (0..count).map(|n| want(n, Ask::Block)).collect()
}

/// The lookup as the workers would do it, of blocks of `size` bytes that are all there.
fn look_up(job: Job, size: usize) -> Done {
    let Job { number, peer, mut wants } = job;
    let (mut answers, mut bytes) = (Vec::new(), 0);
    while bytes < JOB_BYTES
        && let Some((cid, ask)) = wants.pop_front()
    {
        let block = ask == Ask::Block;
        bytes += if block { size } else { 0 };
        answers.push((cid, if block { Answer::Block(Bytes::from(vec![0; size])) } else { Answer::Have }));
    }
    Done { number, peer, answers, rest: wants, fault: None }
}

fn absent(job: Job) -> Done {
    let answers = job.wants.into_iter().map(|(cid, _)| (cid, Answer::Absent)).collect();
    Done { number: job.number, peer: job.peer, answers, rest: Default::default(), fault: None }
}

#[test]
fn bitswap_5_the_oldest_wants_are_dropped_and_their_peer_is_told() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    let max = WANTS_A_PEER_MAX as u64;
    assert_eq!(server.receive(peer, false, all(max)), 0);
    let further = (max..max + 3).map(|n| want(n, Ask::Block)).collect();
    assert_eq!(server.receive(peer, false, further), 3);
    assert_eq!(server.wants_of(&peer), WANTS_A_PEER_MAX);
    let job = server.next_job().unwrap();
    assert!(job.wants.iter().all(|(asked, _)| *asked != cid(0)));
    let leaving = server.done(look_up(job, 10)).unwrap();
    let refused: Vec<Cid> = leaving.message.presences.iter().filter(|presence| !presence.have).map(|p| p.cid).collect();
    assert_eq!(refused, [cid(0), cid(1), cid(2)]);
}

#[test]
fn bitswap_5_a_flood_never_makes_a_ledger_longer() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    for flood in 0..50 {
        server.receive(peer, false, (flood * 10_000..flood * 10_000 + 5_000).map(|n| want(n, Ask::Have)).collect());
        let ledger = &server.ledgers[&peer];
        let lengths = [ledger.wants.len(), ledger.queue.len(), ledger.by_age.len(), ledger.refused.len()];
        assert!(lengths.iter().all(|len| *len <= WANTS_A_PEER_MAX), "{lengths:?}");
    }
}

#[test]
fn bitswap_5_a_full_wantlist_replaces_and_a_cancel_removes() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    server.receive(peer, false, all(10));
    server.receive(peer, false, vec![want(3, Ask::Cancel), want(99, Ask::Cancel)]);
    assert_eq!(server.wants_of(&peer), 9);
    server.receive(peer, true, vec![want(3, Ask::Block), want(4, Ask::Have)]);
    let job = server.next_job().unwrap();
    // A want for the block is not lessened to one for HAVE.
    let asked: Vec<_> = job.wants.iter().copied().collect();
    assert_eq!(asked.len(), 2);
    assert!(asked.contains(&(cid(3), Ask::Block)) && asked.contains(&(cid(4), Ask::Block)));
    // What was withdrawn while it was looked up is not sent.
    server.receive(peer, false, vec![want(3, Ask::Cancel)]);
    let leaving = server.done(look_up(job, 10)).unwrap();
    assert_eq!(leaving.message.blocks.iter().map(|block| block.cid).collect::<Vec<_>>(), [cid(4)]);
    server.left(&leaving, false);
    assert_eq!(server.wants_of(&peer), 0);
}

#[test]
fn bitswap_6_a_want_stays_until_its_block_comes() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    server.receive(peer, false, vec![want(1, Ask::Block), Want { send_dont_have: false, ..want(2, Ask::Have) }]);
    let job = server.next_job().unwrap();
    // One comes while it is looked up, and is looked up once more.
    server.announce(&cid(2));
    let leaving = server.done(absent(job)).unwrap();
    assert_eq!(leaving.message.presences, [Presence { cid: cid(1), have: false }]);
    server.left(&leaving, false);
    let job = server.next_job().unwrap();
    assert_eq!(job.wants, [(cid(2), Ask::Have)]);
    let leaving = server.done(look_up(job, 10)).unwrap();
    assert_eq!(leaving.message.presences, [Presence { cid: cid(2), have: true }]);
    // Asked for the block before HAVE has left: it is not forgotten.
    server.receive(peer, false, vec![want(2, Ask::Block)]);
    server.left(&leaving, false);
    server.announce(&cid(1));
    let job = server.next_job().unwrap();
    let leaving = server.done(look_up(job, 10)).unwrap();
    assert_eq!(leaving.message.blocks.len(), 2);
    // Lost on the way: said once more.
    server.left(&leaving, true);
    let job = server.next_job().unwrap();
    let leaving = server.done(look_up(job, 10)).unwrap();
    server.left(&leaving, false);
    assert_eq!((server.wants_of(&peer), server.leaving()), (0, 0));
    assert!(server.next_job().is_none());
}

#[test]
fn bitswap_7_turns_are_shared_by_bytes_whatever_each_peer_asks_for() {
    let mut server = Server::default();
    let (greedy, modest, late) = (PeerId::random(), PeerId::random(), PeerId::random());
    server.receive(greedy, false, all(1_000));
    server.receive(modest, false, all(1_000));
    let mut given: HashMap<PeerId, usize> = HashMap::new();
    for turn in 0..28 {
        // Who comes late has no claim on what others were given before.
        if turn == 14 {
            server.receive(late, false, all(1_000));
        }
        let job = server.next_job().unwrap();
        let peer = job.peer;
        // The greedy one's blocks are sixteen times as long.
        let leaving = server.done(look_up(job, if peer == greedy { 256 << 10 } else { 16 << 10 })).unwrap();
        *given.entry(peer).or_default() += leaving.bytes;
        server.left(&leaving, false);
    }
    let (a, b, c) = (given[&greedy], given[&modest], given[&late]);
    assert!(a.abs_diff(b) <= 2 * JOB_BYTES, "{a} and {b}");
    assert!((3 * JOB_BYTES..=6 * JOB_BYTES).contains(&c), "{c} of fourteen turns");
}

#[test]
fn bitswap_7_who_does_not_read_holds_a_bounded_number_of_bytes() {
    let mut server = Server::default();
    let mut held = Vec::new();
    for _ in 0..100 {
        let peer = PeerId::random();
        server.receive(peer, false, all(1_000));
    }
    while let Some(job) = server.next_job() {
        held.extend(server.done(look_up(job, 700 << 10)));
        assert!(server.leaving() <= LEAVING_MAX + JOB_BYTES);
        let each = server.ledgers.values().map(|ledger| ledger.leaving).max().unwrap();
        assert!(each <= LEAVING_A_PEER_MAX + JOB_BYTES, "{each}");
    }
    assert!(server.leaving() > LEAVING_MAX - 2 * JOB_BYTES);
    // Who goes takes what it held along.
    held.iter().for_each(|leaving| server.disconnected(leaving.peer));
    assert!(server.next_job().is_some());
}

#[test]
fn bitswap_7_many_that_hardly_read_leave_room_for_one_that_does() {
    let mut server = Server::default();
    let mut held = Vec::new();
    for _ in 0..48 {
        server.receive(PeerId::random(), false, all(1_000));
    }
    while let Some(job) = server.next_job() {
        held.extend(server.done(look_up(job, 256 << 10)));
    }
    assert!(held.len() >= 48);
    let reader = PeerId::random();
    server.receive(reader, false, all(1_000));
    for _ in 0..100 {
        let job = server.next_job().unwrap();
        assert_eq!(job.peer, reader);
        let leaving = server.done(look_up(job, 256 << 10)).unwrap();
        server.left(&leaving, false);
    }
    // Where few are there, each may have all that is a peer's.
    held.iter().for_each(|leaving| server.disconnected(leaving.peer));
    let mut given = 0;
    while let Some(job) = server.next_job() {
        given += server.done(look_up(job, 256 << 10)).unwrap().bytes;
    }
    assert!(given >= LEAVING_A_PEER_MAX - 2 * JOB_BYTES, "{given}");
}

#[test]
fn bitswap_7_answers_without_blocks_take_room_until_they_have_left() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    let mut held = Vec::new();
    for _ in 0..20 {
        server.receive(peer, false, (0..1_000).map(|n| want(n, Ask::Have)).collect());
        while let Some(job) = server.next_job() {
            held.extend(server.done(absent(job)));
        }
    }
    assert_eq!(held.len(), MESSAGES_A_PEER_MAX);
    let presences: usize = held.iter().map(|leaving| leaving.message.presences.len()).sum();
    assert!(presences > 3_000, "{presences}");
    assert_eq!(server.leaving(), presences * ANSWER_BYTES);
    // One that has left makes room for one.
    server.left(&held.remove(0), false);
    let job = server.next_job().unwrap();
    held.extend(server.done(absent(job)));
    assert!(server.next_job().is_none());
    held.iter().for_each(|leaving| server.left(leaving, false));
    assert_eq!(server.leaving(), 0);
}

#[test]
fn bitswap_7_what_an_earlier_ledger_counted_is_not_taken_from_a_later_one() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    server.receive(peer, false, all(3));
    let job = server.next_job().unwrap();
    let old = server.done(look_up(job, 1_000)).unwrap();
    server.disconnected(peer);
    assert_eq!(server.leaving(), 0);
    server.receive(peer, false, all(3));
    let job = server.next_job().unwrap();
    let new = server.done(look_up(job, 10)).unwrap();
    let counted = server.leaving();
    server.left(&old, false);
    assert_eq!((server.leaving(), server.wants_of(&peer)), (counted, 3));
    server.left(&new, false);
    assert_eq!((server.leaving(), server.wants_of(&peer)), (0, 0));
}

#[test]
fn bitswap_12_a_lookup_of_an_earlier_connection_is_nothing_to_a_later_one() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    server.receive(peer, false, all(3));
    let old = server.next_job().unwrap();
    server.disconnected(peer);
    server.receive(peer, false, all(3));
    let new = server.next_job().unwrap();
    assert!(server.done(look_up(old, 10)).is_none());
    // It ends while the next one waits for its turn: that keeps its place.
    server.disconnected(peer);
    server.receive(peer, false, all(3));
    assert!(server.done(look_up(new, 10)).is_none());
    let job = server.next_job().unwrap();
    assert_eq!(server.done(look_up(job, 10)).unwrap().message.blocks.len(), 3);
}

/// BITSWAP-6: what cannot be brought to a peer is not made for ever.
#[test]
fn who_is_reached_by_no_message_is_answered_no_more() {
    let (mut server, peer) = (Server::default(), PeerId::random());
    server.receive(peer, false, all(3));
    let mut tries = 0;
    while let Some(job) = server.next_job() {
        let leaving = server.done(look_up(job, 10)).unwrap();
        server.left(&leaving, true);
        tries += 1;
    }
    assert_eq!((tries, server.wants_of(&peer), server.leaving()), (3, 0, 0));
}
