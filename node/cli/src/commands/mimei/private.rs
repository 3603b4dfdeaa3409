//! Private content, opened: in this command; the node only keeps blocks.

use super::closing::small;
use super::get::{DEPTH_MAX, PAGE, disk, is_name, taken, tell, total};
use super::place::{Spot, Tree, unread};
use crate::bar::Bar;
use crate::commands::Session;
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::keys::{DEV_NAMES, dev_account};
use crate::wallet::Wallet;
use leither_kit::Cid;
use leither_kit::node::Node;
use leither_kit::walk::{Cursor, FileWalk, Loaded, list, load};
use leither_rpc_api::{GetAccount, methods};
use leither_storage::cur::leads_out;
use leither_storage::seal::{HEAD_NAME, Head, Id, Name, Opening, Seal, SealError, TreeKey};
use leither_types::{AccountId, PublicKey, SecretKey};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Entries of one directory, files beside included.
const ENTRIES_MAX: usize = 2 * leither_storage::content::ENTRIES_MAX + 1;
/// A name that stands in a file beside.
const BESIDE_BYTES: u64 = 256;

/// What a get shall give.
pub struct Get<'a> {
    /// Of what.
    pub place: &'a Spot,
    /// Where to.
    pub out: Option<PathBuf>,
    /// Its version's head.
    pub head: &'a Head,
    /// What that is to a reader.
    pub seal: &'a Seal,
}

/// 32 bytes of chance.
pub fn random() -> Done<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Failure::fault(format!("this machine gives no randomness: {e}")))?;
    Ok(bytes)
}

/// PRIVATE-5: the full key of a reader: a key of yours, or what the chain knows since the account's first transaction.
pub async fn public_key(wallet: &Wallet, text: &str) -> Done<PublicKey> {
    let account = wallet.account(text).await?;
    let listed = wallet.keyring.list()?;
    if let Some(entry) = listed.into_iter().filter_map(|listed| listed.entry.ok()).find(|entry| entry.account == account) {
        return Ok(entry.public);
    }
    if wallet.info.dev {
        let mut keys = DEV_NAMES.iter().filter_map(|name| dev_account(name)).map(|key| key.public());
        if let Some(key) = keys.find(|key| AccountId::of_key(key) == account) {
            return Ok(key);
        }
    }
    let known = wallet.client.call(&methods::ACCOUNT_GET, GetAccount { account: account.into() }).await?;
    match (known.key, known.org) {
        (Some(key), _) => {
            let key = PublicKey(key.0.0);
            // A node that lies would read along.
            if AccountId::of_key(&key) != account {
                return Err(Failure::fault(format!("the node gave a key that is not that of `{text}`: ask another node")));
            }
            Ok(key)
        }
        (None, Some(_)) => {
            Err(Failure::usage(format!("`{text}` is an organization, which has no key: name its members one by one")))
        }
        (None, None) => Err(Failure::new(
            Exit::Refused,
            format!(
                "`{text}` has signed nothing yet, so that the chain does not know its full key: it can read after its first transaction"
            ),
        )),
    }
}

/// Who reads what was closed with it, and which key that is.
pub fn shown(seal: &Seal) -> Value {
    let readers: Vec<String> = seal.readers().map(|key| AccountId::of_key(&key).to_string()).collect();
    json!({ "readers": readers, "key": hex::encode(seal.key().id()) })
}

/// The key that opens it: the one that was named, or the first of this wallet's that is a reader's.
async fn secret(wallet: &Wallet, head: &Head, from: Option<&str>) -> Done<SecretKey> {
    if let Some(from) = from {
        return wallet.signer(from).await;
    }
    let readers: Vec<PublicKey> = head.readers().collect();
    let mut mine = wallet.keyring.list()?.into_iter().filter_map(|listed| listed.entry.ok());
    match mine.find(|entry| readers.contains(&entry.public)) {
        Some(entry) => wallet.signer(&entry.name).await,
        None => Err(SealError::NotReader(readers.len()).into()),
    }
}

/// PRIVATE-5: what a head is to a reader; refused to everybody else.
pub async fn unlock(wallet: &Wallet, head: &Head, from: Option<&str>) -> Done<Seal> {
    Ok(head.unlock(&secret(wallet, head, from).await?)?)
}

/// Opens a version, or a part of it, and writes it to this machine.
pub async fn get(session: &Session, socket: Arc<Socket>, tree: &Tree, wanted: Get<'_>) -> Done {
    let Get { head, seal, .. } = wanted;
    let bar = Bar::of_file(session.printer, wanted.out.as_deref());
    let mut reader = Reader { socket, tree, key: seal.key().clone(), bar, total: None, files: 0, blocks: 0, bytes: 0 };
    let found = reader.find(head, wanted.place.path()).await?;
    reader.total = total(&found.loaded);
    if wanted.out.as_deref() == Some(Path::new("-")) {
        if session.printer.json {
            return Err(Failure::usage("a file on the standard output is no JSON: leave --json out, or name a file"));
        }
        let printer = session.printer;
        return reader.file(found, &mut |bytes| printer.bytes(bytes)).await;
    }
    let out = wanted.out.unwrap_or_else(|| PathBuf::from(wanted.place.name()));
    let cid = found.loaded.cid;
    reader.whole(found, &out).await?;
    reader.bar.over();
    session.printer.answer(&json!({
        "mimei": wanted.place.mimei().map(|id| id.to_string()),
        "tree": tree.name,
        "cid": cid.to_string(),
        "out": out.display().to_string(),
        "files": reader.files.to_string(),
        "bytes": reader.bytes.to_string(),
        "private": shown(seal),
    }));
    Ok(())
}

/// Something in the tree, and by what it is known to be the right one.
struct Found {
    loaded: Loaded,
    known: Known,
}

enum Known {
    /// The root: the head says what it is.
    Root(Id),
    /// An entry, by its name.
    Called(Name),
}

struct Reader<'a> {
    socket: Arc<Socket>,
    tree: &'a Tree,
    key: TreeKey,
    bar: Bar,
    total: Option<u64>,
    files: u64,
    blocks: u64,
    bytes: u64,
}

impl Reader<'_> {
    fn odd(&self, what: &str) -> Failure {
        Failure::new(Exit::Refused, format!("{} is not written: {what}; read single files of it with `get … -`", self.tree.name))
    }

    async fn load(&self, cid: &Cid) -> Done<Loaded> {
        load(&*self.socket, cid).await.map_err(|e| unread(self.tree, e))
    }

    /// PRIVATE-4: the entries of a directory, after it was seen that they are those that its author closed, all of them.
    async fn entries(&self, found: &Found) -> Done<Vec<(Name, Cid)>> {
        let mut raw: Vec<(String, Cid)> = Vec::new();
        let mut cursor = Cursor::default();
        loop {
            let page = list(&*self.socket, &found.loaded, &cursor, PAGE).await.map_err(|e| unread(self.tree, e))?;
            raw.extend(page.entries.into_iter().map(|entry| (entry.name, entry.cid)));
            if raw.len() > ENTRIES_MAX {
                return Err(self.odd("a directory has more than 4194305 entries"));
            }
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        if matches!(found.known, Known::Root(_)) {
            raw.retain(|(name, _)| name != HEAD_NAME);
        }
        let id = self.key.directory_id(raw.iter().map(|(name, _)| name.as_str()).collect());
        match &found.known {
            Known::Root(root) if *root == id => {}
            Known::Root(_) => return Err(SealError::Altered("the root directory").into()),
            Known::Called(name) => name.check(&self.key, &id)?,
        }
        let (beside, named): (HashMap<_, _>, Vec<_>) = {
            let (beside, named): (Vec<_>, Vec<_>) = raw.into_iter().partition(|(name, _)| TreeKey::is_beside(name));
            (beside.into_iter().collect(), named)
        };
        let mut entries = Vec::with_capacity(named.len());
        for (text, cid) in named {
            let bytes = match TreeKey::beside(&text).and_then(|name| beside.get(&name)) {
                Some(cid) => Some(self.beside(cid).await?),
                None => None,
            };
            entries.push((self.key.open_name(&text, bytes.as_deref())?, cid));
        }
        Ok(entries)
    }

    /// What stands in the file of a long name; nothing where it is no file, which is no name, either.
    async fn beside(&self, cid: &Cid) -> Done<Vec<u8>> {
        let loaded = self.load(cid).await?;
        if loaded.node.file_size().is_none() {
            return Ok(Vec::new());
        }
        small(self.socket.clone(), loaded, BESIDE_BYTES).await.map_err(|e| unread(self.tree, e))
    }

    /// Follows a path; each directory on it is seen to be whole.
    async fn find(&self, head: &Head, path: &str) -> Done<Found> {
        let mut found = Found { loaded: self.load(&self.tree.cid).await?, known: Known::Root(*head.root()) };
        for step in path.split('/').filter(|step| !step.is_empty()) {
            if !matches!(found.loaded.node, Node::Directory(_) | Node::Shard(_)) {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("there is nothing below a file called {step:?} in {}", self.tree.name),
                ));
            }
            let mut entries = self.entries(&found).await?.into_iter();
            let entry = entries.find(|(name, _)| name.text == step);
            let (name, cid) =
                entry.ok_or_else(|| Failure::new(Exit::Refused, format!("there is no {step:?} in {}", self.tree.name)))?;
            found = Found { loaded: self.load(&cid).await?, known: Known::Called(name) };
        }
        Ok(found)
    }

    /// Written beside and given its name once it is whole, so that nothing half, and nothing altered, is ever left under it.
    async fn whole(&mut self, found: Found, out: &Path) -> Done {
        if out.symlink_metadata().is_ok() {
            return Err(taken(out));
        }
        let beside = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir = tempfile::Builder::new().prefix(".leither-get-").tempdir_in(beside).map_err(|e| disk(out)(e))?;
        let spare = dir.path().join("out");
        if matches!(found.loaded.node, Node::Directory(_) | Node::Shard(_)) {
            self.directories(found, &spare).await?;
            if out.symlink_metadata().is_ok() {
                return Err(taken(out));
            }
            return std::fs::rename(&spare, out).map_err(|e| disk(out)(e));
        }
        self.one_file(found, &spare).await?;
        std::fs::hard_link(&spare, out).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => taken(out),
            _ => disk(out)(e),
        })
    }

    async fn directories(&mut self, root: Found, out: &Path) -> Done {
        let mut waiting = vec![(root, out.to_path_buf(), 0usize)];
        while let Some((directory, path, depth)) = waiting.pop() {
            if depth > DEPTH_MAX {
                return Err(self.odd("directories nest deeper than 256"));
            }
            std::fs::create_dir(&path).map_err(|e| disk(&path)(e))?;
            for (name, cid) in self.entries(&directory).await? {
                if !is_name(&name.text) {
                    return Err(self.odd(&format!("an entry is called {:?}, which no file may be", name.text)));
                }
                let to = path.join(&name.text);
                let loaded = self.load(&cid).await?;
                match &loaded.node {
                    Node::Directory(_) | Node::Shard(_) => {
                        let found = Found { loaded: loaded.without_bytes(), known: Known::Called(name) };
                        waiting.push((found, to, depth.saturating_add(1)));
                    }
                    Node::Symlink(target) => {
                        let (target, id) = self.key.open_link(target)?;
                        name.check(&self.key, &id)?;
                        if leads_out(&target, depth) {
                            return Err(self.odd(&format!(
                                "the link {:?} leads out of the tree, or climbs after a name, to {target:?}",
                                name.text
                            )));
                        }
                        std::os::unix::fs::symlink(&target, &to).map_err(|e| disk(&to)(e))?;
                    }
                    _ => self.one_file(Found { loaded, known: Known::Called(name) }, &to).await?,
                }
            }
        }
        Ok(())
    }

    async fn one_file(&mut self, found: Found, path: &Path) -> Done {
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|e| disk(path)(e))?;
        let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
        self.file(found, &mut |bytes| file.write_all(bytes)).await?;
        file.flush().map_err(|e| disk(path)(e))
    }

    /// PRIVATE-1, PRIVATE-2: what is given is of this file and in its place; what is missing is told at the end.
    async fn file(&mut self, found: Found, write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Done {
        let size = found.loaded.node.file_size();
        // What is no file is told first: a directory, the root among them, is as its author closed it, and only cannot be read as one.
        let mut walk = FileWalk::new(self.socket.clone(), found.loaded, 0..u64::MAX).map_err(|e| unread(self.tree, e))?;
        let name = match found.known {
            Known::Called(name) => name,
            Known::Root(_) => return Err(SealError::Altered("the root directory").into()),
        };
        let mut opening = Opening::new(&self.key, size.unwrap_or(0), Some(name));
        while let Some(block) = walk.next().await.map_err(|e| unread(self.tree, e))? {
            let mut given = 0u64;
            opening.push(&block.content, &mut |bytes| {
                given = given.saturating_add(bytes.len() as u64);
                write(bytes)
            })?;
            self.blocks = self.blocks.saturating_add(1);
            self.bytes = self.bytes.saturating_add(given);
            tell(&self.bar, self.total, self.files, self.blocks, self.bytes);
        }
        opening.finish()?;
        self.files = self.files.saturating_add(1);
        Ok(())
    }
}
