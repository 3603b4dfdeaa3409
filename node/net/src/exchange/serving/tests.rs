use super::*;
use std::time::Duration;

const CHUNK: Request = Request::Chunk { hash: Hash::ZERO };
const BLOCKS: Request = Request::Blocks { from: 1, count: 64 };

/// Answers all alike.
struct Shelf(Option<Vec<u8>>);

impl Library for Shelf {
    fn hello(&self) -> (Height, Height) {
        (9, 1)
    }
    fn handovers(&self, _: Height, _: usize) -> Option<Vec<Handover>> {
        self.0.as_ref().map(|_| Vec::new())
    }
    fn blocks(&self, _: Height, _: u32, _: usize) -> Option<Vec<(Vec<u8>, Certificate)>> {
        self.0.clone().map(|block| if block.is_empty() { vec![] } else { vec![(block, Certificate::genesis()); 100] })
    }
    fn manifests(&self) -> Option<Vec<Vec<u8>>> {
        self.0.clone().map(|one| if one.is_empty() { vec![] } else { vec![one; 9] })
    }
    fn chunk(&self, _: &Hash) -> Option<Vec<u8>> {
        self.0.clone()
    }
}

const ALL: [Request; 4] = [Request::Handovers { from: 0 }, BLOCKS, Request::Manifests, CHUNK];

#[test]
fn net_11_what_cannot_be_read_is_busy_and_what_is_not_there_is_none() {
    for request in ALL {
        assert_eq!(answer(&Shelf(None), &request), Response::Busy);
        assert_eq!(answer(&Shelf(Some(vec![])), &request), Response::None);
    }
}

#[test]
fn net_10_what_a_library_says_too_much_is_cut_and_what_is_too_long_is_its_own_fault() {
    let Response::Blocks(blocks) = answer(&Shelf(Some(vec![1; 100_000])), &BLOCKS) else { panic!() };
    assert_eq!(blocks.len(), BLOCKS_BYTES_MAX / 100_000);
    let Response::Blocks(blocks) = answer(&Shelf(Some(vec![1; 9])), &Request::Blocks { from: 1, count: 3 }) else { panic!() };
    assert_eq!(blocks.len(), 3);
    let Response::Manifests(manifests) = answer(&Shelf(Some(vec![1])), &Request::Manifests) else { panic!() };
    assert_eq!(manifests.len(), MANIFESTS_MAX);
    for request in [BLOCKS, Request::Manifests, CHUNK] {
        assert_eq!(answer(&Shelf(Some(vec![1; BLOCKS_BYTES_MAX + 1])), &request), Response::Busy, "{request:?}");
    }
}

#[test]
fn net_12_two_lookups_a_peer_four_in_all_and_a_short_queue() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let peers: Vec<_> = (0..20).map(|_| PeerId::random()).collect();
    // One peer asks nine times: two run, four wait.
    let mut said: Vec<_> = (0..2).map(|id| desk.take(id, peers[0], false, CHUNK, now)).collect();
    assert_eq!((desk.next().unwrap().0, desk.next().unwrap().0), (0, 1));
    said.extend((2..9).map(|id| desk.take(id, peers[0], false, CHUNK, now)));
    assert_eq!(said.iter().filter(|said| **said == Admission::Waits).count(), 2 + WAITING_A_PEER_MAX);
    assert!(desk.next().is_none(), "its own two places are taken");
    // Others are served past it, until four run.
    for id in 20..23 {
        assert_eq!(desk.take(id, peers[1 + id % 2], false, CHUNK, now), Admission::Waits);
    }
    assert_eq!((desk.next().unwrap().0, desk.next().unwrap().0), (20, 21));
    assert!(desk.next().is_none());
    assert!(desk.made(0, 10), "somebody waits for it");
    assert_eq!(desk.next().unwrap().0, 2, "first come, first served");
    // Bytes bound what all may ask for together.
    let more = (100..120).filter(|id| desk.take(*id, peers[id - 100], false, BLOCKS, now) == Admission::Waits).count();
    assert!((2..6).contains(&more), "{more}");
}

#[test]
fn net_12_bytes_are_held_until_the_answer_has_left_and_all_is_free_in_the_end() {
    let (mut desk, now, peer) = (Desk::default(), Instant::now(), PeerId::random());
    assert_eq!(desk.take(1, peer, false, BLOCKS, now), Admission::Waits);
    assert_eq!(desk.take(2, peer, false, BLOCKS, now), Admission::Waits);
    assert_eq!(desk.take(3, peer, false, BLOCKS, now), Admission::Busy, "three of the longest answers are too many");
    let first = desk.next().unwrap().0;
    assert!(desk.made(first, 4_000_000));
    assert_eq!(desk.take(4, peer, false, BLOCKS, now), Admission::Busy, "it is made, not gone");
    desk.over(first);
    assert_eq!(desk.take(5, peer, false, BLOCKS, now), Admission::Waits);
    // The asker of one goes while it is looked up, of one while it waits.
    let second = desk.next().unwrap().0;
    desk.over(second);
    assert!(!desk.made(second, 4_000_000), "nobody waits");
    desk.over(5);
    assert!(desk.next().is_none());
    desk.over(77);
    assert_eq!((desk.held, desk.running, desk.open.len(), desk.queue.len()), (0, 0, 0, 0));
    let client = &desk.clients[&peer];
    assert_eq!((client.held, client.running, client.waiting), (0, 0, 0));
    desk.tidy(now);
    assert_eq!(desk.clients.len(), 1, "its account is not forgotten because it went");
    desk.tidy(now + Duration::from_secs(30));
    assert!(desk.clients.is_empty());
}

#[test]
fn net_12_who_asks_far_too_often_is_banned() {
    let (mut desk, now, peer) = (Desk::default(), Instant::now(), PeerId::random());
    let asked = (0..1000).position(|id| desk.take(id, peer, false, Request::Manifests, now) == Admission::Ban);
    assert_eq!(asked, Some(300), "200 at once, 100 forgiven");
    assert_eq!(desk.take(2000, PeerId::random(), false, Request::Manifests, now), Admission::Waits, "others are not to blame");
}

#[test]
fn net_12_made_up_names_take_no_room() {
    let (mut desk, now) = (Desk::<u32>::default(), Instant::now());
    for _ in 0..=CLIENTS_MAX {
        desk.count(PeerId::random(), now);
    }
    desk.tidy(now);
    assert!(desk.clients.is_empty());
}

#[test]
fn net_12_all_strangers_together_have_a_share_that_nobody_else_needs() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let peers: Vec<_> = (0..50).map(|_| PeerId::random()).collect();
    let mut served = 0;
    for (id, peer) in peers.iter().enumerate() {
        if desk.take(id, *peer, true, BLOCKS, now) == Admission::Waits {
            let id = desk.next().unwrap().0;
            assert!(desk.made(id, 4 * 1024 * 1024));
            desk.over(id);
            served += 1;
        }
    }
    assert_eq!(served, STRANGERS_BURST as usize / (4 * 1024 * 1024) + 1, "the last one may overdraw");
    assert_eq!(desk.take(100, PeerId::random(), false, BLOCKS, now), Admission::Waits, "whom we know does not wait for them");
    assert_eq!(desk.take(101, PeerId::random(), true, BLOCKS, now + Duration::from_secs(1)), Admission::Waits, "time pays");
}

#[test]
fn net_12_what_has_left_counts_until_its_peer_is_heard_of_again() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let peers: Vec<_> = (0..20).map(|_| PeerId::random()).collect();
    // Each is sent an answer, and none takes it.
    let served: Vec<_> = (0..20)
        .filter(|id| {
            if desk.take(*id, peers[*id], false, BLOCKS, now) == Admission::Busy {
                return false;
            }
            let id = desk.next().unwrap().0;
            assert!(desk.made(id, 4 * 1024 * 1024));
            desk.sent(id, now);
            true
        })
        .collect();
    assert!((3..=6).contains(&served.len()) && desk.held <= HELD_MAX, "{served:?}");
    let held = desk.held;
    desk.count(peers[served[0]], now);
    assert!(desk.held < held, "it asks on, so it has it");
    desk.taken(&peers[served[1]]);
    desk.tidy(now + LEFT);
    assert_eq!((desk.held, desk.open.len()), (0, 0), "it is not counted for ever");
}
