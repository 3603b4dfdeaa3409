//! What the tests of the gateway share.
#![allow(dead_code)]

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use leither_gateway::Gateway;
use leither_kit::multihash::Multihash;
use leither_kit::source::Fixed;
use leither_kit::{Cid, car};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tower::ServiceExt;

/// The folder of public vectors, where it is.
pub fn vectors() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/vectors");
    let root = std::env::var_os("LEITHER_VECTORS").map_or(beside, PathBuf::from);
    root.join("gateway/cases.json").exists().then_some(root)
}

/// All CARs in a folder and below it.
pub fn fixtures(folder: &Path) -> Fixed {
    let mut source = Fixed::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|ending| ending == "car") => {
                    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
                    for section in car::Reader::new(file).unwrap() {
                        let (cid, block) = section.unwrap();
                        source.put(&cid, block).unwrap();
                    }
                }
                _ => {}
            }
        }
    }
    source
}

/// Writes blocks.
#[derive(Default)]
pub struct Writer(pub Fixed);

fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

pub fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

pub fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

impl Writer {
    pub fn put(&mut self, codec: u64, block: Vec<u8>) -> Cid {
        let cid = Cid::new_v1(codec, Multihash::wrap(0x12, &Sha256::digest(&block)).unwrap());
        self.0.put(&cid, block.into()).unwrap();
        cid
    }

    pub fn raw(&mut self, content: &[u8]) -> Cid {
        self.put(0x55, content.to_vec())
    }

    pub fn pb(&mut self, links: &[(Cid, &str)], data: &[Vec<u8>]) -> Cid {
        let link =
            |(cid, name): &(Cid, &str)| bytes(2, &[bytes(1, &cid.to_bytes()), bytes(2, name.as_bytes()), number(3, 1)].concat());
        let links: Vec<u8> = links.iter().flat_map(link).collect();
        self.put(0x70, [links, bytes(1, &data.concat())].concat())
    }

    pub fn directory(&mut self, entries: &[(&str, Cid)]) -> Cid {
        let links: Vec<_> = entries.iter().map(|(name, cid)| (*cid, *name)).collect();
        self.pb(&links, &[number(1, 1)])
    }

    pub fn file(&mut self, parts: &[(Cid, u64)]) -> Cid {
        let links: Vec<_> = parts.iter().map(|(cid, _)| (*cid, "")).collect();
        let mut data = vec![number(1, 2), number(3, parts.iter().map(|(_, size)| size).sum())];
        data.extend(parts.iter().map(|(_, size)| number(4, *size)));
        self.pb(&links, &data)
    }
}

/// Asks without a connection.
pub async fn get(gateway: &Gateway, host: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().uri(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    gateway.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// The whole body.
pub async fn body(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// A header's value, empty where it is missing.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
