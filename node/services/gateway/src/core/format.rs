//! In which form an answer is wanted.

use super::query::parameter;
use http::{HeaderMap, header};
use leither_kit::node::codec;
use leither_kit::walk::{CarPlan, EntityBytes, Scope};

/// Media types that are looked at in an Accept header.
const ACCEPT_MAX: usize = 32;

/// The form of an answer.
#[derive(Clone, Debug)]
pub enum Format {
    /// What the content is: a file, a page, a document.
    Content,
    /// One block.
    Raw,
    /// A CAR.
    Car(CarPlan),
    /// A document in its own codec, and no other.
    Document(&'static Document),
    /// The signed record behind a name.
    Record,
    /// Known, but not made here.
    Tar,
}

/// A document's codec and how HTTP calls it.
#[derive(Debug, PartialEq, Eq)]
pub struct Document {
    /// As `format` spells it.
    pub name: &'static str,
    /// Its media type.
    pub media: &'static str,
    /// Its multicodec.
    pub codec: u64,
}

/// All of them.
pub const DOCUMENTS: &[Document] = &[
    Document { name: "dag-json", media: "application/vnd.ipld.dag-json", codec: codec::DAG_JSON },
    Document { name: "dag-cbor", media: "application/vnd.ipld.dag-cbor", codec: codec::DAG_CBOR },
    Document { name: "json", media: "application/json", codec: codec::JSON },
    Document { name: "cbor", media: "application/cbor", codec: codec::CBOR },
];

/// The media type of a raw block.
pub const RAW: &str = "application/vnd.ipld.raw";
/// The media type of a CAR.
pub const CAR: &str = "application/vnd.ipld.car";
/// The media type of a record.
pub const RECORD: &str = "application/vnd.ipfs.ipns-record";
const TAR: &str = "application/x-tar";

/// A form, and the name that a URL would have to carry for it, where the header alone has said it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The form.
    pub format: Format,
    /// For `Content-Location`.
    pub from_header: Option<&'static str>,
}

/// GW-6: `format` in the URL beats Accept; a CAR takes its parameters from both, the URL's first.
pub fn wanted(query: Option<&str>, headers: &HeaderMap) -> Result<Wanted, String> {
    let accepted = accepted(headers);
    let asked = parameter(query, "format");
    let header = accepted.as_ref().map(|(name, _)| *name);
    let name = match asked.as_deref() {
        Some(name) => name,
        None => header.unwrap_or("content"),
    };
    let format = match name {
        "content" if asked.is_none() => Format::Content,
        "raw" => Format::Raw,
        "car" => {
            let car = accepted.filter(|(name, _)| *name == "car").map(|(_, parameters)| parameters).unwrap_or_default();
            Format::Car(plan(query, &car)?)
        }
        "tar" => Format::Tar,
        "ipns-record" => Format::Record,
        name => match DOCUMENTS.iter().find(|document| document.name == name) {
            Some(document) => Format::Document(document),
            None => return Err("format is raw, car, ipns-record, json, dag-json, cbor or dag-cbor".into()),
        },
    };
    Ok(Wanted { format, from_header: header.filter(|_| asked.is_none()) })
}

/// The first form of ours that the header prefers to a page, with its parameters.
fn accepted(headers: &HeaderMap) -> Option<(&'static str, String)> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut ranges: Vec<(u32, &str)> =
        lines.flat_map(|line| line.split(',')).take(ACCEPT_MAX).map(|one| (weight(one), one)).collect();
    // Stable: among equals the first stays first.
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    for (_, range) in ranges.into_iter().filter(|(weight, _)| *weight > 0) {
        let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
        let media = media.trim().to_ascii_lowercase();
        let name = match media.as_str() {
            RAW => "raw",
            CAR => "car",
            RECORD => "ipns-record",
            TAR => "tar",
            "text/html" | "*/*" | "text/*" | "application/xhtml+xml" => return None,
            media => match DOCUMENTS.iter().find(|document| document.media == media) {
                Some(document) => document.name,
                None => continue,
            },
        };
        return Some((name, parameters.to_ascii_lowercase()));
    }
    None
}

/// `q` in thousandths.
fn weight(range: &str) -> u32 {
    let q = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    let Some(q) = q else { return 1000 };
    let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
    let thousandths: String = rest.chars().chain("000".chars()).take(3).collect();
    let (whole, part): (u32, u32) = (whole.parse().unwrap_or(0), thousandths.parse().unwrap_or(0));
    whole.saturating_mul(1000).saturating_add(part).min(1000)
}

fn plan(query: Option<&str>, accepted: &str) -> Result<CarPlan, String> {
    let asked = |in_url: &str, in_header: &str| {
        let header =
            || accepted.split(';').find_map(|one| one.trim().strip_prefix(in_header)?.strip_prefix('=').map(str::to_string));
        parameter(query, in_url).or_else(header)
    };
    match asked("car-version", "version").as_deref() {
        None | Some("1") => {}
        Some(_) => return Err("only CAR version 1 is made here".into()),
    }
    match asked("car-order", "order").as_deref() {
        // Depth first is an order that is not known to be another.
        None | Some("dfs" | "unk") => {}
        Some(_) => return Err("car-order is dfs or unk".into()),
    }
    let duplicates = match asked("car-dups", "dups").as_deref() {
        None | Some("n") => false,
        Some("y") => true,
        Some(_) => return Err("car-dups is y or n".into()),
    };
    let bytes = parameter(query, "entity-bytes").map(|text| text.parse::<EntityBytes>()).transpose()?;
    let scope = parameter(query, "dag-scope").map(|text| text.parse::<Scope>()).transpose()?;
    // A range of bytes is one of an entity.
    let scope = scope.unwrap_or(if bytes.is_some() { Scope::Entity } else { Scope::All });
    Ok(CarPlan { scope, bytes, duplicates })
}
