//! IPNS: names that are keys, and the signed records behind them (specification "IPNS Record and Protocol", version 2).

use leither_kit::Cid;
use leither_kit::wire::{Reader, Value};
use leither_types::{PublicKey, Signature};

/// GW-12: the longest record.
pub const RECORD_BYTES_MAX: usize = 10 * 1024;
/// What is signed begins with it.
const SIGNED_PREFIX: &[u8] = b"ipns-signature:";
/// The multihash code of content that stands in the id itself.
const IDENTITY: u64 = 0;
/// The message `PublicKey { Type: Ed25519, Data: 32 bytes }` up to its data.
const ED25519_PREFIX: &[u8] = &[0x08, 0x01, 0x12, 0x20];

/// The ed25519 key that a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub [u8; 32]);

/// What a valid record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// A content path.
    pub value: String,
    /// Until when it holds, in seconds since 1970.
    pub valid_until: u64,
    /// Higher is newer.
    pub sequence: u64,
    /// How long it may be kept, in seconds.
    pub ttl: u64,
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Too long.
    #[error("the record is longer than {RECORD_BYTES_MAX} bytes")]
    Long,
    /// Not what a record looks like.
    #[error("the record is no IPNS record of version 2: {0}")]
    Form(&'static str),
    /// Signed by somebody else, or changed.
    #[error("the record's signature is not that of the name's key")]
    Signature,
    /// Too old.
    #[error("the record was valid until a time that has passed; its owner must publish it again")]
    Expired,
}

impl Name {
    /// From its text: a CID of the codec libp2p-key, or the older form of a peer id.
    pub fn read(text: &str) -> Option<Self> {
        let old = || bs58_peer(text);
        let hash = match leither_kit::node::id_of(text) {
            Some(cid) if cid.codec() == leither_kit::node::codec::LIBP2P_KEY => *cid.hash(),
            _ => old()?,
        };
        let key = hash.digest().strip_prefix(ED25519_PREFIX).filter(|_| hash.code() == IDENTITY)?;
        key.try_into().ok().map(Self)
    }

    /// The form that fits into one label of a host's name: base36.
    pub fn label(&self) -> String {
        let key = [ED25519_PREFIX, &self.0].concat();
        let hash = leither_kit::multihash::Multihash::wrap(IDENTITY, &key).unwrap_or_default();
        let cid = Cid::new_v1(leither_kit::node::codec::LIBP2P_KEY, hash);
        cid.to_string_of_base(leither_kit::multibase::Base::Base36Lower).unwrap_or_default()
    }
}

/// `12D3Koo...`: a multihash in base58, without a prefix that says so.
fn bs58_peer(text: &str) -> Option<leither_kit::multihash::Multihash<64>> {
    let bytes = leither_kit::multibase::Base::Base58Btc.decode(Some(text).filter(|text| text.len() <= 64)?).ok()?;
    leither_kit::multihash::Multihash::from_bytes(&bytes).ok()
}

/// GW-12: the record's content, if the name's key signed it and it holds at `now` (seconds since 1970).
pub fn verify(name: &Name, record: &[u8], now: u64) -> Result<Record, RecordError> {
    if record.len() > RECORD_BYTES_MAX {
        return Err(RecordError::Long);
    }
    let (mut data, mut signature) = (None, None);
    let mut reader = Reader::new(record);
    while let Some((field, value)) = reader.field().map_err(|_| RecordError::Form("it cannot be read"))? {
        match (field, value) {
            (8, Value::Bytes(range)) => signature = record.get(range),
            (9, Value::Bytes(range)) => data = record.get(range),
            // The older form beside it, which proves less, is not looked at.
            _ => {}
        }
    }
    let data = data.ok_or(RecordError::Form("it has no data"))?;
    let signature: [u8; 64] =
        signature.and_then(|s| s.try_into().ok()).ok_or(RecordError::Form("it has no signature of 64 bytes"))?;
    let key = PublicKey(name.0);
    // A key of small order would vouch for anything.
    if !key.may_be_bound() || !key.verify(&[SIGNED_PREFIX, data].concat(), &Signature(signature)) {
        return Err(RecordError::Signature);
    }
    let record = content(data)?;
    if record.valid_until < now { Err(RecordError::Expired) } else { Ok(record) }
}

/// The dag-cbor map within: texts, bytes and numbers, one level deep.
fn content(data: &[u8]) -> Result<Record, RecordError> {
    const FORM: RecordError = RecordError::Form("its data cannot be read");
    let mut rest = data;
    let (5, count) = head(&mut rest).ok_or(FORM)? else { return Err(FORM) };
    let (mut value, mut validity, mut kind, mut sequence, mut ttl) = (None, None, None, 0, 0);
    for _ in 0..count.min(16) {
        let (3, len) = head(&mut rest).ok_or(FORM)? else { return Err(FORM) };
        let key = take(&mut rest, len).ok_or(FORM)?;
        match head(&mut rest).ok_or(FORM)? {
            (0, number) => match key {
                b"ValidityType" => kind = Some(number),
                b"Sequence" => sequence = number,
                b"TTL" => ttl = number,
                _ => {}
            },
            (2 | 3, len) => {
                let bytes = take(&mut rest, len).ok_or(FORM)?;
                match key {
                    b"Value" => value = Some(bytes),
                    b"Validity" => validity = Some(bytes),
                    _ => {}
                }
            }
            _ => return Err(RecordError::Form("its data has a field of an unknown kind")),
        }
    }
    if kind != Some(0) {
        return Err(RecordError::Form("it does not say until when it holds"));
    }
    let text = |bytes: Option<&[u8]>| bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_string);
    let valid_until = text(validity).and_then(|text| seconds(&text)).ok_or(RecordError::Form("its time cannot be read"))?;
    let value = text(value).ok_or(RecordError::Form("its value is no path"))?;
    Ok(Record { value, valid_until, sequence, ttl: ttl / 1_000_000_000 })
}

/// The kind and number at the front of a CBOR value.
fn head(rest: &mut &[u8]) -> Option<(u8, u64)> {
    let (byte, tail) = rest.split_first()?;
    let more = match byte & 0x1f {
        low @ 0..24 => {
            *rest = tail;
            return Some((byte >> 5, low.into()));
        }
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    *rest = tail;
    let bytes = take(rest, more)?;
    Some((byte >> 5, bytes.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte))))
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> Option<&'a [u8]> {
    let (taken, tail) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    *rest = tail;
    Some(taken)
}

/// `2033-05-18T03:33:20.000000000Z` in seconds since 1970; the fraction is dropped, and only UTC is read.
pub fn seconds(time: &str) -> Option<u64> {
    let (date, clock) = time.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between: char| -> Option<[u64; 3]> {
        let mut parts = text.split(between).map(|part| part.parse::<u64>().ok().filter(|_| part.len() <= 9));
        let all = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(all)
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    // Days of the civil calendar, with years that begin in March.
    let (y, m) = if month <= 2 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
    let days = (365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1).checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}
