//! Contracts in text.

pub fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A region at an address: its record, and its content behind that.
pub fn region(at: u32, content: &[u8]) -> String {
    let length = content.len() as u32;
    let record = [at + 12, length, length].map(u32::to_le_bytes).concat();
    format!("(data (i32.const {at}) \"{}\")", bytes(&[&record, content].concat()))
}

pub const FINE: &str = r#"{"ok":{"messages":[],"attributes":[],"events":[],"data":null}}"#;
/// Of a question: nothing, in base64.
pub const ANSWER: &str = r#"{"ok":"e30="}"#;

/// Where what is allocated begins: each round of a loop begins there anew.
pub const FREE: u32 = 24 << 20;

const IMPORTS: [(&str, &str); 24] = [
    ("abort", "(param i32)"),
    ("db_read", "(param i32) (result i32)"),
    ("db_write", "(param i32 i32)"),
    ("db_remove", "(param i32)"),
    ("db_scan", "(param i32 i32 i32) (result i32)"),
    ("db_next", "(param i32) (result i32)"),
    ("db_next_key", "(param i32) (result i32)"),
    ("db_next_value", "(param i32) (result i32)"),
    ("addr_validate", "(param i32) (result i32)"),
    ("addr_canonicalize", "(param i32 i32) (result i32)"),
    ("addr_humanize", "(param i32 i32) (result i32)"),
    ("secp256k1_verify", "(param i32 i32 i32) (result i32)"),
    ("secp256k1_recover_pubkey", "(param i32 i32 i32) (result i64)"),
    ("secp256r1_verify", "(param i32 i32 i32) (result i32)"),
    ("secp256r1_recover_pubkey", "(param i32 i32 i32) (result i64)"),
    ("ed25519_verify", "(param i32 i32 i32) (result i32)"),
    ("ed25519_batch_verify", "(param i32 i32 i32) (result i32)"),
    ("bls12_381_aggregate_g1", "(param i32 i32) (result i32)"),
    ("bls12_381_aggregate_g2", "(param i32 i32) (result i32)"),
    ("bls12_381_pairing_equality", "(param i32 i32 i32 i32) (result i32)"),
    ("bls12_381_hash_to_g1", "(param i32 i32 i32 i32) (result i32)"),
    ("bls12_381_hash_to_g2", "(param i32 i32 i32 i32) (result i32)"),
    ("debug", "(param i32)"),
    ("query_chain", "(param i32) (result i32)"),
];

/// A contract with so many pages of memory and these parts; its instantiate does `begin` and answers well.
pub fn module(pages: u32, begin: &str, parts: &str) -> String {
    let import = |(name, kind): &(&str, &str)| format!("(import \"env\" \"{name}\" (func ${name} {kind}))");
    let imports: String = IMPORTS.iter().map(import).collect();
    let pages = pages.max(2);
    let free = FREE.min((pages / 2) << 16);
    format!(
        r#"(module {imports} (memory (export "memory") {pages}) (func (export "interface_version_8"))
          (global $free (mut i32) (i32.const {free})) (global $n (mut i32) (i32.const 0)) (global $x (mut i32) (i32.const 1))
          (func (export "allocate") (param $n i32) (result i32) (local $r i32)
            (local.set $r (global.get $free))
            (i32.store (local.get $r) (i32.add (local.get $r) (i32.const 12)))
            (i32.store offset=4 (local.get $r) (local.get $n))
            (global.set $free (i32.and (i32.add (i32.add (local.get $r) (local.get $n)) (i32.const 27)) (i32.const -16)))
            (local.get $r))
          (func (export "deallocate") (param i32))
          {} {}
          (func (export "instantiate") (param i32 i32 i32) (result i32) {begin} (i32.const 16))
          (func (export "query") (param i32 i32) (result i32) (i32.const 256))
          {parts})"#,
        region(16, FINE.as_bytes()),
        region(256, ANSWER.as_bytes())
    )
}

/// Functions of some forty bytes each: what takes longest to be read from disk.
pub fn functions(n: usize) -> String {
    let function = format!("(func (result i64) (i64.const 7){})", "(i64.const 77777)(i64.xor)".repeat(6));
    function.repeat(n)
}

/// The code so many times, then a good answer. `$n` counts down.
pub fn looped(before: &str, code: &str, rounds: u64) -> String {
    format!(
        "(func (export \"execute\") (param i32 i32 i32) (result i32) (local $a i32) (local $b i32) (local $c i64) (local $f f64)
           {before} (global.set $n (i32.const {rounds}))
           (if (global.get $n) (then (loop $again (global.set $free (i32.const {FREE})) {code}
             (global.set $n (i32.sub (global.get $n) (i32.const 1))) (br_if $again (global.get $n)))))
           (i32.const 16))"
    )
}
