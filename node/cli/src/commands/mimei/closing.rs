//! With what content is closed, and that nothing goes from private to open, or back, by chance.

use super::place::{self, Tree, unread};
use super::private::{public_key, random};
use super::{view, view_if_made};
use crate::commands::Session;
use crate::content::client::Socket;
use crate::content::profile_of;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use leither_kit::walk::{FileWalk, Loaded, WalkError, resolve};
use leither_rpc_api::MimeiView;
use leither_storage::content::Profile;
use leither_storage::seal::{HEAD_BYTES_MAX, HEAD_NAME, Head, Seal, SealError, TreeKey};
use leither_types::{MimeiId, PublicKey};
use std::sync::Arc;

/// What an add shall be.
pub struct Wanted<'a> {
    /// Closed.
    pub private: bool,
    /// Open, whatever the newest version is.
    pub public: bool,
    /// Who reads beside those who do.
    pub readers: &'a [String],
    /// Who adds.
    pub from: &'a str,
    /// To which; none where a new one is made each time.
    pub mimei: Option<MimeiId>,
    /// Whether it must be there; else it may be made only now.
    pub is_there: bool,
}

/// What an add is closed with, and the version that this follows from: the next one is made from that alone.
pub struct Closing {
    /// Nothing where it is open.
    pub seal: Option<Seal>,
    /// The number of the newest version when it was looked at, if the MiMei was there.
    pub seen: Option<Option<u64>>,
    /// How the newest version is cut, as far as its id tells; nothing before the first version.
    pub profile: Option<Profile>,
}

/// What the newest version is.
#[derive(Debug)]
pub enum Before {
    /// There is none.
    Nothing,
    /// For everybody to read.
    Open,
    /// For its readers.
    Private(Head),
    /// It is not on this node, or there is no node here: nobody can tell.
    Unseen,
}

/// What somebody said that the next version shall be, whatever the newest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// `--private`
    Private,
    /// `--public`
    Public,
}

/// PRIVATE-9: what would happen by chance. Each says what to do if it shall be so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crossing {
    /// An open version on a private one.
    #[error(
        "the newest version is private, and this one would be for everybody to read: `leither mimei add --private` closes it for the same readers, --public lets everybody read it"
    )]
    Opens,
    /// A private version on an open one.
    #[error("everybody reads the newest version, and this one its readers alone would: --private says that it shall be so")]
    Closes,
    /// A private version on one that is closed otherwise.
    #[error(
        "the newest version is closed with another key, or for others, than this one, so that who was taken out would read again, or who was let in no more: `leither mimei get` this one, and `leither mimei add --private` its files"
    )]
    Reopens,
    /// An open version on one that cannot be looked at.
    #[error(
        "the newest version is not on this node, so that nobody can tell whether it is private: `leither mimei sync` with the id fetches it; --public lets everybody read this one, whatever that one is"
    )]
    OpensUnseen,
    /// A private version on one that cannot be looked at.
    #[error(
        "the newest version is not on this node, so that nobody can tell who reads it: `leither mimei sync` with the id fetches it, then try again"
    )]
    ClosesUnseen,
    /// `--base` names another version than the one by which it was decided.
    #[error(
        "--base names version {base}, and what this one may be was decided by the newest that this node knows: {newest}. Leave --base out to follow on that one, or try again when the node knows version {base}; --public lets everybody read this one, whatever it follows on"
    )]
    Elsewhere {
        /// What was named.
        base: u64,
        /// What was looked at.
        newest: String,
    },
    /// `--private` of what is open.
    #[error(
        "--private closes nothing that is open: `leither mimei get` the working copy, and `leither mimei add --private` its files"
    )]
    NotPrivate,
    /// `--public` of what is private.
    #[error(
        "--public opens nothing that is private: `leither mimei get` the working copy, and `leither mimei add --public` its files"
    )]
    NotPublic,
}

impl From<Crossing> for Failure {
    fn from(crossing: Crossing) -> Self {
        Self::new(Exit::Refused, crossing)
    }
}

/// PRIVATE-9: whether a version that is closed with the head `next`, or is open, may follow on the newest one.
pub fn may_follow(before: &Before, next: Option<&Head>, said: Option<Said>) -> Result<(), Crossing> {
    match (next, said) {
        (None, Some(Said::Private)) => return Err(Crossing::NotPrivate),
        (Some(_), Some(Said::Public)) => return Err(Crossing::NotPublic),
        _ => {}
    }
    match (before, next) {
        (Before::Nothing, _) | (Before::Open, None) => Ok(()),
        (Before::Private(newest), Some(next)) if next.is_as(newest) => Ok(()),
        (Before::Private(_), Some(_)) => Err(Crossing::Reopens),
        (Before::Unseen, Some(_)) => Err(Crossing::ClosesUnseen),
        _ if said.is_some() => Ok(()),
        (Before::Private(_), None) => Err(Crossing::Opens),
        (Before::Unseen, None) => Err(Crossing::OpensUnseen),
        (Before::Open, Some(_)) => Err(Crossing::Closes),
    }
}

/// PRIVATE-9: what a version may be was decided by the newest one, `seen`: it may follow on that one alone, unless somebody said that it is public.
pub fn follows_on(base: Option<u64>, seen: Option<Option<u64>>, public: bool) -> Result<(), Crossing> {
    let newest = seen.flatten();
    match base {
        Some(base) if newest != Some(base) && !public => {
            let newest = newest.map_or_else(|| "there is none".into(), |newest| format!("version {newest}"));
            Err(Crossing::Elsewhere { base, newest })
        }
        _ => Ok(()),
    }
}

/// The first bytes of a file: at most so many, and one more where there are more.
pub(super) async fn small(source: Arc<dyn Source>, found: Loaded, most: u64) -> Result<Vec<u8>, WalkError> {
    let mut walk = FileWalk::new(source, found, 0..most.saturating_add(1))?;
    let mut bytes = Vec::new();
    while let Some(block) = walk.next().await? {
        bytes.extend_from_slice(&block.content);
    }
    Ok(bytes)
}

/// PRIVATE-10: what may be the head of a tree; nothing where no file is called so.
async fn head_bytes(source: Arc<dyn Source>, root: &Cid) -> Result<Option<Vec<u8>>, WalkError> {
    let found = match resolve(&*source, root, &[HEAD_NAME]).await {
        Ok(found) => found.target,
        Err(WalkError::Absent { .. } | WalkError::NotADirectory { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if found.node.file_size().is_none() {
        return Ok(None);
    }
    small(source, found, HEAD_BYTES_MAX as u64).await.map(Some)
}

/// PRIVATE-10: the head of a tree, if it is private content.
pub async fn head_of(source: Arc<dyn Source>, tree: &Tree) -> Done<Option<Head>> {
    match head_bytes(source, &tree.cid).await.map_err(|error| unread(tree, error))? {
        Some(bytes) => Ok(Head::find(&bytes)?),
        None => Ok(None),
    }
}

async fn newest_tree(socket: &Socket, wallet: &Wallet, view: &MimeiView) -> Done<Option<Tree>> {
    let Some(version) = &view.head else { return Ok(None) };
    let cid = place::version(wallet, socket, view, version.version.0).await?;
    Ok(Some(Tree { cid, name: format!("version {} of {}", version.version.0, view.mimei.0) }))
}

/// The newest version's head, if it is private; nothing before the first version.
pub async fn newest(socket: Arc<Socket>, wallet: &Wallet, view: &MimeiView) -> Done<Option<Head>> {
    match newest_tree(&socket, wallet, view).await? {
        Some(tree) => head_of(socket, &tree).await,
        None => Ok(None),
    }
}

/// What the newest version is, as far as it is on this node.
pub async fn before(socket: Arc<Socket>, wallet: &Wallet, view: &MimeiView) -> Done<Before> {
    let Some(tree) = newest_tree(&socket, wallet, view).await? else { return Ok(Before::Nothing) };
    match head_bytes(socket, &tree.cid).await {
        Ok(None) => Ok(Before::Open),
        Ok(Some(bytes)) => Ok(Head::find(&bytes)?.map_or(Before::Open, Before::Private)),
        Err(WalkError::Source(SourceError::NotFound(_))) => Ok(Before::Unseen),
        Err(error) => Err(unread(&tree, error)),
    }
}

/// The same, by the node of this machine, if there is one.
async fn before_here(session: &Session, wallet: &Wallet, view: &MimeiView) -> Done<Before> {
    match session.socket(wallet).await {
        Ok(socket) => before(Arc::new(socket), wallet, view).await,
        Err(failure) if failure.exit == Exit::Unreachable => Ok(Before::Unseen),
        Err(failure) => Err(failure),
    }
}

/// PRIVATE-6: a fork goes on under the key of what it begins with, so who cannot read that could close nothing in it.
pub async fn refuse_stranger(session: &Session, wallet: &Wallet, parent: &MimeiView, from: &str) -> Done {
    let Before::Private(head) = before_here(session, wallet, parent).await? else { return Ok(()) };
    reads(&head, &public_key(wallet, from).await?)?;
    Ok(())
}

/// PRIVATE-6: whether who has this key reads it, and can so go on under its tree key.
pub fn reads(head: &Head, key: &PublicKey) -> Result<(), SealError> {
    match head.readers().any(|reader| reader == *key) {
        true => Ok(()),
        false => Err(SealError::NotReader(head.readers().count())),
    }
}

/// PRIVATE-6, PRIVATE-8, PRIVATE-9: what an add is closed with: the newest version's key and readers, unless a reader was taken out; nothing where it
/// is public.
pub async fn seal_for(session: &Session, wallet: &Wallet, wanted: &Wanted<'_>) -> Done<Closing> {
    let view = match wanted.mimei {
        None => None,
        Some(id) if wanted.is_there => Some(view(wallet, id).await?),
        Some(id) => view_if_made(wallet, id).await?,
    };
    let seen = view.as_ref().map(|view| view.head.as_ref().map(|head| head.version.0));
    let seal = match wanted.private {
        true => Some(seal_after(session, wallet, wanted, view.as_ref()).await?),
        false => {
            if let Some(view) = view.as_ref().filter(|_| !wanted.public) {
                match may_follow(&before_here(session, wallet, view).await?, None, None) {
                    // Who only records an id may have no node at all.
                    Ok(()) | Err(Crossing::OpensUnseen) => {}
                    Err(crossing) => return Err(crossing.into()),
                }
            }
            None
        }
    };
    let head = view.as_ref().and_then(|view| view.head.as_ref());
    let profile = head.and_then(|head| head.cid.parse::<Cid>().ok()).map(|cid| profile_of(&cid));
    Ok(Closing { seal, seen, profile })
}

async fn seal_after(session: &Session, wallet: &Wallet, wanted: &Wanted<'_>, view: Option<&MimeiView>) -> Done<Seal> {
    let before = match view {
        Some(view) => newest(Arc::new(session.socket(wallet).await?), wallet, view).await?,
        None => None,
    };
    let mut seal = match before {
        None => Seal::new(TreeKey::new(random()?)),
        Some(head) => {
            let seal = head.unlock(&wallet.signer(wanted.from).await?)?;
            if seal.rotates() { seal.rotated(TreeKey::new(random()?), &mut random)? } else { seal }
        }
    };
    for reader in std::iter::once(wanted.from).chain(wanted.readers.iter().map(String::as_str)) {
        seal.add(public_key(wallet, reader).await?, &random()?)?;
    }
    Ok(seal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_kit::source::Fixed;
    use leither_storage::content::{self, Profile};
    use leither_types::SecretKey;
    use std::path::Path;

    fn head(key: u8, readers: &[u8]) -> Head {
        let mut seal = Seal::new(TreeKey::new([key; 32]));
        for reader in readers {
            seal.add(SecretKey::from_seed(&[*reader; 32]).public(), &[9; 32]).unwrap();
        }
        Head::read(&seal.head(&[key; 32])).unwrap()
    }

    #[test]
    fn private_9_nothing_is_opened_or_closed_that_nobody_said() {
        let private = || Before::Private(head(1, &[1, 2]));
        let same = head(1, &[1, 2]);
        let (all, no) = ([None, Some(Said::Public), Some(Said::Private)], Err::<(), Crossing>);
        // What is, what comes, and what is answered without a word, to --public and to --private.
        let cases = [
            (Before::Nothing, None, [Ok(()), Ok(()), no(Crossing::NotPrivate)]),
            (Before::Nothing, Some(&same), [Ok(()), no(Crossing::NotPublic), Ok(())]),
            (Before::Open, None, [Ok(()), Ok(()), no(Crossing::NotPrivate)]),
            (Before::Open, Some(&same), [no(Crossing::Closes), no(Crossing::NotPublic), Ok(())]),
            (private(), None, [no(Crossing::Opens), Ok(()), no(Crossing::NotPrivate)]),
            (private(), Some(&same), [Ok(()), no(Crossing::NotPublic), Ok(())]),
            (Before::Unseen, None, [no(Crossing::OpensUnseen), Ok(()), no(Crossing::NotPrivate)]),
            (Before::Unseen, Some(&same), [no(Crossing::ClosesUnseen), no(Crossing::NotPublic), no(Crossing::ClosesUnseen)]),
        ];
        for (before, next, answers) in cases {
            let found = all.map(|said| may_follow(&before, next, said));
            assert_eq!(found, answers, "{before:?}, then {}", next.map_or("open", |_| "private"));
        }
    }

    #[test]
    fn private_9_a_version_follows_on_the_one_by_which_it_was_decided_unless_it_is_said_to_be_public() {
        for (base, seen) in [(None, None), (None, Some(Some(4))), (None, Some(None)), (Some(4), Some(Some(4)))] {
            assert_eq!(follows_on(base, seen, false), Ok(()), "{base:?} on {seen:?}");
        }
        // One that is there only since, an older one, and one of a MiMei without any.
        for seen in [Some(Some(3)), Some(Some(5)), Some(None), None] {
            let crossing = follows_on(Some(4), seen, false).unwrap_err();
            assert!(crossing.to_string().contains("Leave --base out"), "{crossing}");
            assert_eq!(follows_on(Some(4), seen, true), Ok(()));
        }
    }

    #[test]
    fn private_6_only_who_reads_it_goes_on_under_its_key() {
        let head = head(1, &[1, 2]);
        let said = |n: u8| reads(&head, &SecretKey::from_seed(&[n; 32]).public());
        assert!(said(1).is_ok() && said(2).is_ok());
        assert!(matches!(said(3), Err(SealError::NotReader(2))));
    }

    #[test]
    fn private_9_who_was_taken_out_is_not_let_in_again_by_an_older_version() {
        let newest = Before::Private(head(1, &[1]));
        for (older, what) in [(head(1, &[1, 2]), "a reader who was taken out"), (head(2, &[1]), "a key from before")] {
            for said in [None, Some(Said::Private)] {
                assert_eq!(may_follow(&newest, Some(&older), said), Err(Crossing::Reopens), "{what}");
            }
        }
    }

    /// A tree as blocks: closed, or open.
    fn blocks(dir: &Path, seal: Option<&Seal>) -> (Tree, Arc<Fixed>) {
        let mut blocks = Fixed::new();
        let mut sink = |cid: &Cid, block: Vec<u8>| blocks.put(cid, block.into()).map_err(std::io::Error::other);
        let added = match seal {
            None => content::add(dir, Profile::default(), &mut sink, &mut |_| ()),
            Some(seal) => content::add_sealed(dir, Profile::default(), seal, &mut sink, &mut |_| ()),
        };
        let tree = Tree { cid: added.unwrap().cid, name: "a tree".into() };
        (tree, Arc::new(blocks))
    }

    async fn is_open(dir: &Path) -> bool {
        let (tree, source) = blocks(dir, None);
        head_of(source, &tree).await.unwrap().is_none()
    }

    #[tokio::test]
    async fn private_10_what_is_only_called_like_a_head_makes_nothing_private() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join(HEAD_NAME);
        std::fs::write(dir.path().join("a"), "a").unwrap();
        let mut seal = Seal::new(TreeKey::new([1; 32]));
        seal.add(SecretKey::from_seed(&[1; 32]).public(), &[9; 32]).unwrap();
        let (tree, source) = blocks(dir.path(), Some(&seal));
        assert_eq!(head_of(source, &tree).await.unwrap().map(|head| head.readers().count()), Some(1));
        assert!(is_open(dir.path()).await, "without one");
        for bytes in [&b""[..], b"my notes", b"leither-private\n", &vec![b'x'; 3 << 20]] {
            std::fs::write(&place, bytes).unwrap();
            assert!(is_open(dir.path()).await, "a file of {} bytes", bytes.len());
        }
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink("a", &place).unwrap();
        assert!(is_open(dir.path()).await, "a link");
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        assert!(is_open(dir.path()).await, "a directory");
    }
}
