//! HOLD-14: trees that are announced by their content ids alone, whichever MiMei has them, until that is ended.

use super::calls::{self, Answer, No};
use super::follow::{Follow, profile_of};
use super::publish::{self, Told};
use super::wants::What;
use leither_kit::Cid;
use leither_storage::config::PAGE_MAX;
use leither_storage::{ContentStore, Kept, Root};

/// Pins of what is announced so.
const ANNOUNCED: &str = "announce/";

fn pin(cid: &Cid) -> Root {
    Root::Pin(format!("{ANNOUNCED}{cid}"))
}

/// The tree that is announced as long as this root is there.
pub(super) fn announced(root: &Root) -> Option<Cid> {
    let Root::Pin(name) = root else { return None };
    name.strip_prefix(ANNOUNCED)?.parse().ok()
}

/// A page of them, behind `after`; and behind what the next one begins, if there may be one.
pub(super) fn page(store: &ContentStore, after: Option<&Root>) -> Answer<(Vec<Cid>, Option<Root>)> {
    let start = Root::Pin(ANNOUNCED.into());
    let mut found = store.roots(Some(after.unwrap_or(&start)), PAGE_MAX)?;
    let cids: Vec<Cid> = found.iter().map_while(|(root, _)| announced(root)).collect();
    found.truncate(cids.len());
    let next = found.pop().map(|(root, _)| root).filter(|_| cids.len() >= PAGE_MAX);
    Ok((cids, next))
}

/// A tree that is here, whole, is kept and announced from now on. Not to be dropped half way: see [`publish::apart`].
pub(super) async fn provide(follow: &Follow, cid: Cid) -> Answer<Told> {
    let what = What::Tree(cid);
    let mut uses = follow.book.board.open(&follow.store).await?;
    let kept = Kept { cid, profile: profile_of(&cid), generation: 0 };
    let done = match follow.network.provide(vec![what]).await {
        Ok(()) => publish::aside(&follow.store, move |store| Ok(store.take_back(&pin(&cid), kept)?)).await,
        Err(error) => Err(publish::unreachable(error)),
    };
    if let Err(no) = done {
        // Where this cannot be written down either, the next start does it.
        if let Err(further) = uses.take_back(&*follow.network, vec![what.key()]).await {
            tracing::warn!(error = further.message, "a tree that is not kept stays announced until the next start");
        }
        return Err(match no.reason {
            "absent" => No::absent(format!("{cid} is not on this node: `leither storage fetch {cid}` brings it")),
            _ => no,
        });
    }
    // Nothing of it was needed before.
    drop(uses.set_tree(cid, true));
    drop(uses);
    follow.network.announce(cid).await;
    Ok(publish::tell(&*follow.network, what).await)
}

/// It is not any more, unless a MiMei needs it. Says whether it was.
pub(super) async fn stop(follow: &Follow, cid: Cid) -> Answer<bool> {
    let mut uses = follow.book.board.open(&follow.store).await?;
    let old = uses.set_tree(cid, false);
    uses.take_back(&*follow.network, old).await?;
    let released = publish::aside(&follow.store, move |store| Ok(store.release(&pin(&cid), calls::now()?)?)).await;
    if released.is_err() {
        uses.doubt();
    }
    released
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{Node, node};
    use super::*;
    use leither_storage::content::Profile;
    use leither_types::MimeiId;
    use std::sync::atomic::Ordering::SeqCst;

    fn here(node: &Node, text: &str) -> Cid {
        let path = node.dir.path().join(text);
        std::fs::write(&path, text).unwrap();
        node.store().add(&path, Profile::default(), &Root::Pin(format!("test/{text}")), 0, &mut |_| ()).unwrap().cid
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hold_14_a_tree_is_announced_and_kept_until_that_is_ended_over_restarts_too() {
        let node = node();
        let cid = here(&node, "tree");
        let told = provide(&node.follow, cid).await.unwrap();
        assert_eq!((told.provided.asked, told.pending), (3, false));
        provide(&node.follow, cid).await.unwrap();
        assert_eq!(node.net.provided(), [What::Tree(cid)]);
        assert!(node.store().release(&Root::Pin("test/tree".into()), 0).unwrap());
        assert_eq!(page(node.store(), None).unwrap(), (vec![cid], None), "it is kept by being announced");
        // What another run announced and nobody needs goes; this is needed.
        let again = node.again();
        publish::repair(&again).await.unwrap();
        assert_eq!(node.net.provided(), [What::Tree(cid)]);
        node.net.0.provided.lock().unwrap().clear();
        publish::repair(&again).await.unwrap();
        assert_eq!(node.net.provided(), [What::Tree(cid)], "what is to be announced is");
        assert!(stop(&again, cid).await.unwrap() && !stop(&again, cid).await.unwrap());
        assert!(node.net.provided().is_empty() && node.store().root(&pin(&cid)).unwrap().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hold_14_what_a_mimei_has_too_goes_on_being_announced_and_what_is_not_here_is_refused() {
        let node = node();
        let (cid, mimei) = (here(&node, "both"), MimeiId([7; 20]));
        node.chain.moves(mimei, 0, cid);
        publish::publish(&node.follow, mimei, 600_000).await.ok().unwrap();
        provide(&node.follow, cid).await.unwrap();
        assert!(stop(&node.follow, cid).await.unwrap());
        assert!(node.net.provided().contains(&What::Tree(cid)), "the MiMei needs it");
        let absent = Cid::new_v1(0x55, *here(&super::super::fakes::node(), "elsewhere").hash());
        let no = provide(&node.follow, absent).await.unwrap_err();
        assert!(no.reason == "absent" && no.message.contains("storage fetch"), "{}", no.message);
        node.net.0.full.store(true, SeqCst);
        assert_eq!(provide(&node.follow, here(&node, "third")).await.unwrap_err().reason, "unreachable");
        assert_eq!(node.net.provided(), [What::Mimei(mimei), What::Tree(cid)], "nothing of what was refused");
    }
}
