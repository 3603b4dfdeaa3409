//! 160-bit ids, one type a kind, shown as bech32m with a prefix that names the kind (BIP-350; D10 of the design).

use crate::{Hash, PublicKey, tagged};
use bech32::{Bech32m, Hrp};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use std::{fmt, str::FromStr};

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Wrong checksum, wrong alphabet or wrong length.
    #[error("this is no id: expected {0}1… (bech32m) with 20 bytes")]
    Form(&'static str),
    /// A valid id of another kind.
    #[error("this id is of another kind: expected {expected}1…, got {found}1…")]
    Kind {
        /// The prefix that was wanted.
        expected: &'static str,
        /// The prefix that stood there.
        found: String,
    },
}

fn show(hrp: &'static str, bytes: &[u8; 20], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bech32::encode_to_fmt::<Bech32m, _>(f, Hrp::parse_unchecked(hrp), bytes).map_err(|_| fmt::Error)
}

fn read(hrp: &'static str, text: &str) -> Result<[u8; 20], IdError> {
    // The papers' older form, 27 characters of base64url, names no kind: it is accepted where the position fixes it.
    if text.len() == 27
        && let Some(bytes) = base64url_27(text)
    {
        return Ok(bytes);
    }
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text).map_err(|_| IdError::Form(hrp))?;
    if checked.hrp().to_lowercase() != hrp {
        return Err(IdError::Kind { expected: hrp, found: checked.hrp().to_lowercase() });
    }
    // A 33rd character would hold five bits that no byte takes, and an id would have many texts.
    if checked.data_part_ascii_no_checksum().len() != 32 {
        return Err(IdError::Form(hrp));
    }
    let mut bytes = [0u8; 20];
    let mut data = checked.byte_iter();
    for slot in &mut bytes {
        *slot = data.next().ok_or(IdError::Form(hrp))?;
    }
    Ok(bytes)
}

/// 27 base64url characters carry 162 bits; the two spare ones must be zero so that an id has one such form.
fn base64url_27(text: &str) -> Option<[u8; 20]> {
    let mut bits: u32 = 0;
    let mut held = 0u32;
    let mut out = [0u8; 20];
    let mut at = 0usize;
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0x3fff;
        held += 6;
        if held >= 8 {
            held -= 8;
            *out.get_mut(at)? = (bits >> held) as u8;
            at += 1;
        }
    }
    (at == 20 && bits & ((1 << held) - 1) == 0).then_some(out)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $hrp:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
        pub struct $name(pub [u8; 20]);

        impl $name {
            /// The prefix of the text form.
            pub const HRP: &'static str = $hrp;

            fn from_hash(hash: Hash) -> Self {
                let mut bytes = [0u8; 20];
                bytes.copy_from_slice(&hash.0[..20]);
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                show(Self::HRP, &self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                read(Self::HRP, text).map(Self)
            }
        }

        crate::json::by_text!($name);
    };
}

id!(
    /// Who holds tokens: a person's key, or an organization's treasury.
    AccountId, "lth"
);
id!(
    /// An organization. Keyless: nobody signs for it, its charter and its votes act.
    OrgId, "lthorg"
);
id!(
    /// A validator, named by its consensus key.
    ValidatorId, "lthval"
);
id!(
    /// A MiMei: the versioned object whose id never changes with its content (R2).
    MimeiId, "lthmm"
);
id!(
    /// A token. All zeros is the native one, `mei`.
    TokenId, "lthtok"
);

impl AccountId {
    /// The account of a key: the first 160 bits of the key's tagged blake3 hash.
    pub fn of_key(key: &PublicKey) -> Self {
        Self::from_hash(tagged("leither/account/v1", &[&key.0]))
    }
}

impl OrgId {
    /// The organization that `founder` creates with the transaction of this nonce; `index` counts within the transaction.
    pub fn derive(founder: &AccountId, nonce: u64, index: u16) -> Self {
        Self::from_hash(tagged("leither/org/v1", &[&founder.0, &nonce.to_le_bytes(), &index.to_le_bytes()]))
    }

    /// The treasury: the same 160 bits, as a holder.
    pub fn treasury(self) -> AccountId {
        AccountId(self.0)
    }
}

impl ValidatorId {
    /// The validator of a consensus key.
    pub fn of_key(key: &PublicKey) -> Self {
        Self::from_hash(tagged("leither/validator/v1", &[&key.0]))
    }
}

impl MimeiId {
    /// R1, R2: the same author, app, type and mark always give the same id.
    pub fn derive(author: &AccountId, app: &str, kind: &str, mark: &str) -> Self {
        Self::from_hash(tagged("leither/mimei/v1", &[&author.0, app.as_bytes(), kind.as_bytes(), mark.as_bytes()]))
    }
}

impl TokenId {
    /// `mei`, in which fees and pledges are paid.
    pub const NATIVE: TokenId = TokenId([0; 20]);

    /// The one token of an organization.
    pub fn of_org(org: &OrgId) -> Self {
        Self::from_hash(tagged("leither/token/v1", &[&org.0]))
    }

    /// ORG-21: a further one of it, from 0.
    pub fn further_of(org: &OrgId, number: u32) -> Self {
        Self::from_hash(tagged("leither/further-token/v1", &[&org.0, &number.to_le_bytes()]))
    }
}
