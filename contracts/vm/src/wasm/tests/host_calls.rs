//! What a contract may call, called with what it may not be called with.

use super::text::*;
use super::*;

/// A contract with these words in its memory, each behind a pointer, that does this.
fn with(words: &[(u32, &[u8])], code: &str) -> String {
    let data: String = words.iter().map(|(at, content)| region(*at, content)).collect();
    module(IMPORTS, ALLOCATE, &format!("{data} {}", execute(code)))
}

/// It calls with a word of so many bytes.
fn long(length: usize, code: &str) -> String {
    // More than code may hold is what stands in the memory, zeros.
    match length {
        0..200_000 => with(&[(4_096, &vec![b'k'; length])], code),
        _ => module(IMPORTS, ALLOCATE, &format!("{} {}", record(4_096, 2 << 20, length as u32, length as u32), execute(code))),
    }
}

/// Demands a certain result.
fn is(code: &str, result: i64) -> String {
    let kind = if code.contains("recover") { "i64" } else { "i32" };
    format!("(if ({kind}.ne {code} ({kind}.const {result})) (then (unreachable)))")
}

/// Demands any result but 0: the number of an error, or where its text stands.
fn is_refused(code: &str) -> String {
    let test = if code.contains("recover") { format!("(i64.eqz {code})") } else { format!("(i32.eqz {code})") };
    format!("(if {test} (then (unreachable)))")
}

#[test]
fn keys_and_values_have_their_bounds() {
    let far = executes(&format!("(drop (call $db_read (i32.const {})))", 80 * 65_536 - 4));
    end(&[
        ("a key of nothing is not there", long(0, &is("(call $db_read (i32.const 4096))", 0)), Ends::Well),
        ("a key of 64 KiB is not there", long(64 << 10, &is("(call $db_read (i32.const 4096))", 0)), Ends::Well),
        ("a key of a byte more", long((64 << 10) + 1, "(drop (call $db_read (i32.const 4096)))"), TRAP),
        ("removed", long((64 << 10) + 1, "(call $db_remove (i32.const 4096))"), TRAP),
        (
            "scanned from",
            long((64 << 10) + 1, "(drop (call $db_scan (i32.const 4096) (i32.const 0) (i32.const 1)))"),
            TRAP,
        ),
        (
            "scanned to",
            long((64 << 10) + 1, "(drop (call $db_scan (i32.const 0) (i32.const 4096) (i32.const 1)))"),
            TRAP,
        ),
        ("a value of 64 KiB", long(64 << 10, "(call $db_write (i32.const 16) (i32.const 4096))"), Ends::Well),
        (
            "a value of 128 KiB and a byte",
            long((128 << 10) + 1, "(call $db_write (i32.const 16) (i32.const 4096))"),
            TRAP,
        ),
        ("at 0", executes("(drop (call $db_read (i32.const 0)))"), TRAP),
        ("across the end", far, TRAP),
        ("for ever", executes("(loop $again (call $db_write (i32.const 16) (i32.const 16)) (br $again))"), GAS_OUT),
    ]);
}

#[test]
fn a_question_writes_nothing() {
    for call in ["(call $db_write (i32.const 16) (i32.const 16))", "(call $db_remove (i32.const 16))"] {
        let parts = format!("(func (export \"query\") (param i32 i32) (result i32) {call} (i32.const 16))");
        assert_eq!(trial(&module(IMPORTS, ALLOCATE, &parts), Entry::Query, GAS).answer, Err(Failure::Trap), "{call}");
    }
}

#[test]
fn iterators_end_and_there_is_no_other() {
    let write = "(call $db_write (i32.const 64) (i32.const 64))";
    let scan = "(call $db_scan (i32.const 0) (i32.const 0) (i32.const 2))";
    // After the end there is nothing, as often as it is asked: eight bytes of two empty sections.
    let over = "(if (i32.ne (i32.load offset=8 (call $db_next (i32.const 0))) (i32.const 8)) (then (unreachable)))";
    let none = is("(call $db_next_key (i32.const 0))", 0);
    let text = |code: &str| with(&[(64, b"k")], code);
    end(&[
        (
            "to the end and on",
            text(&format!("{write} (drop {scan}) (drop (call $db_next (i32.const 0))) {over} {over} {none}")),
            Ends::Well,
        ),
        (
            "what is written later",
            text(&format!("(drop {scan}) {write} (drop (call $db_next_value (i32.const 0))) {none}")),
            Ends::Well,
        ),
        ("one that was never made", text("(drop (call $db_next (i32.const 0)))"), TRAP),
        ("one of another number", text(&format!("(drop {scan}) (drop (call $db_next_key (i32.const 1)))")), TRAP),
        ("no order", text("(drop (call $db_scan (i32.const 0) (i32.const 0) (i32.const 3)))"), TRAP),
        ("as many as there is gas for", text(&format!("(loop $again (drop {scan}) (br $again))")), GAS_OUT),
        (
            "asked for ever",
            text(&format!("(drop {scan}) (loop $again (drop (call $db_next (i32.const 0))) (br $again))")),
            GAS_OUT,
        ),
    ]);
}

#[test]
fn addresses_that_are_none_are_no_more_than_that() {
    let human = human(7);
    let validated = |text: &[u8]| with(&[(64, text)], &is_refused("(call $addr_validate (i32.const 64))"));
    let humanized = |bytes: usize, code: &str| with(&[(64, &vec![7; bytes]), (512, &[0; 90])], code);
    let call = "(call $addr_humanize (i32.const 64) (i32.const 512))";
    let canonical = "(call $addr_canonicalize (i32.const 64) (i32.const 512))";
    end(&[
        ("one that is one", with(&[(64, human.as_bytes())], &is("(call $addr_validate (i32.const 64))", 0)), Ends::Well),
        ("in capitals, CWA-2022-002", validated(human.to_uppercase().as_bytes()), Ends::Well),
        ("nothing", validated(b""), Ends::Well),
        ("no text", validated(&[0xff, 0xfe]), Ends::Well),
        ("256 bytes", validated(&[b'l'; 256]), Ends::Well),
        ("257 bytes", validated(&[b'l'; 257]), TRAP),
        ("canonical", with(&[(64, human.as_bytes()), (512, &[0; 20])], &is(canonical, 0)), Ends::Well),
        ("canonical, without room", with(&[(64, human.as_bytes()), (512, &[0; 19])], &is(canonical, 0)), TRAP),
        ("human of 20", humanized(20, &is(call, 0)), Ends::Well),
        ("human of 32", humanized(32, &is(call, 0)), Ends::Well),
        ("human of nothing", humanized(0, &is_refused(call)), Ends::Well),
        ("human of 64", humanized(64, &is_refused(call)), Ends::Well),
        ("human of 65", humanized(65, &format!("(drop {call})")), TRAP),
    ]);
}

#[test]
fn signatures_of_wrong_lengths_are_numbers_of_errors_and_too_long_ones_traps() {
    let lengths = |hash: usize, signature: usize, key: usize, code: String| {
        with(&[(64, &vec![1; hash]), (1_024, &vec![2; signature]), (2_048, &vec![3; key])], &code)
    };
    let three = "(i32.const 64) (i32.const 1024) (i32.const 2048)";
    let mut cases = Vec::new();
    for verify in ["secp256k1_verify", "secp256r1_verify", "ed25519_verify"] {
        let call = format!("(call ${verify} {three})");
        for (hash, signature, key) in [(31, 64, 33), (32, 63, 33), (32, 0, 33), (32, 64, 0), (32, 64, 1), (32, 64, 32)] {
            // A word of this length would be a trap there.
            if verify == "ed25519_verify" && key > 32 {
                continue;
            }
            cases.push((verify, lengths(hash, signature, key, is_refused(&call)), Ends::Well));
        }
        cases.push((verify, lengths(32, 65, 32, format!("(drop {call})")), TRAP));
        cases.push((verify, lengths(32, 64, 66, format!("(drop {call})")), TRAP));
    }
    for recover in ["secp256k1_recover_pubkey", "secp256r1_recover_pubkey"] {
        for (hash, signature, parameter) in [(31, 64, 0), (32, 63, 0), (32, 64, 2), (32, 64, 255), (32, 64, 256), (32, 64, -1)] {
            let call = format!("(call ${recover} (i32.const 64) (i32.const 1024) (i32.const {parameter}))");
            cases.push((recover, lengths(hash, signature, 0, is_refused(&call)), Ends::Well));
        }
    }
    end(&cases);
}

#[test]
fn batches_and_points_that_are_none_are_numbers_of_errors() {
    let batch = |messages: &[u8], signatures: &[u8], keys: &[u8], code: &str| {
        with(&[(64, messages), (1_024, signatures), (2_048, keys)], code)
    };
    let call = "(call $ed25519_batch_verify (i32.const 64) (i32.const 1024) (i32.const 2048))";
    let section = |length: usize| [vec![5; length], (length as u32).to_be_bytes().to_vec()].concat();
    let (one, two) = (section(64), [section(64), section(64)].concat());
    let points = |length: usize, code: &str| with(&[(1_024, &vec![9; length]), (4_096, &[0; 96])], code);
    let g = |n: u8| format!("(call $bls12_381_aggregate_g{n} (i32.const 1024) (i32.const 4096))");
    let pairing = "(call $bls12_381_pairing_equality (i32.const 1024) (i32.const 1024) (i32.const 1024) (i32.const 1024))";
    let hash = |n: u8, function: u32| {
        format!("(call $bls12_381_hash_to_g{n} (i32.const {function}) (i32.const 1024) (i32.const 1024) (i32.const 4096))")
    };
    end(&[
        ("none of each is fine", batch(b"", b"", b"", &is(call, 0)), Ends::Well),
        ("more signatures than keys", batch(&section(3), &two, &section(32), &is_refused(call)), Ends::Well),
        (
            "messages without signatures",
            batch(&[section(3), section(3)].concat(), b"", b"", &is_refused(call)),
            Ends::Well,
        ),
        ("signatures of 63 bytes", batch(&section(3), &section(63), &section(32), &is_refused(call)), Ends::Well),
        ("keys of 31 bytes", batch(&section(3), &one, &section(31), &is_refused(call)), Ends::Well),
        ("no signature", batch(&section(3), &one, &section(32), &is_refused(call)), Ends::Well),
        (
            "sections beyond their word",
            batch(&section(3), &[0xff, 0xff, 0xff, 0xff], b"", &format!("(drop {call})")),
            TRAP,
        ),
        ("half a section", batch(&[1, 2], b"", b"", &format!("(drop {call})")), TRAP),
        ("no points", points(0, &is_refused(&g(1))), Ends::Well),
        ("half a point", points(47, &is_refused(&g(1))), Ends::Well),
        ("no point of the curve", points(48, &is_refused(&g(1))), Ends::Well),
        ("of the second group", points(96, &is_refused(&g(2))), Ends::Well),
        ("pairs of nothing", points(48, &is_refused(pairing)), Ends::Well),
        ("pairs of too much", points(97, &format!("(drop {pairing})")), TRAP),
        ("no such hash", points(8, &is_refused(&hash(1, 7))), Ends::Well),
        ("no such hash of the second", points(8, &is_refused(&hash(2, u32::MAX >> 1))), Ends::Well),
        ("without a tag", points(0, &format!("(drop {})", hash(1, 0))), Ends::Well),
        (
            "with a tag of 5 KiB",
            with(&[(16_384, &vec![9; 5 << 10]), (4_096, &[0; 96])], &is(&hash(2, 0).replace("1024", "16384"), 0)),
            Ends::Well,
        ),
        (
            "with a longer one",
            with(
                &[(16_384, &vec![9; (5 << 10) + 1]), (4_096, &[0; 96])],
                &format!("(drop {})", hash(2, 0).replace("1024", "16384")),
            ),
            TRAP,
        ),
    ]);
}

/// A host that fails in a way that it should not.
struct Panics;

impl Host for Panics {
    fn get(&mut self, _: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        panic!("as it was told")
    }
    fn set(&mut self, _: &[u8], _: &[u8]) -> Result<usize, HostError> {
        Ok(0)
    }
    fn remove(&mut self, _: &[u8]) -> Result<(), HostError> {
        Ok(())
    }
    fn first(&mut self, _: Option<&[u8]>, _: Option<&[u8]>, _: Order) -> Result<Passed, HostError> {
        Ok((None, 0))
    }
    fn query(&mut self, _: &[u8], _: u64) -> (Result<QueryAnswer, HostError>, u64) {
        (Ok(QueryAnswer::Malformed), 0)
    }
}

#[test]
fn cwa_2024_008_a_panic_costs_all_that_was_given_and_harms_no_later_call() {
    let bench = Bench::new();
    let wasm = wat::parse_str(executes("(drop (call $db_read (i32.const 16)))")).unwrap();
    let module = bench.engine.store(&wasm).unwrap();
    let (env, info) = (env(), info(1));
    let call = Call { code: &module.code, entry: Entry::Execute, env: &env, info: &info, msg: b"{}", gas: GAS };
    let ended = bench.engine.call(&call, Box::new(Panics)).unwrap();
    assert_eq!(ended, Called { gas: GAS, answer: Err(Failure::Trap) });
    let later = bench.engine.call(&call, Box::new(Memory::default())).unwrap();
    assert_eq!(later.answer, Ok(SAID.as_bytes().to_vec()));
}

#[test]
fn what_is_said_on_the_side_reaches_nobody() {
    let most = 2 << 20;
    end(&[
        ("debug", long(most, "(call $debug (i32.const 4096))"), Ends::Well),
        ("debug of a byte more", long(most + 1, "(call $debug (i32.const 4096))"), TRAP),
        ("debug for ever", long(most, "(loop $again (call $debug (i32.const 4096)) (br $again))"), GAS_OUT),
        ("abort", long(most, "(call $abort (i32.const 4096))"), TRAP),
        ("abort of a byte more", long(most + 1, "(call $abort (i32.const 4096))"), TRAP),
        ("abort with no text", with(&[(64, &[0xff; 9])], "(call $abort (i32.const 64))"), TRAP),
    ]);
}

#[test]
fn questions_that_are_none_are_answered_as_that() {
    let ask = "(drop (call $query_chain (i32.const 4096)))";
    end(&[
        ("nothing", long(0, ask), Ends::Well),
        ("no JSON", long(100, ask), Ends::Well),
        ("64 KiB", long(64 << 10, ask), Ends::Well),
        ("a byte more", long((64 << 10) + 1, ask), TRAP),
        ("deeply nested", with(&[(4_096, "[".repeat(60_000).as_bytes())], ask), Ends::Well),
    ]);
}
