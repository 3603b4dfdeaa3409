use super::*;
use crate::ProvideStat;
use crate::provide::plan;
use crate::records::own::Outcome;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

const HOUR: u64 = 3_600_000;
const SMALL: Bounds = Bounds { rows: 100, rows_a_provider: 60, own: 50 };

fn key(n: u64) -> Key {
    Key::read(n.to_be_bytes().to_vec()).unwrap()
}

fn keys(of: std::ops::Range<u64>) -> Vec<Key> {
    of.map(key).collect()
}

fn address(port: u64) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

/// A database in a folder of its own, with a clock of its own.
macro_rules! fresh {
    ($dir:ident, $local:ident, $clock:ident, $records:ident, $open:ident) => {
        static $clock: AtomicU64 = AtomicU64::new(1_000_000);
        let ($dir, $local) = (TempDir::new().unwrap(), PeerId::random());
        let $open = || Records::open_within($dir.path(), $local, || $clock.load(Ordering::SeqCst), SMALL);
        let $records = $open().unwrap();
    };
}

#[test]
fn route_7_what_was_announced_is_told_until_it_expires_whatever_was_restarted_meanwhile() {
    fresh!(dir, _local, CLOCK, records, open);
    let (one, other) = (PeerId::random(), PeerId::random());
    assert_eq!(records.add(&one, &[key(1), key(2)], &[address(1)]).unwrap(), [true, true]);
    CLOCK.fetch_add(HOUR, Ordering::SeqCst);
    records.add(&other, &[key(1)], &[]).unwrap();
    drop(records);
    let records = open().unwrap();
    let mut found = records.others(&key(1)).unwrap();
    found.sort_by_key(|(peer, _)| *peer != one);
    assert_eq!(found, [(one, vec![address(1)]), (other, vec![])]);
    assert!(records.holds(&key(2), &one).unwrap() && !records.holds(&key(2), &other).unwrap());
    CLOCK.fetch_add(47 * HOUR, Ordering::SeqCst);
    assert_eq!(records.others(&key(1)).unwrap(), [(other, vec![])]);
    assert!(!records.holds(&key(1), &one).unwrap());
    assert_eq!((records.purge().unwrap(), records.purge().unwrap()), (2, 0));
    CLOCK.fetch_add(HOUR, Ordering::SeqCst);
    assert_eq!((records.others(&key(1)).unwrap(), records.purge().unwrap(), records.turn().rows), (vec![], 1, 0));
}

#[test]
fn route_7_saying_it_again_prolongs_it_and_takes_no_further_row() {
    fresh!(dir, local, CLOCK, records, _open);
    let peer = PeerId::random();
    records.add(&peer, &keys(0..10), &[address(1)]).unwrap();
    CLOCK.fetch_add(40 * HOUR, Ordering::SeqCst);
    assert_eq!(records.add(&peer, &[key(3), key(3)], &[address(2)]).unwrap(), [true, true]);
    assert_eq!(records.turn().rows, 10);
    CLOCK.fetch_add(8 * HOUR, Ordering::SeqCst);
    assert_eq!(records.purge().unwrap(), 9);
    assert_eq!(records.others(&key(3)).unwrap(), [(peer, vec![address(2)])]);
    assert_eq!((records.turn().rows, records.count_of(&peer.to_bytes()).unwrap()), (1, 1));
    assert_eq!(records.add(&local, &[key(9)], &[]).unwrap(), [false], "nobody else speaks for this node");
}

#[test]
fn route_7_beyond_the_bounds_what_is_older_stays() {
    fresh!(dir, _local, CLOCK, records, _open);
    let peers: Vec<PeerId> = (0..25).map(|_| PeerId::random()).collect();
    let kept: Vec<bool> = peers.iter().map(|peer| records.add(peer, &[key(0)], &[]).unwrap()[0]).collect();
    assert_eq!(kept, [vec![true; 20], vec![false; 5]].concat());
    assert_eq!(records.others(&key(0)).unwrap().len(), 20);
    // 20 of 100 rows are taken: a provider has sixteen twenty-fifths of the 60, and who comes later less.
    let taken = |peer: &PeerId, from: u64| {
        records.add(peer, &keys(from..from + 100), &[]).unwrap().into_iter().filter(|kept| *kept).count()
    };
    assert_eq!([24, 23, 22, 21].map(|n| taken(&peers[n], n as u64 * 100)), [38, 10, 6, 4]);
    assert_eq!(taken(&peers[24], 2_500), 0, "nobody gets more than his share by saying more");
    let late: Vec<PeerId> = (0..50).map(|_| PeerId::random()).collect();
    let late: Vec<usize> = late.iter().zip(30_u64..).map(|(peer, n)| taken(peer, n * 100)).collect();
    assert_eq!((&late[..4], late.iter().sum::<usize>()), (&[2, 2, 1, 1][..], 10), "{late:?}");
    assert_eq!(records.turn().rows, 88, "all together have a bound, too");
    assert_eq!(records.add(&peers[24], &[key(2_400)], &[address(7)]).unwrap(), [true], "what is there may be said again");
    CLOCK.fetch_add(48 * HOUR, Ordering::SeqCst);
    records.purge().unwrap();
    assert_eq!(records.add(&peers[23], &[key(0)], &[]).unwrap(), [true]);
}

#[test]
fn route_7_a_few_names_do_not_fill_the_store() {
    let fill = |names: u64| (0..names).fold(0, |taken, _| taken + BOUNDS.share(taken));
    assert_eq!((fill(1), BOUNDS.share(500_000)), (250_000, 62_500));
    assert!(fill(4) < 560_000 && fill(16) < 830_000 && fill(100) < 970_000, "{} {} {}", fill(4), fill(16), fill(100));
    assert!(BOUNDS.share(fill(16)) > 7_000, "and who comes then has room: {}", BOUNDS.share(fill(16)));
    assert_eq!((fill(1_000_000) <= ROWS_MAX, BOUNDS.share(ROWS_MAX), BOUNDS.share(u64::MAX)), (true, 0, 0));
}

#[test]
fn route_7_a_damaged_database_and_a_newer_one_are_refused_by_name() {
    fresh!(dir, _local, CLOCK, records, open);
    assert!(matches!(open(), Err(RecordsError::Busy(_))));
    records.db().put_cf(column(records.db(), META).unwrap(), FORMAT, 2_u32.encode()).unwrap();
    drop(records);
    assert!(matches!(open(), Err(RecordsError::Newer(_))));
    let db = DB::open_cf_descriptors(&columns::options().unwrap(), dir.path(), columns::descriptors()).unwrap();
    db.put_cf(column(&db, META).unwrap(), FORMAT, [1]).unwrap();
    drop(db);
    assert!(matches!(open(), Err(RecordsError::Damaged(_))));
    std::fs::remove_file(dir.path().join("CURRENT")).unwrap();
    let error = open().err().unwrap();
    assert!(matches!(error, RecordsError::Damaged(_)) && error.to_string().contains("move it away"), "{error}");
}

#[test]
fn route_8_what_is_provided_is_kept_over_a_restart_and_due_when_the_plan_says() {
    fresh!(dir, _local, CLOCK, records, open);
    let now = CLOCK.load(Ordering::SeqCst);
    records.provide(&keys(0..3), None, now).unwrap();
    records.provide(&[key(3)], Some(now + HOUR), now).unwrap();
    let stat = ProvideStat { keys: 4, waiting: 4, oldest_due_ms: Some(now), ..ProvideStat::default() };
    assert_eq!(records.stat().unwrap(), stat);
    let peer = PeerId::random();
    records
        .announced([(key(0), Outcome::Announced(vec![peer])), (key(1), Outcome::Failed("nobody".into()))])
        .unwrap();
    drop(records);
    let records = open().unwrap();
    let status = records.status(&key(0)).unwrap().unwrap();
    assert_eq!((status.last_success_ms, status.next_due_ms), (Some(now), now + plan::AGAIN_MS));
    assert_eq!((status.confirmed, status.failure), (vec![peer], None));
    let status = records.status(&key(1)).unwrap().unwrap();
    assert_eq!((status.next_due_ms, status.failure), (now + plan::RETRY_MS, Some("nobody".into())));
    assert_eq!(records.stat().unwrap().waiting, 2);
    CLOCK.fetch_add(HOUR, Ordering::SeqCst);
    assert_eq!(records.status(&key(3)).unwrap(), None, "its time is over");
    let mut due = records.due_in(&[0; 32], 0, 9).unwrap();
    due.sort();
    assert_eq!(due, [key(1), key(2)]);
    assert_eq!(records.stat().unwrap().keys, 3, "and it is taken out when its turn comes");
    records.withdraw(&[key(2)]).unwrap();
    records.announced([(key(2), Outcome::Announced(vec![]))]).unwrap();
    assert_eq!((records.status(&key(2)).unwrap(), records.is_own(&key(0)).unwrap()), (None, true));
}

#[test]
fn route_8_the_longest_time_that_was_said_holds_and_the_number_of_keys_is_bounded() {
    fresh!(dir, _local, CLOCK, records, _open);
    let now = CLOCK.load(Ordering::SeqCst);
    let until = || records.status(&key(0)).unwrap().unwrap().until_ms;
    records.provide(&[key(0)], Some(now + 9), now).unwrap();
    records.provide(&[key(0)], Some(now + 5), now).unwrap();
    assert_eq!(until(), Some(now + 9));
    records.provide(&[key(0)], None, now).unwrap();
    records.provide(&[key(0)], Some(now + 99), now).unwrap();
    assert_eq!((until(), records.stat().unwrap().keys), (None, 1));
    records.provide(&keys(0..50), None, now).unwrap();
    assert_eq!(records.provide(&keys(0..51), None, now), Err(RecordsError::Full(50)));
}

#[test]
fn route_9_due_keys_of_a_region_are_found_by_their_place() {
    fresh!(dir, _local, CLOCK, records, _open);
    let now = CLOCK.load(Ordering::SeqCst);
    records.provide(&keys(0..50), None, now).unwrap();
    let around = place(key(7).bytes());
    for bits in [0, 1, 3, 6, 8, 256] {
        let mut found = records.due_in(&around, bits, 1_000).unwrap();
        let mut expected: Vec<Key> =
            keys(0..50).into_iter().filter(|key| plan::common_bits(&place(key.bytes()), &around) >= bits).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{bits} bits");
    }
    assert_eq!(records.due_in(&around, 0, 5).unwrap().len(), 5);
    records.announced([(key(7), Outcome::Announced(vec![]))]).unwrap();
    assert!(!records.due_in(&around, 256, 9).unwrap().contains(&key(7)) && records.first_due().unwrap().is_some());
}

#[test]
fn route_8_what_was_announced_is_counted_over_a_restart_and_what_is_withdrawn_is_not() {
    fresh!(dir, _local, CLOCK, records, open);
    let now = CLOCK.load(Ordering::SeqCst);
    records.provide(&keys(0..10), None, now).unwrap();
    let told = |of: std::ops::Range<u64>| keys(of).into_iter().map(|key| (key, Outcome::Announced(vec![]))).collect::<Vec<_>>();
    records.announced(told(0..4)).unwrap();
    records.announced(told(2..6)).unwrap();
    records
        .announced([(key(6), Outcome::Failed("nobody".into())), (key(0), Outcome::Failed("nobody".into()))])
        .unwrap();
    let stat =
        |records: &Records| records.stat().map(|stat| (stat.keys, stat.announced, stat.waiting, stat.oldest_due_ms)).unwrap();
    assert_eq!(stat(&records), (10, 6, 3, Some(now)), "one that failed later was announced all the same");
    records.withdraw(&[key(0), key(0), key(9)]).unwrap();
    assert_eq!(stat(&records), (8, 5, 2, Some(now)));
    drop(records);
    let records = open().unwrap();
    assert_eq!(stat(&records), (8, 5, 2, Some(now)));
    // An earlier program did not write the number down.
    records.db().delete_cf(column(records.db(), META).unwrap(), ANNOUNCED).unwrap();
    drop(records);
    assert_eq!(stat(&open().unwrap()), (8, 5, 2, Some(now)));
}

#[test]
fn route_8_what_is_provided_is_told_in_pages_and_who_is_announced_now_waits_for_no_turn() {
    fresh!(dir, _local, CLOCK, records, _open);
    let now = CLOCK.load(Ordering::SeqCst);
    records.provide(&keys(0..25), None, now).unwrap();
    records.provide(&[key(25)], Some(now + 1), now).unwrap();
    CLOCK.fetch_add(1, Ordering::SeqCst);
    let mut seen: Vec<Key> = Vec::new();
    loop {
        let page = records.provided(seen.last(), 10).unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 10);
        seen.extend(page);
    }
    seen.sort();
    assert_eq!(seen, keys(0..25), "one whose time is over is provided no more");
    records.put_off(&key(3), now + 50).unwrap();
    records.put_off(&key(3), now + 20).unwrap();
    records.put_off(&key(30), now + 50).unwrap();
    assert_eq!(records.status(&key(3)).unwrap().unwrap().next_due_ms, now + 50);
    assert_eq!((records.status(&key(30)).unwrap(), records.stat().unwrap().keys), (None, 26));
    assert!(!records.due_in(&place(key(3).bytes()), 256, 9).unwrap().contains(&key(3)));
}
