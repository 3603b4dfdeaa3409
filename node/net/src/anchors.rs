//! NET-15: addresses that the user named and that worked, kept over a restart. Nothing else gets in: what a peer says of itself or of
//! others is never dialled.

use crate::peers::place;
use leither_failpoints::hit;
use leither_types::{Hash, List, Text, decode_within, tagged};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use parity_scale_codec::Encode;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Addresses that are kept.
pub const ANCHORS_MAX: usize = 8;
/// The file: a checksum, and addresses as texts.
const FILE_BYTES_MAX: usize = 32 + 1 + ANCHORS_MAX * (ADDRESS_BYTES_MAX + 2);
const ADDRESS_BYTES_MAX: usize = 256;
const TAG: &str = "leither/anchors/v1";

type Texts = List<Text<ADDRESS_BYTES_MAX>, ANCHORS_MAX>;

/// The list, the newest first.
#[derive(Default)]
pub(crate) struct Anchors {
    path: Option<PathBuf>,
    list: Vec<Multiaddr>,
    changed: bool,
}

impl Anchors {
    /// What was kept. A file that cannot be read costs nothing but the addresses in it.
    pub fn open(path: Option<PathBuf>) -> Self {
        let list = match path.as_deref().map(load) {
            Some(Ok(list)) => list,
            Some(Err(error)) => {
                tracing::warn!(%error, ?path, "the kept addresses of peers cannot be read; only those in `p2p.peers` are dialled");
                Vec::new()
            }
            None => Vec::new(),
        };
        Self { path, list, changed: false }
    }

    pub fn list(&self) -> &[Multiaddr] {
        &self.list
    }

    /// An address that the user named, and that led to a peer of our chain.
    pub fn add(&mut self, address: &Multiaddr) {
        if self.list.first() == Some(address) || Text::<ADDRESS_BYTES_MAX>::new(address.to_string()).is_none() {
            return;
        }
        let known = self.list.contains(address);
        self.list.retain(|kept| kept != address);
        self.list.insert(0, address.clone());
        self.list.truncate(ANCHORS_MAX);
        // Their order alone is not worth a write.
        self.changed |= !known;
    }

    /// An address that led to somebody we do not talk to any more.
    pub fn remove(&mut self, to: &Multiaddr) {
        let (place_of, before) = (place(to), self.list.len());
        self.list.retain(|kept| place(kept) != place_of);
        self.changed |= self.list.len() != before;
    }

    /// The addresses that are this peer's by name.
    pub fn remove_peer(&mut self, peer: &PeerId) {
        let before = self.list.len();
        self.list.retain(|kept| !matches!(kept.iter().last(), Some(Protocol::P2p(id)) if id == *peer));
        self.changed |= self.list.len() != before;
    }

    /// What to write, if there is anything new: where, and the whole file. Then it counts as written.
    pub fn take_changes(&mut self) -> Option<(PathBuf, Vec<u8>)> {
        let path = self.path.clone().filter(|_| self.changed)?;
        self.changed = false;
        Some((path, encode(&self.list)))
    }
}

fn encode(list: &[Multiaddr]) -> Vec<u8> {
    let texts: Vec<_> = list.iter().filter_map(|address| Text::new(address.to_string())).take(ANCHORS_MAX).collect();
    let texts = Texts::new(texts).unwrap_or_default().encode();
    [&tagged(TAG, &[&texts]).0[..], &texts].concat()
}

fn load(path: &Path) -> io::Result<Vec<Multiaddr>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    decode(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged"))
}

/// The checksum is there so that a flipped bit makes no address that nobody named.
fn decode(bytes: &[u8]) -> Option<Vec<Multiaddr>> {
    let (sum, rest) = bytes.split_first_chunk::<32>()?;
    if Hash(*sum) != tagged(TAG, &[rest]) {
        return None;
    }
    let texts = decode_within::<Texts>(rest, FILE_BYTES_MAX).ok()?;
    texts.iter().map(|text| text.parse().ok()).collect()
}

/// Replaces the file as one: after a power cut the old or the new one is there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = File::create(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    hit("net/anchors/written");
    fs::rename(&next, path)?;
    hit("net/anchors/renamed");
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: usize) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    fn file(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("leither-anchors-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.join("anchors")
    }

    fn save(anchors: &mut Anchors) {
        let (path, bytes) = anchors.take_changes().unwrap();
        write(&path, &bytes).unwrap();
    }

    #[test]
    fn net_15_the_newest_eight_are_kept_over_a_restart() {
        let path = file("kept");
        let mut anchors = Anchors::open(Some(path.clone()));
        assert!(anchors.list().is_empty() && anchors.take_changes().is_none());
        (1..=10).for_each(|port| anchors.add(&address(port)));
        save(&mut anchors);
        assert!(anchors.take_changes().is_none(), "nothing new");
        anchors.add(&address(5));
        assert!(anchors.take_changes().is_none(), "the order is not worth a write");
        let mut again = Anchors::open(Some(path.clone()));
        assert_eq!(again.list(), (3..=10).rev().map(address).collect::<Vec<_>>());
        let peer = PeerId::random();
        again.remove(&format!("/ip4/127.0.0.1/tcp/7/p2p/{peer}").parse().unwrap());
        let named: Multiaddr = format!("/ip4/127.0.0.1/tcp/77/p2p/{peer}").parse().unwrap();
        again.add(&named);
        again.remove_peer(&peer);
        assert!(!again.list().contains(&named));
        save(&mut again);
        assert_eq!(Anchors::open(Some(path.clone())).list().len(), 7);
        assert!(!path.with_extension("next").exists());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn net_15_a_damaged_or_overlong_file_names_nobody() {
        let path = file("damaged");
        let good = encode(&[address(1), address(2)]);
        fs::write(&path, &good).unwrap();
        assert_eq!(Anchors::open(Some(path.clone())).list().len(), 2);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(Anchors::open(Some(path.clone())).list().is_empty(), "byte {at}");
        }
        for bad in [&good[..good.len() - 1], &[], &[0; 100_000][..]] {
            fs::write(&path, bad).unwrap();
            assert!(Anchors::open(Some(path.clone())).list().is_empty());
        }
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
