use super::*;
use crate::traffic::Traffic;
use crate::wire::{Block, Junk, Presence, digest};
use bytes::Bytes;
use std::time::Duration;

struct Bench {
    client: Client,
    now: Instant,
    session: SessionId,
}

impl Bench {
    fn new(peers: &[PeerId]) -> Self {
        let now = Instant::now();
        let mut client = Client::new(Config::default());
        let session = client.begin(peers.iter().copied(), now).unwrap();
        peers.iter().for_each(|peer| client.connected(*peer, now));
        Self { client, now, session }
    }

    fn want(&mut self, numbers: std::ops::Range<u64>) {
        let cids: Vec<Cid> = numbers.map(|n| block(n).cid).collect();
        self.client.want(self.session, &cids, self.now).unwrap();
    }

    /// What a peer is told now, and that it has left.
    fn told(&mut self, peer: PeerId) -> Vec<(Cid, Ask)> {
        let mut told = Vec::new();
        while let Some(message) = self.client.message_for(&peer) {
            told.extend(message.wants.iter().map(|want| (want.cid, want.ask)));
            self.client.told(peer, false);
        }
        told
    }

    fn says(&mut self, peer: PeerId, n: u64, have: bool) {
        self.client.presences(peer, &[Presence { cid: block(n).cid, have }], self.now);
    }

    fn sends(&mut self, peer: PeerId, n: u64) -> Traffic {
        let mut traffic = Traffic::default();
        self.client.blocks(peer, vec![block(n)], &mut traffic, self.now);
        traffic
    }

    fn gives(&mut self, peer: PeerId, n: u64) {
        self.sends(peer, n);
    }

    fn passes(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(250);
            self.client.tick(self.now);
        }
    }

    fn events(&mut self) -> Vec<Event> {
        self.client.events.drain(..).collect()
    }

    /// Nothing is counted any more once nothing is wanted.
    fn is_at_rest(&self) {
        assert!(self.client.wants.is_empty());
        assert_eq!((self.client.active, self.client.coming), (0, 0));
        let open = |peer: &Peer| peer.blocks + peer.bytes + peer.asked_now;
        assert!(self.client.peers.values().all(|peer| open(peer) == 0));
        assert!(self.client.sessions.values().all(|session| session.open == 0 && session.queue.is_empty()));
    }
}

fn block(n: u64) -> Block {
    let data = Bytes::from(n.to_le_bytes().repeat(1_000));
    Block { cid: Cid::new_v1(0x55, digest(0x12, &data).unwrap()), data }
}

fn peers<const N: usize>() -> [PeerId; N] {
    std::array::from_fn(|_| PeerId::random())
}

#[test]
fn bitswap_9_who_has_it_is_asked_first_and_one_of_those_for_the_block() {
    let [a, b, c] = peers();
    let mut bench = Bench::new(&[a, b, c]);
    bench.want(1..2);
    for peer in [a, b, c] {
        assert_eq!(bench.told(peer), [(block(1).cid, Ask::Have)]);
    }
    bench.says(a, 1, false);
    bench.says(b, 1, true);
    bench.says(c, 1, true);
    assert_eq!(bench.told(b), [(block(1).cid, Ask::Block)]);
    assert!(bench.told(c).is_empty(), "two were asked for one block");
    let traffic = bench.sends(b, 1);
    assert_eq!((traffic.received_blocks, traffic.received_bytes), (1, 8_000));
    assert!(matches!(bench.events().as_slice(), [Event::Block { peer: Some(from), .. }] if *from == b));
    // Who said no still remembers the want, and is told that it is over.
    assert_eq!(bench.told(a), [(block(1).cid, Ask::Cancel)]);
    assert!(bench.told(b).is_empty() && bench.told(c).is_empty());
    bench.is_at_rest();
}

#[test]
fn bitswap_9_blocks_are_spread_by_how_fast_each_peer_was() {
    let [fast, slow] = peers();
    let mut bench = Bench::new(&[fast, slow]);
    let (mut from_fast, mut from_slow) = (0, 0);
    for round in 0..40 {
        bench.want(round * 8..round * 8 + 8);
        // The slow one answers first each time, as long as it was asked at all.
        for n in round * 8..round * 8 + 8 {
            bench.says(slow, n, true);
            bench.says(fast, n, true);
        }
        let blocks = |told: Vec<(Cid, Ask)>| told.into_iter().filter(|(_, ask)| *ask == Ask::Block).map(|(cid, _)| cid).collect();
        let (at_fast, at_slow): (Vec<Cid>, Vec<Cid>) = (blocks(bench.told(fast)), blocks(bench.told(slow)));
        let number = |cid: &Cid| (round * 8..round * 8 + 8).find(|n| block(*n).cid == *cid).unwrap();
        bench.now += Duration::from_millis(20);
        at_fast.iter().for_each(|cid| bench.gives(fast, number(cid)));
        bench.now += Duration::from_millis(400);
        at_slow.iter().for_each(|cid| bench.gives(slow, number(cid)));
        (from_fast, from_slow) = (from_fast + at_fast.len(), from_slow + at_slow.len());
    }
    assert!(from_slow > 0 && from_fast > 10 * from_slow && from_fast + from_slow == 320, "{from_fast} and {from_slow}");
    bench.is_at_rest();
}

#[test]
fn bitswap_9_one_candidate_alone_is_asked_for_the_block_at_once() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    bench.want(1..3);
    assert_eq!(bench.told(a), [(block(1).cid, Ask::Block), (block(2).cid, Ask::Block)]);
}

#[test]
fn bitswap_10_a_no_moves_on_and_when_all_said_no_it_is_missing() {
    let [a, b, late] = peers();
    let mut bench = Bench::new(&[a, b]);
    bench.want(1..2);
    bench.says(a, 1, true);
    assert_eq!(bench.told(a).last(), Some(&(block(1).cid, Ask::Block)));
    bench.says(b, 1, true);
    bench.says(a, 1, false);
    assert_eq!(bench.told(b).last(), Some(&(block(1).cid, Ask::Block)));
    assert!(bench.events().is_empty());
    bench.says(b, 1, false);
    let missing = Event::Missing { session: bench.session, cid: block(1).cid };
    assert_eq!(bench.events(), std::slice::from_ref(&missing));
    // Somebody new is asked at once; who gets it later says so; and all are asked again after a while.
    bench.client.connected(late, bench.now);
    bench.client.add_peers(bench.session, [late], bench.now).unwrap();
    assert_eq!(bench.told(late), [(block(1).cid, Ask::Have)]);
    bench.says(late, 1, false);
    assert_eq!(bench.events(), [missing]);
    bench.told(a);
    bench.passes(Duration::from_secs(31));
    assert_eq!(bench.told(a), [(block(1).cid, Ask::Have)]);
    bench.says(a, 1, true);
    assert_eq!(bench.told(a), [(block(1).cid, Ask::Block)]);
    bench.sends(a, 1);
    bench.is_at_rest();
}

#[test]
fn bitswap_10_silence_moves_on_and_is_not_asked_again_at_once() {
    let [silent, other] = peers();
    let mut bench = Bench::new(&[silent, other]);
    bench.want(1..2);
    bench.says(silent, 1, true);
    assert_eq!(bench.told(silent).len(), 2);
    bench.passes(Duration::from_secs(6));
    // The other has said nothing to HAVE; the silent one may still send its block.
    assert!(bench.told(silent).is_empty());
    bench.passes(Duration::from_secs(5));
    assert_eq!(bench.told(silent), [(block(1).cid, Ask::Cancel)]);
    bench.told(other);
    bench.says(other, 1, true);
    bench.passes(Duration::from_secs(2));
    let to_other = bench.told(other);
    assert!(to_other.contains(&(block(1).cid, Ask::Block)), "{to_other:?}");
    // It comes late, from the first: good as well, and the other is told.
    bench.sends(silent, 1);
    assert_eq!(bench.told(other), [(block(1).cid, Ask::Cancel)]);
    // And then from the other, too late: counted, no crime.
    assert_eq!(bench.sends(other, 1).duplicate_bytes, 8_000);
    assert!(matches!(bench.events().as_slice(), [Event::Block { .. }]));
    bench.is_at_rest();
}

#[test]
fn bitswap_10_a_peer_that_never_answers_is_told_of() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    bench.want(1..2);
    bench.passes(Duration::from_secs(60));
    let missing = bench.events().into_iter().filter(|event| matches!(event, Event::Missing { .. })).count();
    assert_eq!(missing, 1);
    assert!(bench.told(a).iter().filter(|(_, ask)| *ask == Ask::Block).count() > 1, "it is asked again");
}

#[test]
fn bitswap_10_without_any_peer_it_is_missing_at_once_and_with_one_that_is_away_after_a_while() {
    let mut bench = Bench::new(&[]);
    bench.want(1..2);
    assert!(matches!(bench.events().as_slice(), [Event::Missing { .. }]));
    let [away] = peers();
    let mut bench = Bench::new(&[]);
    bench.client.add_peers(bench.session, [away], bench.now).unwrap();
    bench.want(1..2);
    assert!(bench.events().is_empty());
    bench.passes(Duration::from_secs(6));
    assert!(matches!(bench.events().as_slice(), [Event::Missing { .. }]));
    bench.client.connected(away, bench.now);
    assert_eq!(bench.told(away), [(block(1).cid, Ask::Block)]);
}

#[test]
fn bitswap_11_wrong_bytes_are_named_asked_of_others_and_in_the_end_cut_off() {
    let [liar, honest] = peers();
    let mut bench = Bench::new(&[liar]);
    bench.want(0..6);
    assert_eq!(bench.told(liar).len(), 6);
    bench.client.connected(honest, bench.now);
    bench.client.add_peers(bench.session, [honest], bench.now).unwrap();
    for strike in 1..=4 {
        assert_eq!(bench.sends(liar, 1_000 + strike).unasked_bytes, 8_000);
        let wrong = block(1_000 + strike).cid;
        assert_eq!(bench.events(), [Event::Junk { peer: liar, why: Junk::Unasked { cid: Box::new(wrong) } }]);
        // The want of longest ago is the next one's; after the last strike nobody else is left.
        let (cid, last) = (block(strike - 1).cid, strike == 4);
        assert_eq!(bench.told(honest), [(cid, if last { Ask::Block } else { Ask::Have })]);
        if !last {
            bench.says(honest, strike - 1, true);
            assert_eq!(bench.told(honest), [(cid, Ask::Block)]);
        }
    }
    assert_eq!(std::mem::take(&mut bench.client.close), [liar]);
    bench.client.disconnected(liar, bench.now);
    assert_eq!(bench.told(honest).len(), 2);
    // It comes back, and is asked for nothing.
    bench.client.connected(liar, bench.now);
    bench.want(6..7);
    assert!(bench.told(liar).is_empty());
    (0..7).for_each(|n| bench.gives(honest, n));
    bench.is_at_rest();
}

#[test]
fn bitswap_12_a_lost_connection_moves_wants_on_and_one_that_is_back_is_asked_again() {
    let [a, b] = peers();
    let mut bench = Bench::new(&[a, b]);
    bench.want(0..4);
    (0..4).for_each(|n| bench.says(a, n, true));
    (0..2).for_each(|n| bench.says(b, n, true));
    (2..4).for_each(|n| bench.says(b, n, false));
    bench.told(a);
    bench.told(b);
    bench.client.disconnected(a, bench.now);
    let to_b = bench.told(b);
    assert!((0..2).all(|n| to_b.contains(&(block(n).cid, Ask::Block))), "{to_b:?}");
    bench.client.connected(a, bench.now);
    let first = bench.client.message_for(&a).unwrap();
    assert!(first.full, "what it remembers of before is replaced");
    let asked: Vec<_> = first.wants.iter().filter(|want| want.ask == Ask::Have).map(|want| want.cid).collect();
    assert!((2..4).all(|n| asked.contains(&block(n).cid)), "{asked:?}");
    // A message that was lost is told once more.
    bench.client.told(a, true);
    bench.passes(Duration::from_millis(500));
    let again = bench.client.message_for(&a).unwrap();
    assert!(again.full && asked.iter().all(|cid| again.wants.iter().any(|want| want.cid == *cid)));
    bench.client.told(a, false);
    (2..4).for_each(|n| bench.gives(a, n));
    (0..2).for_each(|n| bench.gives(b, n));
    bench.is_at_rest();
}

#[test]
fn bitswap_13_what_is_asked_for_at_a_time_is_bounded() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    bench.want(0..4_000);
    let (mut next, mut at_once) = (0, 0);
    // Blocks are taken to have 256 KiB until some came.
    assert_eq!(bench.told(a).len(), COMING_A_PEER_MAX / FIRST_GUESS_BYTES);
    while next < 4_000 {
        bench.sends(a, next);
        next += 1;
        let peer = &bench.client.peers[&a];
        assert!(peer.bytes <= COMING_A_PEER_MAX && peer.blocks <= BLOCKS_A_PEER_MAX && bench.client.active <= ACTIVE_MAX);
        at_once = at_once.max(peer.blocks);
        bench.told(a);
    }
    assert_eq!(at_once, BLOCKS_A_PEER_MAX, "small blocks are asked for by the hundred");
    assert_eq!(bench.events().len(), 4_000);
    bench.is_at_rest();
    let too_many = vec![block(1).cid; WANTS_A_SESSION_MAX + 1];
    assert_eq!(bench.client.want(bench.session, &too_many, bench.now), Err(WantError::TooMany));
}

#[test]
fn bitswap_13_who_breaks_off_under_what_it_was_asked_for_is_asked_for_less_at_a_time() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    bench.want(0..100);
    for blocks in [32, 16, 8, 4, 4] {
        assert_eq!(bench.told(a).len(), blocks);
        bench.client.disconnected(a, bench.now);
        bench.client.connected(a, bench.now);
    }
}

#[test]
fn bitswap_13_wants_that_nobody_has_leave_their_place_to_others() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    bench.want(0..2_000);
    let mut missing = 0;
    for n in 0..1_000 {
        bench.says(a, n, false);
        missing += bench.events().len();
        bench.told(a);
    }
    assert_eq!(missing, 1_000);
    (1_000..2_000).for_each(|n| bench.gives(a, n));
    assert_eq!(bench.events().len(), 1_000);
    bench.client.end(bench.session, bench.now);
    bench.is_at_rest();
}

#[test]
fn bitswap_13_what_is_tried_again_takes_no_more_places_than_what_is_new() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    bench.want(0..1_500);
    for n in 0..1_500 {
        bench.says(a, n, false);
        bench.told(a);
    }
    assert_eq!((bench.events().len(), bench.client.active), (1_500, 0));
    bench.passes(Duration::from_secs(31));
    assert_eq!(bench.client.active, ACTIVE_MAX);
    assert!(bench.told(a).len() <= BLOCKS_A_PEER_MAX);
    // A peer that comes back makes room for no more either.
    bench.client.disconnected(a, bench.now);
    bench.client.connected(a, bench.now);
    assert_eq!(bench.client.active, ACTIVE_MAX);
    bench.client.end(bench.session, bench.now);
    bench.is_at_rest();
}

#[test]
fn bitswap_14_an_id_that_holds_its_own_bytes_is_answered_without_asking() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    let cid = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0, b"hello").unwrap());
    bench.client.want(bench.session, &[cid], bench.now).unwrap();
    let data = Bytes::from_static(b"hello");
    assert_eq!(bench.events(), [Event::Block { session: bench.session, cid, data, peer: None }]);
    assert!(bench.told(a).is_empty());
    let unknown = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x13, &[0; 64]).unwrap());
    let refused = bench.client.want(bench.session, &[unknown], bench.now);
    assert!(matches!(refused, Err(WantError::Hash { code: 0x13, .. })));
}

/// BITSWAP-9: the same bytes under two ids, in two sessions: asked for once, told to each by its own name.
#[test]
fn the_same_bytes_serve_every_session_and_every_id_of_them() {
    let [a] = peers();
    let mut bench = Bench::new(&[a]);
    let other = bench.client.begin([a], bench.now).unwrap();
    let as_node = Cid::new_v1(0x70, *block(1).cid.hash());
    bench.want(1..2);
    bench.client.want(other, &[as_node], bench.now).unwrap();
    assert_eq!(bench.told(a).len(), 1);
    bench.sends(a, 1);
    let told: Vec<(SessionId, Cid)> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Block { session, cid, .. } => Some((session, cid)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(bench.session, block(1).cid), (other, as_node)]);
    bench.is_at_rest();
    // One that leaves does not take the other's want away; the last one does.
    bench.want(2..3);
    bench.client.want(other, &[block(2).cid], bench.now).unwrap();
    bench.told(a);
    bench.client.end(other, bench.now);
    assert!(bench.told(a).is_empty());
    bench.client.cancel(bench.session, &[block(2).cid], bench.now);
    assert_eq!(bench.told(a), [(block(2).cid, Ask::Cancel)]);
    bench.is_at_rest();
}

/// BITSWAP-1: who does not know HAVE is asked for blocks alone; who speaks no bitswap, for nothing.
#[test]
fn older_versions_are_asked_for_blocks_and_the_deaf_for_nothing() {
    let [old, deaf] = peers();
    let mut bench = Bench::new(&[old, deaf]);
    bench.want(1..2);
    assert_eq!((bench.told(old).len(), bench.told(deaf).len()), (1, 1));
    bench.client.speaks(deaf, false, true, bench.now);
    bench.client.speaks(old, false, false, bench.now);
    assert_eq!(bench.told(old).last(), Some(&(block(1).cid, Ask::Block)));
    assert!(bench.told(deaf).is_empty());
}
