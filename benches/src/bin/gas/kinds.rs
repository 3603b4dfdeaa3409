//! Loops: what a contract can do for long.

use crate::contract::{bytes, region};

/// A contract that does one thing again and again.
pub struct Kind {
    pub name: &'static str,
    pub pages: u32,
    /// In the module.
    pub parts: String,
    /// When it is made: what it finds later.
    pub begin: String,
    /// Once, then again and again. `OTHER` in `parts` is the address of another contract.
    pub before: String,
    pub code: String,
    /// Rounds at most.
    pub most: u32,
}

fn kind(name: &'static str, pages: u32, parts: impl Into<String>, before: impl Into<String>, code: impl Into<String>) -> Kind {
    let (parts, before, code) = (parts.into(), before.into(), code.into());
    Kind { name, pages, parts, begin: String::new(), before, code, most: 100_000_000 }
}

fn plain(name: &'static str, code: &str, times: usize) -> Kind {
    kind(
        name,
        1,
        "",
        "(local.set $a (i32.const 77)) (local.set $c (i64.const -77)) (local.set $f (f64.const 77))",
        code.repeat(times),
    )
}

fn cpu() -> Vec<Kind> {
    let empty = "(func $f) (table 1 1 funcref) (elem (i32.const 0) $f)";
    let random = "(global.set $x (i32.add (i32.mul (global.get $x) (i32.const 1664525)) (i32.const 1013904223)))";
    let at = "(i32.and (global.get $x) (i32.const 4194300))";
    // Words 96 bytes apart; each holds where the next one is to be looked for, and all come before one comes again.
    let weave = |words: u32| {
        format!(
            "(local.set $b (i32.const {words})) (loop $w (local.set $b (i32.sub (local.get $b) (i32.const 1)))
               (i32.store offset=1048576 (i32.mul (local.get $b) (i32.const 96)) (i32.mul (i32.const 96) (i32.and (i32.const {})
                 (i32.add (i32.mul (local.get $b) (i32.const 1664525)) (i32.const 1013904223)))))
               (br_if $w (local.get $b)))",
            words - 1
        )
    };
    let chase = "(local.set $a (i32.load offset=1048576 (local.get $a)))";
    // A store to each page of 4 KiB, so that the machine has given all of it.
    let fill = "(local.set $a (i32.const 1048576)) (loop $t (i32.store (local.get $a) (i32.const 1))
        (br_if $t (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 4096))) (i32.const 4190000))))";
    vec![
        plain("cpu: an empty loop", "", 1),
        plain("cpu: additions", "(local.set $c (i64.add (local.get $c) (i64.const 3)))", 64),
        plain("cpu: multiplications", "(local.set $c (i64.mul (local.get $c) (i64.const 3)))", 64),
        plain(
            "cpu: divisions of 64 bits",
            "(local.set $c (i64.or (i64.div_s (local.get $c) (i64.const 3)) (i64.const -9223372036854775000)))",
            64,
        ),
        plain(
            "cpu: divisions of 32 bits",
            "(local.set $a (i32.or (i32.div_u (local.get $a) (i32.const 3)) (i32.const -7)))",
            64,
        ),
        plain(
            "cpu: remainders",
            "(local.set $c (i64.or (i64.rem_s (local.get $c) (i64.const 1000003)) (i64.const -9223372036854775000)))",
            64,
        ),
        plain("cpu: bits counted", "(local.set $c (i64.add (i64.popcnt (local.get $c)) (i64.ctz (local.get $c))))", 64),
        plain("cpu: square roots", "(local.set $f (f64.add (f64.sqrt (local.get $f)) (f64.const 1e9)))", 64),
        plain("cpu: divisions of floats", "(local.set $f (f64.div (f64.const 1e300) (local.get $f)))", 64),
        plain("cpu: minima of floats", "(local.set $f (f64.min (local.get $f) (f64.const nan)))", 64),
        plain(
            "cpu: subnormal floats",
            "(local.set $f (f64.mul (f64.add (local.get $f) (f64.const 0x1p-1074)) (f64.const 0.5)))",
            64,
        ),
        plain(
            "cpu: floats to integers and back",
            "(local.set $f (f64.convert_i64_u (i64.trunc_sat_f64_u (local.get $f))))",
            64,
        ),
        plain(
            "cpu: jumps by table",
            &format!("(block $x (block $y (br_table $x {} $y (local.get $a))))", "$y $x ".repeat(20)),
            16,
        ),
        kind("cpu: calls", 1, empty, "", "(call $f)".repeat(32)),
        kind("cpu: calls by table", 1, empty, "", "(call_indirect (i32.const 0))".repeat(32)),
        kind("memory: loads here and there in 4 MiB", 64, "", fill, format!("{random} (drop (i32.load {at}))").repeat(32)),
        kind(
            "memory: stores here and there in 2 MiB",
            64,
            "",
            fill,
            format!("{random} (i32.store offset=2097152 (i32.and (global.get $x) (i32.const 2097148)) (i32.const 0))").repeat(32),
        ),
        kind("memory: loads, each where the last one says, 3 MiB", 64, "", weave(1 << 15), chase.repeat(64)),
        kind("memory: loads, each where the last one says, 1.5 MiB", 64, "", weave(1 << 14), chase.repeat(64)),
        kind("memory: loads, each where the last one says, 750 KiB", 64, "", weave(1 << 13), chase.repeat(64)),
        kind(
            "memory: grown by a page, and that touched",
            2,
            "",
            "",
            "(i32.store offset=65000 (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const 1))".to_string(),
        )
        .at_most(60),
        kind("memory: grown by nothing", 2, "", "", "(drop (memory.grow (i32.const 0)))"),
        kind("memory: filled, a byte", 64, "", "", "(memory.fill (i32.const 1048576) (i32.const 1) (i32.const 1))"),
        kind("memory: filled, 3 MB", 64, "", "", "(memory.fill (i32.const 1048576) (i32.const 1) (i32.const 3000000))"),
        kind("memory: copied, a byte", 64, "", "", "(memory.copy (i32.const 1048576) (i32.const 1) (i32.const 1))"),
        kind(
            "memory: copied, 1.5 MB",
            64,
            "",
            fill,
            "(memory.copy (i32.const 1048577) (i32.const 2621440) (i32.const 1500000))",
        ),
        kind(
            "tables: filled",
            1,
            "(table $t 2500 2500 funcref) (elem declare func $e) (func $e)",
            "",
            "(table.fill $t (i32.const 0) (ref.func $e) (i32.const 2500))",
        ),
        kind(
            "tables: copied",
            1,
            "(table $t 2500 2500 funcref)",
            "",
            "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 2499))",
        ),
    ]
}

impl Kind {
    fn at_most(self, most: u32) -> Self {
        Self { most, ..self }
    }

    fn begin(self, begin: impl Into<String>) -> Self {
        Self { begin: begin.into(), ..self }
    }
}

/// A key that differs each time: 8 bytes at 4108, of the record at 4096.
const NEXT_KEY: &str = "(i32.store (i32.const 4108) (i32.mul (global.get $n) (i32.const 1640531527)))";

fn storage() -> Vec<Kind> {
    let key = region(4_096, b"keykey00");
    let long = format!("{key} {}", region(8_192, &vec![7; 65_000]));
    let write = "(call $db_write (i32.const 4096) (i32.const 4096))";
    let many = format!("(global.set $n (i32.const 1000)) (loop $w {NEXT_KEY} {write} (br_if $w (global.tee $n)))").replace(
        "(global.tee $n)",
        "(block (result i32) (global.set $n (i32.sub (global.get $n) (i32.const 1))) (global.get $n))",
    );
    let removed = format!("{many} {}", many.replace(write, "(call $db_remove (i32.const 4096))"));
    let scan = "(local.set $a (call $db_scan (i32.const 0) (i32.const 0) (i32.const 1)))";
    let back = scan.replace("(i32.const 1))", "(i32.const 2))");
    let far = region(70_000, &vec![b'k'; 65_536]);
    vec![
        kind("storage: read, not there", 64, &*key, "", "(drop (call $db_read (i32.const 4096)))"),
        kind(
            "storage: read, 1,000 keys in turn",
            64,
            &*key,
            "",
            format!("{NEXT_KEY} (drop (call $db_read (i32.const 4096)))")
                .replace("$n)", "$n) (i32.const 1000)")
                .replace("(i32.mul (global.get $n) (i32.const 1000)", "(i32.mul (i32.rem_u (global.get $n) (i32.const 1000))"),
        )
        .begin(&*many),
        kind("storage: read, 64 KiB", 64, &*long, "", "(drop (call $db_read (i32.const 4096)))")
            .begin("(call $db_write (i32.const 4096) (i32.const 8192))"),
        kind("storage: written, one key", 64, &*key, "", write),
        kind("storage: written, new keys", 64, &*key, "", format!("{NEXT_KEY} {write}")),
        kind(
            "storage: written, 64 KiB, new keys",
            64,
            &*long,
            "",
            format!("{NEXT_KEY} (call $db_write (i32.const 4096) (i32.const 8192))"),
        ),
        kind("storage: removed, not there", 64, &*key, "", format!("{NEXT_KEY} (call $db_remove (i32.const 4096))")),
        kind("storage: iterators made", 64, &*key, "", scan),
        kind(
            "storage: iterators made, bounds of 64 KiB",
            64,
            format!("{key} {far}"),
            "",
            scan.replacen("(i32.const 0) (i32.const 0)", "(i32.const 70000) (i32.const 70000)", 1),
        ),
        kind("storage: iterated upwards", 64, &*key, scan, "(drop (call $db_next (local.get $a)))")
            .begin(&*many)
            .at_most(1_000),
        kind("storage: iterated downwards", 64, &*key, &*back, "(drop (call $db_next (local.get $a)))")
            .begin(&*many)
            .at_most(1_000),
        kind(
            "storage: iterated over what was just written",
            64,
            &*key,
            format!("{many} {scan}"),
            "(drop (call $db_next (local.get $a)))",
        )
        .at_most(1_000),
        kind(
            "storage: begun anew over 1,000 that were removed",
            64,
            &*key,
            &*removed,
            format!("{scan} (drop (call $db_next (local.get $a)))"),
        )
        .begin(&*many),
        kind("storage: iterated after the end", 64, &*key, scan, "(drop (call $db_next (local.get $a)))"),
    ]
}

fn host() -> Vec<Kind> {
    let human = leither_harness::account("bob").to_string();
    let address = format!("{} {} {}", region(4_096, human.as_bytes()), region(5_000, &[7; 20]), region(6_000, &[0; 90]));
    let ask = |request: &str| region(4_096, request.as_bytes());
    let query = "(drop (call $query_chain (i32.const 4096)))";
    let balance = format!(r#"{{"bank":{{"balance":{{"address":"{human}","denom":"nmei"}}}}}}"#);
    // The other's address is as long as a name is.
    let smart = format!(r#"{{"wasm":{{"smart":{{"contract_addr":"{human}","msg":"e30="}}}}}}"#).replace(&human, "OTHER");
    let of_other = |request: &str| {
        format!(
            "(data (i32.const 4096) \"{}\") (data (i32.const 4108) \"{}\")",
            bytes(&[4_108u32, 400, (request.len() - 5 + human.len()) as u32].map(u32::to_le_bytes).concat()),
            request.replace('"', "\\22")
        )
    };
    vec![
        kind("address: validated", 64, &*address, "", "(drop (call $addr_validate (i32.const 4096)))"),
        kind(
            "address: to its bytes",
            64,
            &*address,
            "",
            "(drop (call $addr_canonicalize (i32.const 4096) (i32.const 6000)))",
        ),
        kind("address: from its bytes", 64, &*address, "", "(drop (call $addr_humanize (i32.const 5000) (i32.const 6000)))"),
        kind(
            "address: 256 letters that are none",
            64,
            region(4_096, &[b'l'; 256]),
            "",
            "(drop (call $addr_validate (i32.const 4096)))",
        ),
        kind(
            "debug: 2 MiB",
            64,
            region(4_096, b"").replace("\\00\\00\\00\\00\\00\\00\\00\\00", "\\00\\00\\20\\00\\00\\00\\20\\00"),
            "",
            "(call $debug (i32.const 4096))",
        ),
        kind("query: a balance", 64, ask(&balance), "", query),
        kind("query: no question, 60 KB", 64, ask(&"[".repeat(60_000)), "", query),
        kind(
            "query: 60 KB that nobody reads",
            64,
            ask(&format!(r#"{{"grpc":{{"x":[{}1]}}}}"#, "1,".repeat(29_990))),
            "",
            query,
        ),
        kind(
            "query: all balances",
            64,
            ask(&format!(r#"{{"bank":{{"all_balances":{{"address":"{human}"}}}}}}"#)),
            "",
            query,
        ),
        kind("query: another contract", 64, of_other(&smart), "", query),
        kind("query: about a contract", 64, of_other(r#"{"wasm":{"contract_info":{"contract_addr":"OTHER"}}}"#), "", query),
        kind("query: about a code", 64, ask(r#"{"wasm":{"code_info":{"code_id":1}}}"#), "", query),
    ]
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Generators of the curves: points that are some, so that all the work is done.
const K1: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const R1: &str = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const ED: &str = "5866666666666666666666666666666666666666666666666666666666666666";
const G1: &str = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
const G2: &str = "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e\
    024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8";

fn crypto() -> Vec<Kind> {
    let words = |hash: &[u8], signature: &[u8], key: &[u8]| {
        format!("{} {} {}", region(4_096, hash), region(500_000, signature), region(600_000, key))
    };
    let ecdsa = |x: &str| [&hex(x)[1..], &[1; 32][..]].concat();
    let eddsa = [hex(ED), vec![1; 31], vec![0]].concat();
    let three = "(i32.const 4096) (i32.const 500000) (i32.const 600000)";
    let verify = |name, function: &str, words: String| kind(name, 64, words, "", format!("(drop (call ${function} {three}))"));
    let recover = |name, function: &str, words: String| {
        kind(name, 64, words, "", format!("(drop (call ${function} (i32.const 4096) (i32.const 500000) (i32.const 0)))"))
    };
    let batch = |message: &[u8], n: usize| {
        let section = |content: &[u8]| [content, &(content.len() as u32).to_be_bytes()].concat();
        words(&section(message).repeat(n), &section(&eddsa).repeat(n), &section(&hex(ED)).repeat(n))
    };
    let points = |point: &str, n: usize| format!("{} {}", region(4_096, &hex(point).repeat(n)), region(600_000, &[0; 96]));
    let aggregate = |name, function: &str, words: String| {
        kind(name, 64, words, "", format!("(drop (call ${function} (i32.const 4096) (i32.const 600000)))"))
    };
    let pairs = |n: usize| {
        format!(
            "{} {} {} {}",
            region(4_096, &hex(G1).repeat(n)),
            region(300_000, &hex(G2).repeat(n)),
            region(600_000, &hex(G1)),
            region(601_000, &hex(G2))
        )
    };
    let pairing =
        "(drop (call $bls12_381_pairing_equality (i32.const 4096) (i32.const 300000) (i32.const 600000) (i32.const 601000)))";
    // Its bytes are whatever stands in the memory.
    let to_curve = |name, function: &str, length: u32| {
        let record = [1_048_576u32, length, length].map(u32::to_le_bytes).concat();
        let parts =
            format!("(data (i32.const 4096) \"{}\") {} {}", bytes(&record), region(5_000, b"tag"), region(600_000, &[0; 96]));
        kind(
            name,
            64,
            parts,
            "",
            format!("(drop (call ${function} (i32.const 0) (i32.const 4096) (i32.const 5000) (i32.const 600000)))"),
        )
    };
    vec![
        verify("crypto: secp256k1", "secp256k1_verify", words(&[5; 32], &ecdsa(K1), &hex(K1))),
        recover("crypto: secp256k1, key recovered", "secp256k1_recover_pubkey", words(&[5; 32], &ecdsa(K1), &[])),
        verify("crypto: secp256r1", "secp256r1_verify", words(&[5; 32], &ecdsa(R1), &hex(R1))),
        recover("crypto: secp256r1, key recovered", "secp256r1_recover_pubkey", words(&[5; 32], &ecdsa(R1), &[])),
        verify("crypto: ed25519", "ed25519_verify", words(&[5; 32], &eddsa, &hex(ED))),
        verify("crypto: ed25519, 128 KiB", "ed25519_verify", words(&vec![5; 128 << 10], &eddsa, &hex(ED))),
        verify("crypto: ed25519, 64 at once", "ed25519_batch_verify", batch(&[5; 32], 64)),
        verify("crypto: ed25519, 3 of 128 KiB at once", "ed25519_batch_verify", batch(&vec![5; 128 << 10], 3)),
        aggregate("crypto: points of G1 summed, 1", "bls12_381_aggregate_g1", points(G1, 1)),
        aggregate("crypto: points of G1 summed, 1,000", "bls12_381_aggregate_g1", points(G1, 1_000)),
        aggregate("crypto: points of G2 summed, 1,000", "bls12_381_aggregate_g2", points(G2, 1_000)),
        kind("crypto: pairings, 1", 64, pairs(1), "", pairing),
        kind("crypto: pairings, 50", 64, pairs(50), "", pairing),
        to_curve("crypto: hashed to G1, 32 bytes", "bls12_381_hash_to_g1", 32),
        to_curve("crypto: hashed to G1, 3 MiB", "bls12_381_hash_to_g1", 3 << 20),
        to_curve("crypto: hashed to G2, 32 bytes", "bls12_381_hash_to_g2", 32),
        to_curve("crypto: hashed to G2, 3 MiB", "bls12_381_hash_to_g2", 3 << 20),
    ]
}

pub fn all() -> Vec<Kind> {
    [cpu(), storage(), host(), crypto()].into_iter().flatten().collect()
}
