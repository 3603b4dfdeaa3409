//! What viewers and payers sign off chain: plain lines, so that any wallet can show what it signs, under a heading that no transaction begins with.
//!
//! ed25519 by ZIP-215, as everywhere on this chain; the key's account is [`account_of`].

use cosmwasm_std::{Addr, Api, Binary, CanonicalAddr, StdError, StdResult, Uint128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A viewer's word that it has seen something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// The viewer's public key.
    pub key: Binary,
    /// Of which campaign.
    pub campaign: u64,
    /// What it saw: a MiMei.
    pub content: String,
    /// Who served it.
    pub host: String,
    /// Rises with each view of this viewer in the campaign.
    pub seq: u64,
    /// Over [`View::text`].
    pub signature: Binary,
}

impl View {
    /// What is signed. No field has a line's end in it: whoever checks the signature reads them as ids and numbers.
    pub fn text(&self, chain: &str, contract: &str) -> String {
        let Self { campaign, content, host, seq, .. } = self;
        format!("leither/view/v1\n{chain}\n{contract}\n{campaign}\n{content}\n{host}\n{seq}")
    }
}

/// A payer's promise of what it owes in all for one content by one host. A later one stands for those before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// The payer's public key.
    pub key: Binary,
    /// For what: a MiMei.
    pub content: String,
    /// Who served it.
    pub host: String,
    /// In what money; its escrow is the payer's in this money.
    pub denom: String,
    /// All that is owed since the beginning, in smallest units.
    pub total: Uint128,
    /// Over [`Voucher::text`].
    pub signature: Binary,
}

impl Voucher {
    /// What is signed.
    pub fn text(&self, chain: &str, contract: &str) -> String {
        let Self { content, host, denom, total, .. } = self;
        format!("leither/voucher/v1\n{chain}\n{contract}\n{content}\n{host}\n{denom}\n{total}")
    }
}

/// The account of a public key: the first 20 bytes of blake3 over tag and key, each with its length before it.
pub fn account_of(key: &[u8]) -> CanonicalAddr {
    const TAG: &[u8] = b"leither/account/v1";
    let mut hasher = blake3::Hasher::new();
    for part in [TAG, key] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    CanonicalAddr::from(&hasher.finalize().as_bytes()[..20])
}

/// The y of the points of small order, in the least bytes of each form that decodes, the sign's bit left out: under such a key one signature
/// fits every text.
const SMALL_ORDER: [[u8; 32]; 7] = [
    edge(0, 0, 0),
    edge(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05,
        0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa,
        0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    edge(0xec, 0xff, 0x7f),
    edge(0xed, 0xff, 0x7f),
    edge(0xee, 0xff, 0x7f),
];

const fn edge(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether the key is of small order: it belongs to nobody, and the chain binds it to no account.
pub fn is_nobodys(key: &[u8]) -> bool {
    let Ok(mut y) = <[u8; 32]>::try_from(key) else { return false };
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// Who signed the text: the key's account, where the signature is its own.
pub fn signer_of(api: &dyn Api, text: &str, signature: &[u8], key: &[u8]) -> StdResult<Addr> {
    let fine =
        key.len() == 32 && !is_nobodys(key) && signature.len() == 64 && api.ed25519_verify(text.as_bytes(), signature, key)?;
    if !fine {
        return Err(StdError::msg("the signature is not by this key over these words"));
    }
    api.addr_humanize(&account_of(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View {
            key: Binary::default(),
            campaign: 3,
            content: "lthmm1x".into(),
            host: "lth1y".into(),
            seq: 9,
            signature: Binary::default(),
        }
    }

    #[test]
    fn what_is_signed_is_fixed() {
        assert_eq!(view().text("0xab", "lth1c"), "leither/view/v1\n0xab\nlth1c\n3\nlthmm1x\nlth1y\n9");
        let voucher = Voucher {
            key: Binary::default(),
            content: "lthmm1x".into(),
            host: "lth1y".into(),
            denom: "nmei".into(),
            total: Uint128::new(500),
            signature: Binary::default(),
        };
        assert_eq!(voucher.text("0xab", "lth1c"), "leither/voucher/v1\n0xab\nlth1c\nlthmm1x\nlth1y\nnmei\n500");
    }

    #[test]
    fn a_keys_account_is_the_chains() {
        let key = [7u8; 32];
        let ours = leither_types::AccountId::of_key(&leither_types::PublicKey(key));
        assert_eq!(account_of(&key).as_slice(), ours.0);
    }

    #[test]
    fn nobodys_keys_are_those_that_the_chain_binds_to_nobody() {
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut key = y;
                key[31] |= sign;
                assert!(is_nobodys(&key) && !leither_types::PublicKey(key).may_be_bound());
            }
        }
        let own = leither_types::SecretKey::from_seed(&[5; 32]).public();
        assert!(!is_nobodys(&own.0) && own.may_be_bound());
    }
}
