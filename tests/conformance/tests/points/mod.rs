//! Keys and signatures on the edges of the curve: points of small order, keys with a part of small order, encodings that are not the
//! shortest. The 14 encodings and their 196 pairs are those of Henry de Valence's study of ed25519 verification.

use curve25519_dalek::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use leither_conformance::samples;
use leither_types::{PublicKey, Signature};
use sha2::{Digest, Sha512};

/// A claim, and what the case is about.
pub struct Case {
    /// What it is about.
    pub name: String,
    /// Whose signature it is said to be.
    pub key: PublicKey,
    /// What was signed.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// The field's prime, 2^255 - 19, little end first.
const PRIME: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// The group's order, 2^252 + 27742317777372353535851937790883648493, little end first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0x10,
];

fn plus(mut bytes: [u8; 32], small: u8) -> [u8; 32] {
    let mut carry = u16::from(small);
    for byte in &mut bytes {
        carry += u16::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
    bytes
}

fn negative(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] |= 0x80;
    bytes
}

/// The 14 encodings of the 8 points of small order: 8 canonical ones, then 6 that no encoder writes.
pub fn small_order() -> Vec<[u8; 32]> {
    let canonical = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes());
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = PRIME;
    minus_one[0] -= 1;
    // y = 0 written as p; y = 1 written as p + 1; and x = 0, which has no sign, written with one.
    let others = [PRIME, negative(PRIME), plus(PRIME, 1), negative(plus(PRIME, 1)), negative(one), negative(minus_one)];
    canonical.chain(others).collect()
}

fn signature(r: [u8; 32], s: [u8; 32]) -> Signature {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r);
    bytes[32..].copy_from_slice(&s);
    Signature(bytes)
}

fn hash(parts: &[&[u8]]) -> Scalar {
    let mut hasher = Sha512::new();
    parts.iter().for_each(|part| hasher.update(part));
    Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
}

/// Signs with a key and a nonce point that carry parts of small order, as no honest signer would.
fn mixed(name: &str, key_part: &EdwardsPoint, nonce_part: &EdwardsPoint) -> Case {
    let message = b"mixed order".to_vec();
    let secret = Scalar::from_bytes_mod_order(clamp_integer([7; 32]));
    let nonce = hash(&[b"nonce", &message]);
    let key = (&secret * ED25519_BASEPOINT_TABLE + key_part).compress().to_bytes();
    let r = (&nonce * ED25519_BASEPOINT_TABLE + nonce_part).compress().to_bytes();
    let s = nonce + hash(&[&r, &key, &message]) * secret;
    Case { name: name.into(), key: PublicKey(key), message, signature: signature(r, s.to_bytes()) }
}

/// `s` with the group's order added once: another text of the same signature.
fn long_s(mut case: Case) -> Case {
    let mut carry = 0u16;
    for (byte, order) in case.signature.0[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry as u8;
        carry >>= 8;
    }
    case.name += ", s beyond the order";
    case
}

/// All cases, in the golden file's order.
pub fn cases() -> Vec<Case> {
    let honest = |n: u8| {
        let message = vec![n; usize::from(n)];
        Case { name: format!("honest {n}"), key: samples::key(n).public(), signature: samples::key(n).sign(&message), message }
    };
    let mut cases: Vec<Case> = (1..=4).map(honest).collect();
    let part = EIGHT_TORSION[1];
    let none = EIGHT_TORSION[0];
    cases.push(mixed("key of mixed order", &part, &none));
    cases.push(mixed("nonce of mixed order", &none, &part));
    cases.push(mixed("key and nonce of mixed order", &part, &EIGHT_TORSION[3]));
    cases.push(long_s(honest(1)));
    cases.push(long_s(mixed("key of mixed order", &part, &none)));
    let mut other = honest(2);
    (other.name, other.message) = ("another message".into(), b"another".to_vec());
    cases.push(other);
    let mut stranger = honest(3);
    (stranger.name, stranger.key) = ("another key".into(), samples::key(4).public());
    cases.push(stranger);
    let mut off = honest(1);
    (off.name, off.key) = ("no point on the curve".into(), PublicKey([2; 32]));
    cases.push(off);
    let points = small_order();
    for (n, key) in points.iter().enumerate() {
        for (m, r) in points.iter().enumerate() {
            let message = b"Zcash".to_vec();
            cases.push(Case {
                name: format!("small order, key {n}, nonce {m}"),
                key: PublicKey(*key),
                message,
                signature: signature(*r, [0; 32]),
            });
        }
    }
    cases
}
