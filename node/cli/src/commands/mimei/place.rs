//! `MIMEI[@VERSION][/path]`, and which content it means.

use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use leither_kit::Cid;
use leither_kit::node::id_of;
use leither_kit::source::{Source, SourceError};
use leither_kit::walk::{Resolved, WalkError, resolve};
use leither_rpc_api::{GetMimeiPage, Limit, MimeiView, methods};
use leither_types::MimeiId;
use std::str::FromStr;

/// What stands after the `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The released version or, where none is, the newest: what a gateway serves.
    Standard,
    /// The working copy.
    Cur,
    /// The newest.
    Last,
    /// The released one.
    Release,
    /// That one.
    Number(u64),
    /// A tree by its content id: one that was kept though it became no version, for instance.
    Tree(Cid),
}

/// A place in a MiMei.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which MiMei.
    pub mimei: MimeiId,
    /// Which version.
    pub which: Which,
    /// Names with `/` between them; empty: the tree itself.
    pub path: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, path) = text.split_once('/').unwrap_or((text, ""));
        let (id, version) = head.split_once('@').map_or((head, None), |(id, version)| (id, Some(version)));
        let which = match version {
            None => Which::Standard,
            Some("cur") => Which::Cur,
            Some("last") => Which::Last,
            Some("release") => Which::Release,
            Some(text) => {
                let tree = || text.parse().ok().map(Which::Tree);
                let which = text.parse().ok().map(Which::Number).or_else(tree);
                which.ok_or_else(|| format!("@{text}: write a number, cur, last, release or a content id"))?
            }
        };
        let mimei = id.parse().map_err(|e: leither_types::IdError| e.to_string())?;
        Ok(Self { mimei, which, path: path.trim_matches('/').to_string() })
    }
}

/// What is read: a place in a MiMei, or in a tree that is named by its content id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In a MiMei.
    Mimei(Place),
    /// In a tree of the network, whoever made it.
    Tree {
        /// Its root.
        cid: Cid,
        /// Names with `/` between them; empty: the tree itself.
        path: String,
    },
}

impl Spot {
    /// Names with `/` between them; empty: the tree itself.
    pub fn path(&self) -> &str {
        match self {
            Self::Mimei(place) => &place.path,
            Self::Tree { path, .. } => path,
        }
    }

    /// In which MiMei it lies, if in one.
    pub fn mimei(&self) -> Option<MimeiId> {
        match self {
            Self::Mimei(place) => Some(place.mimei),
            Self::Tree { .. } => None,
        }
    }

    /// What files get as a name where nobody gives another: the last one of the path, else the id.
    pub fn name(&self) -> String {
        match (self.path().rsplit('/').next().filter(|name| !name.is_empty()), self) {
            (Some(name), _) => name.to_string(),
            (None, Self::Mimei(place)) => place.mimei.to_string(),
            (None, Self::Tree { cid, .. }) => cid.to_string(),
        }
    }
}

/// FETCH-5: `MIMEI[@VERSION][/path]`, `CID[/path]`, `/ipfs/CID[/path]` or `ipfs://CID[/path]`.
impl FromStr for Spot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix("/ipfs/").or_else(|| text.strip_prefix("ipfs://"));
        let rest = bare.unwrap_or(text);
        let (head, path) = rest.split_once('/').unwrap_or((rest, ""));
        let tree = || id_of(head).map(|cid| Self::Tree { cid, path: path.trim_matches('/').to_string() });
        if bare.is_some() {
            return tree().ok_or_else(|| "what stands behind ipfs is no content id: write /ipfs/CID[/path]".into());
        }
        match text.parse::<Place>() {
            Ok(place) => Ok(Self::Mimei(place)),
            Err(why) => tree().ok_or_else(|| format!("{why}; a tree that is no MiMei's is named by its content id: CID[/path]")),
        }
    }
}

/// A tree, and what it is called in a sentence.
pub struct Tree {
    /// Its root.
    pub cid: Cid,
    /// `version 3 of lthmm1…`
    pub name: String,
}

/// The number and content of a version, as the chain has it.
pub async fn version(wallet: &Wallet, socket: &Socket, view: &MimeiView, number: u64) -> Done<Cid> {
    let id = view.mimei.0;
    let read = |text: &str| {
        let no = || Failure::new(Exit::Refused, format!("version {number} of {id} is `{text}` on chain, which is no content id"));
        text.parse::<Cid>().map_err(|_| no())
    };
    if let Some(head) = view.head.as_ref().filter(|head| head.version.0 == number) {
        return read(&head.cid);
    }
    if let Some(held) = socket.held(&id, number).await? {
        return read(&held.cid);
    }
    let mut after = None;
    loop {
        let ask = GetMimeiPage { mimei: id.into(), after, limit: Limit::new(200) };
        let page = wallet.client.call(&methods::MIMEI_GET_VERSIONS, ask).await?;
        if let Some(found) = page.items.iter().find(|found| found.version.0 == number) {
            return read(&found.cid);
        }
        after = page.next;
        if after.is_none() {
            return Err(Failure::usage(format!("{id} has no version {number}; see `leither mimei versions {id}`")));
        }
    }
}

/// The tree that a place lies in.
pub async fn tree(wallet: &Wallet, socket: &Socket, place: &Place) -> Done<Tree> {
    let id = place.mimei;
    if place.which == Which::Cur {
        let cur = socket.local(&id).await?.cur.ok_or_else(|| {
            Failure::new(Exit::Refused, format!("there is no working copy of {id} here: `leither mimei restore {id}` makes one"))
        })?;
        let cid = cur.cid.parse().map_err(Failure::fault)?;
        return Ok(Tree { cid, name: format!("the working copy of {id}") });
    }
    if let Which::Tree(cid) = place.which {
        return Ok(Tree { cid, name: format!("the tree {cid} of {id}") });
    }
    let view = super::view(wallet, id).await?;
    let newest = super::newest(&view)?;
    let none = || {
        Failure::usage(format!(
            "no version of {id} is released: `leither mimei release {id}` releases the newest, and @last is it"
        ))
    };
    let number = match place.which {
        Which::Number(number) => number,
        Which::Release => view.release.map(|n| n.0).ok_or_else(none)?,
        Which::Standard => view.release.map_or(newest, |n| n.0),
        Which::Last | Which::Cur | Which::Tree(_) => newest,
    };
    let cid = version(wallet, socket, &view, number).await?;
    Ok(Tree { cid, name: format!("version {number} of {id}") })
}

/// What the path leads to.
pub async fn find(source: &dyn Source, tree: &Tree, path: &str) -> Done<Resolved> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    resolve(source, &tree.cid, &names).await.map_err(|error| unread(tree, error))
}

/// What reading a place came to. A working copy that was changed meanwhile is called so, for the blocks of what it was may be gone by then.
pub async fn unless_moved<T>(socket: &Socket, place: &Place, tree: &Tree, done: Done<T>) -> Done<T> {
    match done {
        Err(failure) if place.which == Which::Cur && failure.exit == Exit::Refused => match socket.local(&place.mimei).await {
            Ok(local) => Err(moved(tree, local.cur.as_ref().map(|cur| cur.cid.as_str())).unwrap_or(failure)),
            Err(_) => Err(failure),
        },
        done => done,
    }
}

/// That the working copy, which is `now`, is not the tree that was read.
fn moved(tree: &Tree, now: Option<&str>) -> Option<Failure> {
    let is_same = now.is_some_and(|now| now == tree.cid.to_string());
    (!is_same).then(|| Failure::new(Exit::Refused, format!("{} was changed while it was read: try again", tree.name)))
}

/// Why a tree could not be read; content that is missing is called by its name.
pub fn unread(tree: &Tree, error: WalkError) -> Failure {
    match error {
        WalkError::Source(SourceError::NotFound(cid)) => {
            let what = if cid == tree.cid {
                format!("{} ({cid}) is not on this node", tree.name)
            } else {
                format!("{} ({}) is not whole on this node: the block {cid} is missing", tree.name, tree.cid)
            };
            Failure::new(
                Exit::Refused,
                format!(
                    "{what}, nor with those it asked: `leither swarm connect` connects it to a node that has it, then try again; `leither mimei sync` and `provide` bring the newest version; or add it from the files again"
                ),
            )
        }
        // The node has answered that nobody gave it.
        WalkError::Source(late @ SourceError::Timeout(_)) => Failure::new(Exit::Refused, late),
        WalkError::Source(other) => Failure::new(Exit::Unreachable, other),
        WalkError::Absent { .. } | WalkError::NotADirectory { .. } | WalkError::NotA { .. } => {
            Failure::new(Exit::Refused, format!("{error} in {}; `leither mimei cur ls` and `get` show what is there", tree.name))
        }
        other => Failure::new(Exit::Refused, format!("{} cannot be read: {other}", tree.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_copy_that_is_another_by_now_was_changed() {
        let tree = Tree { cid: Cid::default(), name: "the working copy of x".into() };
        assert!(moved(&tree, Some(&tree.cid.to_string())).is_none(), "it is the same: something else is wrong");
        for now in [Some("another"), None] {
            let said = moved(&tree, now).unwrap().sentence;
            assert!(said.contains("the working copy of x was changed while it was read: try again"), "{said}");
        }
    }

    // FETCH-3
    #[test]
    fn what_nobody_gave_is_refused_and_a_node_that_does_not_answer_is_not_reached() {
        let tree = Tree { cid: Cid::default(), name: "version 0 of x".into() };
        let exit = |error| unread(&tree, WalkError::Source(error)).exit;
        for error in [SourceError::NotFound(tree.cid), SourceError::Timeout(tree.cid)] {
            assert_eq!(exit(error), Exit::Refused);
        }
        assert_eq!(exit(SourceError::Other("the node did not answer".into())), Exit::Unreachable);
    }

    #[test]
    fn hold_11_what_was_let_go_of_is_said_to_be_absent_and_how_it_comes_back() {
        let tree = Tree { cid: Cid::default(), name: "version 0 of x".into() };
        let said = unread(&tree, WalkError::Source(SourceError::NotFound(tree.cid)));
        assert_eq!(said.exit, Exit::Refused);
        for part in ["version 0 of x", "is not on this node", "swarm connect", "mimei sync", "provide"] {
            assert!(said.sentence.contains(part), "{part}: {}", said.sentence);
        }
    }

    #[test]
    fn a_place_is_a_mimei_a_version_and_a_path() {
        let id = MimeiId([7; 20]);
        let place = |text: &str| format!("{id}{text}").parse::<Place>();
        let is = |text: &str, which, path: &str| {
            assert_eq!(place(text).unwrap(), Place { mimei: id, which, path: path.into() }, "{text}");
        };
        is("", Which::Standard, "");
        is("/", Which::Standard, "");
        is("/a/b c/", Which::Standard, "a/b c");
        is("@cur/a@b", Which::Cur, "a@b");
        is("@last", Which::Last, "");
        is("@release/x", Which::Release, "x");
        is("@12/x", Which::Number(12), "x");
        let text = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
        is(&format!("@{text}/x"), Which::Tree(text.parse().unwrap()), "x");
        for wrong in ["@", "@-1", "@newest/x", "@ 1", "x"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        assert!("./README.md".parse::<Place>().is_err());
    }

    #[test]
    fn fetch_5_a_tree_is_read_by_its_content_id_alone() {
        let text = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
        for (written, path, name) in [
            (text.to_string(), "", text),
            (format!("{text}/a/b c/"), "a/b c", "b c"),
            (format!("/ipfs/{text}"), "", text),
            (format!("/ipfs/{text}/a"), "a", "a"),
            (format!("ipfs://{text}/a"), "a", "a"),
        ] {
            let spot: Spot = written.parse().unwrap();
            assert_eq!(spot, Spot::Tree { cid: text.parse().unwrap(), path: path.into() }, "{written}");
            assert_eq!((spot.path(), spot.mimei(), spot.name().as_str()), (path, None, name), "{written}");
        }
        let id = MimeiId([7; 20]);
        let spot: Spot = format!("{id}@cur/a/b").parse().unwrap();
        assert_eq!((spot.path(), spot.mimei(), spot.name().as_str()), ("a/b", Some(id), "b"));
        assert_eq!(format!("{id}").parse::<Spot>().unwrap().name(), id.to_string());
        for wrong in ["", "x", "./README.md", "/ipfs/", "/ipfs/x/y", "ipfs://", &format!("/ipfs/{id}"), &format!("{text}@3")] {
            assert!(wrong.parse::<Spot>().is_err(), "{wrong}");
        }
    }
}
