//! What the texts of a request mean to the gateway, and records behind names. `super::gateway` is the module `core` of
//! node/services/gateway, whose own tests compile this file, too.

use super::gateway::format::Format;
use super::gateway::host::Place;
use super::gateway::ipns::{Name, RECORD_BYTES_MAX, RecordError};
use super::gateway::range::Asked;
use super::gateway::redirects::{Action, RULES_MAX, TARGET_BYTES_MAX};
use super::gateway::{format, host, ipns, media, path, range, redirects, text};
use http::{HeaderMap, HeaderValue, header};
use leither_types::SecretKey;

/// GW-2, GW-3, GW-6, GW-7, GW-9, GW-11: a URL, a header, a host and a `_redirects`, with a NUL between them.
pub fn urls(bytes: &[u8]) {
    let all = String::from_utf8_lossy(bytes);
    let mut texts = all.splitn(4, '\0');
    let mut next = || texts.next().unwrap_or_default();
    let (url, line, host, file) = (next(), next(), next(), next());
    let (raw, question) = url.split_once('?').map_or((url, None), |(raw, question)| (raw, Some(question)));
    let steps = steps(raw);
    shown(raw);
    form(question, line);
    ranges(line);
    place(host);
    rules(file, &steps);
    let _media = (media::by_name(raw), media::by_start(bytes));
}

fn steps(raw: &str) -> Vec<String> {
    let Ok(read) = path::steps(raw) else { return Vec::new() };
    assert!(raw.len() <= path::PATH_BYTES_MAX && read.steps.iter().map(String::len).sum::<usize>() <= raw.len());
    assert!(read.steps.iter().all(|step| !matches!(step.as_str(), "" | "." | "..") && !step.contains(['/', '\0'])));
    let written = path::join(&read.steps);
    // Escapes may make it longer than it may come.
    if written.len() <= path::PATH_BYTES_MAX {
        assert_eq!(path::steps(&written).map(|again| again.steps), Ok(read.steps.clone()));
    }
    read.steps
}

/// A name in a page and in a header is text, and nothing else.
fn shown(name: &str) {
    assert!(!text::html(name).contains(['<', '>', '"', '\'']));
    let disposition = text::disposition("inline", name);
    assert!(disposition.is_ascii() && HeaderValue::from_str(&disposition).is_ok());
}

fn form(question: Option<&str>, accept: &str) {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(accept) {
        headers.insert(header::ACCEPT, value);
    }
    let Ok(wanted) = format::wanted(question, &headers) else { return };
    if let Format::Car(plan) = wanted.format
        && let Some(bytes) = plan.bytes
    {
        for size in [0, 1, 1000, u64::MAX] {
            let part = bytes.range(size);
            assert!(part.start <= part.end && part.end <= size);
        }
    }
}

fn ranges(line: &str) {
    for size in [0, 1, 31, u64::MAX] {
        if let Asked::Part(part) = range::asked(Some(line), size) {
            assert!(part.start < part.end && part.end <= size);
        }
    }
}

fn place(name: &str) {
    let hosts = ["localhost".to_string(), "example.com".to_string()];
    match host::place(&hosts, name) {
        Place::Own { label, base, .. } => assert!(!label.is_empty() && label.len() + base.len() < name.len()),
        Place::Gateway(base) | Place::Other(base) => assert!(base.len() <= name.len()),
    }
}

fn rules(file: &str, steps: &[String]) {
    let Ok(rules) = redirects::parse(file) else { return };
    assert!(rules.len() <= RULES_MAX);
    match redirects::decide(&rules, steps) {
        Ok(Some(Action::Redirect { to, status })) => {
            assert!(to.len() <= TARGET_BYTES_MAX && to.is_ascii() && !to.contains(char::is_control));
            assert!(!to.starts_with("//") && (301..=308).contains(&status));
        }
        Ok(Some(Action::Rewrite { to, .. })) => assert!(to.iter().map(String::len).sum::<usize>() <= TARGET_BYTES_MAX),
        Ok(None) | Err(_) => {}
    }
}

/// GW-12: any bytes as a record, as what a record's key signed, and as a name or a time.
pub fn records(bytes: &[u8]) {
    let key = SecretKey::from_seed(&[7; 32]);
    let name = Name(key.public().0);
    let _read = ipns::verify(&name, bytes, 0);
    let signed = signed(&key, bytes);
    match ipns::verify(&name, &signed, 0) {
        Ok(record) => {
            assert!(signed.len() <= RECORD_BYTES_MAX && record.value.len() < bytes.len());
            assert_eq!(ipns::verify(&name, &signed, record.valid_until).as_ref(), Ok(&record));
            assert_eq!(ipns::verify(&name, &signed, record.valid_until + 1), Err(RecordError::Expired));
            let other = Name(SecretKey::from_seed(&[8; 32]).public().0);
            assert_eq!(ipns::verify(&other, &signed, 0), Err(RecordError::Signature));
        }
        Err(error) => assert!(matches!(error, RecordError::Long | RecordError::Form(_)), "{error}"),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = Name::read(text) {
        let label = name.label();
        assert!(label.len() <= host::LABEL_BYTES_MAX);
        assert_eq!(Name::read(&label), Some(name));
    }
    // The last second of the year 9999, or the one that is let in behind it.
    assert!(ipns::seconds(text).is_none_or(|seconds| seconds <= 253_402_300_800));
}

/// A record of version 2 whose content is `data`.
fn signed(key: &SecretKey, data: &[u8]) -> Vec<u8> {
    let signature = key.sign(&[b"ipns-signature:", data].concat());
    let mut record = vec![8 << 3 | 2, 64];
    record.extend_from_slice(&signature.0);
    record.push(9 << 3 | 2);
    let mut len = data.len();
    while len >= 0x80 {
        record.push((len & 0x7f | 0x80) as u8);
        len >>= 7;
    }
    record.push(len as u8);
    record.extend_from_slice(data);
    record
}
