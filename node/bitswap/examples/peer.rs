//! A node with bitswap alone, told what to do by lines of JSON: what tests/e2e/bitswap.py runs against kubo and Helia.
//! Usage: peer <seed 0..255> <listen address>. It answers each line by one line.
//!
//! `{"do":"add","path":P,"profile":"v0"|"v1"}` · `{"do":"connect","to":A}`, and again whenever it is lost · `{"do":"get","cid":C,"path":P}` ·
//! `{"do":"traffic","peer":I}`

#[path = "../tests/common/mod.rs"]
mod common;

use bytes::Bytes;
use cid::{Cid, Version};
use common::{Memory, Peer};
use leither_bitswap::{Config, Event};
use libp2p::{Multiaddr, PeerId};
use rust_unixfs::file::adder::{BalancedCollector, Chunker, FileAdder};
use rust_unixfs::file::visit::IdleFileVisit;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::error::Error;
use std::io::{BufRead, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Answer = Result<Value, Box<dyn Error + Send + Sync>>;

/// Wants that are handed over at a time.
const AHEAD: usize = 20_000;
const RAW: u64 = 0x55;
/// With nothing new for so long, a get has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let (Some(seed), Some(listen)) = (args.next(), args.next()) else { return Err("usage: peer <seed> <listen address>".into()) };
    let store = Arc::new(Memory::default());
    let mut peer = Peer::start(seed.parse()?, &listen, store.clone(), Config::default()).await;
    say(&json!({"id": peer.id.to_string(), "address": peer.address.to_string()}));
    let (lines, mut todo) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    let mut keep: Vec<Multiaddr> = Vec::new();
    while let Some(line) = todo.recv().await {
        let answer = act(&serde_json::from_str(&line)?, &mut peer, &store, &mut keep).await;
        say(&answer.unwrap_or_else(|error| json!({"error": error.to_string()})));
    }
    Ok(())
}

fn say(value: &Value) {
    println!("{value}");
    let _ = std::io::stdout().flush();
}

async fn act(line: &Value, peer: &mut Peer, store: &Memory, keep: &mut Vec<Multiaddr>) -> Answer {
    let text = |name: &str| line[name].as_str().ok_or_else(|| format!("no {name}"));
    match text("do")? {
        "add" => add(text("path")?, text("profile")?, store),
        "connect" => {
            let to: Multiaddr = text("to")?.parse()?;
            peer.connect(&to).await;
            keep.push(to);
            Ok(json!({"connected": true}))
        }
        "get" => get(text("cid")?.parse()?, text("path")?, peer, store, keep).await,
        "traffic" => {
            let traffic = peer.traffic(text("peer")?.parse()?).await;
            Ok(json!({"sent": traffic.sent_bytes, "received": traffic.received_bytes, "duplicate": traffic.duplicate_bytes,
                      "unasked": traffic.unasked_bytes}))
        }
        other => Err(format!("{other} is not known").into()),
    }
}

fn add(path: &str, profile: &str, store: &Memory) -> Answer {
    let (chunk, width, version) = if profile == "v0" { (256 << 10, 174, Version::V0) } else { (1 << 20, 1024, Version::V1) };
    let mut adder = FileAdder::builder()
        .with_chunker(Chunker::Size(chunk))
        .with_collector(BalancedCollector::with_branching_factor(width))
        .with_cid_version(version)
        .build();
    let mut file = std::fs::File::open(path)?;
    let (mut buffer, mut bytes, mut root) = (vec![0; 1 << 20], 0, None);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        bytes += count;
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let (blocks, taken) = adder.push(rest);
            for (cid, block) in blocks {
                store.put(&cid, block);
            }
            rest = &rest[taken..];
        }
    }
    for (cid, block) in adder.finish() {
        store.put(&cid, block);
        root = Some(cid);
    }
    Ok(json!({"cid": root.ok_or("no block")?.to_string(), "bytes": bytes}))
}

/// The ids that a block of a file names.
fn links(cid: &Cid, block: &[u8]) -> Result<Vec<Cid>, Box<dyn Error + Send + Sync>> {
    if cid.codec() == RAW {
        return Ok(Vec::new());
    }
    let (.., visit) = IdleFileVisit::default().start(block)?;
    Ok(visit.map_or(Vec::new(), |visit| {
        let (first, rest) = visit.pending_links();
        std::iter::once(first).chain(rest).copied().collect()
    }))
}

async fn get(root: Cid, path: &str, peer: &mut Peer, store: &Memory, keep: &[Multiaddr]) -> Answer {
    let began = Instant::now();
    let peers: Vec<PeerId> = peer.with(|swarm| swarm.connected_peers().copied().collect()).await;
    let session = peer.begin(peers, vec![root]).await;
    let (mut open, mut seen, mut later) = (HashSet::from([root]), HashSet::from([root]), Vec::new());
    let (mut fetched, mut missing, mut last) = (0, 0, Instant::now());
    while !open.is_empty() {
        match tokio::time::timeout(Duration::from_millis(500), peer.events.recv()).await {
            Ok(Some(Event::Block { cid, data, .. })) => {
                open.remove(&cid);
                (fetched, last) = (fetched + 1, Instant::now());
                later.extend(links(&cid, &data)?.into_iter().filter(|link| seen.insert(*link)));
                store.put(&cid, data);
                if fetched % 16 == 0 {
                    eprintln!("{fetched} blocks");
                }
            }
            Ok(Some(Event::Missing { .. })) => missing += 1,
            Ok(Some(other)) => eprintln!("{other:?}"),
            Ok(None) => return Err("the swarm has ended".into()),
            Err(_) => {
                for to in keep {
                    let to = to.clone();
                    peer.with(move |swarm| {
                        if let Some(libp2p::multiaddr::Protocol::P2p(id)) = to.iter().last()
                            && !swarm.is_connected(&id)
                        {
                            let _ = swarm.dial(to.clone());
                        }
                    })
                    .await;
                }
            }
        }
        if last.elapsed() > PATIENCE {
            return Err(format!("{} blocks have not come", open.len()).into());
        }
        let next: Vec<Cid> = later.drain(..later.len().min(AHEAD.saturating_sub(open.len()))).collect();
        if !next.is_empty() {
            open.extend(next.iter().copied());
            peer.with(move |swarm| swarm.behaviour_mut().bitswap.want(session, &next)).await?;
        }
    }
    peer.with(move |swarm| swarm.behaviour_mut().bitswap.end(session)).await;
    let took = began.elapsed();
    let (bytes, sha256) = assemble(root, path, store)?;
    Ok(json!({"bytes": bytes, "sha256": sha256, "blocks": fetched, "missing": missing, "ms": took.as_millis()}))
}

fn assemble(root: Cid, path: &str, store: &Memory) -> Result<(u64, String), Box<dyn Error + Send + Sync>> {
    let block = |cid: &Cid| -> Result<Bytes, String> { store.read(cid).ok_or_else(|| format!("{cid} is not here")) };
    let (mut file, mut hash, mut bytes) = (std::fs::File::create(path)?, Sha256::new(), 0);
    let mut write = |part: &[u8]| -> std::io::Result<()> {
        hash.update(part);
        bytes += part.len() as u64;
        file.write_all(part)
    };
    let first = block(&root)?;
    let (part, _, _, mut visit) = if root.codec() == RAW {
        IdleFileVisit::default().start_from_raw(&first)
    } else {
        IdleFileVisit::default().start(&first)?
    };
    write(part)?;
    while let Some(current) = visit {
        let next = block(current.pending_links().0)?;
        let (part, rest) = current.continue_walk(&next, &mut None)?;
        write(part)?;
        visit = rest;
    }
    Ok((bytes, hex::encode(hash.finalize())))
}
