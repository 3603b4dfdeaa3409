//! The bytes that are sent.

use leither_pallets::{Call, tokens};
use leither_types::*;
use parity_scale_codec::Encode;
use rand::{Rng, RngCore};

/// Of 40 hex digits.
pub fn validator(text: &str) -> Option<ValidatorId> {
    let mut id = [0; 20];
    if text.len() != 40 {
        return None;
    }
    for (n, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(ValidatorId(id))
}

pub fn junk(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rand::thread_rng().fill_bytes(&mut bytes);
    bytes
}

/// A list of transfers as nodes gossip it: well formed, of accounts that have nothing, some with a signature of another's.
pub fn transfers(chain: Hash, count: usize, signed: bool) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let one = || {
        let key = SecretKey::from_seed(&rand::thread_rng().r#gen());
        let from = AccountId::of_key(&key.public());
        let pay = tokens::Call::Transfer {
            token: TokenId::NATIVE,
            to: from,
            amount: Amount(1),
            memo: Text::new("").unwrap_or_default(),
        };
        let tx = Tx {
            version: TX_VERSION,
            chain,
            signers: List::new(vec![from]).unwrap_or_default(),
            payer: None,
            nonce: 0,
            valid_until: now + 60_000,
            max_fee: Amount(u128::from(u64::MAX)),
            weight_limit: 1_000_000,
            calls: List::new(Call::Tokens(pay).write().into_iter().collect()).unwrap_or_default(),
        };
        let signature = if signed { key.sign(&tx.sign_bytes()) } else { Signature([7; 64]) };
        SignedTx { tx, witnesses: List::new(vec![Witness { key: key.public(), signature }]).unwrap_or_default() }
    };
    (0..count).map(|_| one()).collect::<Vec<_>>().encode()
}

/// A vote as the consensus swarm carries it (its tag, the vote, the signature): of a height or a round to come, by nobody's key.
pub fn vote(claim: Option<ValidatorId>, height: u64) -> Vec<u8> {
    let mut rng = rand::thread_rng();
    let vote = Vote {
        kind: if rng.r#gen() { VoteKind::Prevote } else { VoteKind::Precommit },
        height: height + rng.gen_range(0..12),
        round: rng.gen_range(0..20),
        block: Some(Hash(rng.r#gen())),
        validator: claim.unwrap_or_else(|| ValidatorId(rng.r#gen())),
    };
    (0u8, vote, Signature(random64())).encode()
}

/// A later piece of a block that nobody proposed.
pub fn part() -> Vec<u8> {
    let stream = Blob::<32>::new(junk(16)).unwrap_or_default();
    let piece = Blob::<{ 64 * 1024 }>::new(junk(64 * 1024)).unwrap_or_default();
    (stream, rand::thread_rng().gen_range(1..30u64), Some((1u8, 1u16, piece))).encode()
}

/// A claim to be a validator, which its key would have to sign.
pub fn proof(claim: Option<ValidatorId>, peer: &[u8]) -> Vec<u8> {
    (claim.unwrap_or_default(), PublicKey([3; 32]), peer.to_vec(), Signature(random64())).encode()
}

fn random64() -> [u8; 64] {
    let mut bytes = [0; 64];
    rand::thread_rng().fill_bytes(&mut bytes);
    bytes
}

/// A length as the engine's swarm writes it, before its bytes.
pub fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let (mut len, mut out) = (bytes.len(), Vec::new());
    loop {
        let low = (len & 0x7f) as u8;
        len >>= 7;
        if len == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend_from_slice(bytes);
    out
}

/// A message of the engine's broadcast protocol: a subscription to, or a message on, a topic.
pub fn broadcast(topic: &[u8], message: Option<&[u8]>) -> Vec<u8> {
    let tag = ((topic.len().min(63) as u8) << 2) | u8::from(message.is_some());
    prefixed(&[&[tag], topic, message.unwrap_or_default()].concat())
}

/// A frame of the exchange.
pub fn frame(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}
