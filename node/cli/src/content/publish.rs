//! Publishing: a MiMei's id and the root of its newest version are announced, for a time.

use super::calls::{Answer, No};
use super::chain::Chain;
use super::follow::{is_followed, profile_of};
use super::wants::{Network, What};
use crate::wallet::now_ms;
use hyper::StatusCode;
use leither_kit::Cid;
use leither_routing::Provided;
use leither_storage::config::PAGE_MAX;
use leither_storage::{ContentStore, Kept, Root};
use leither_types::MimeiId;
use tokio::task::spawn_blocking;

/// HOLD-9: pins of what is published; the generation is the time, in ms, when that ends.
pub(super) const PUBLISHED: &str = "publish/";
/// The longest time: a year.
pub(super) const LIFETIME_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1000;

fn pin(id: &MimeiId) -> Root {
    Root::Pin(format!("{PUBLISHED}{id}"))
}

/// What is published, and until when.
pub(super) fn published(store: &ContentStore, id: &MimeiId) -> Answer<Option<Kept>> {
    Ok(store.root(&pin(id))?)
}

/// All that is published, the first thousand.
pub(super) fn all(store: &ContentStore) -> Answer<Vec<(MimeiId, Kept)>> {
    let page = store.roots(Some(&Root::Pin(PUBLISHED.into())), PAGE_MAX)?;
    let named = |(root, kept): (Root, Kept)| match root {
        Root::Pin(name) => name.strip_prefix(PUBLISHED).and_then(|id| id.parse().ok()).map(|id| (id, kept)),
        _ => None,
    };
    Ok(page.into_iter().map_while(named).collect())
}

/// What was published.
pub(super) struct Said {
    /// Which version.
    pub number: u64,
    /// Its content.
    pub cid: Cid,
    /// Until when, in ms.
    pub until: u64,
    /// Who was told of the MiMei.
    pub mimei: Provided,
    /// Who was told of the tree.
    pub tree: Provided,
}

/// HOLD-9: announces the newest version, which has to be here, whole; again until the time is over, over restarts of the node, too.
pub(super) async fn publish(
    store: &ContentStore,
    chain: &dyn Chain,
    network: &dyn Network,
    id: MimeiId,
    lifetime_ms: u64,
) -> Answer<Said> {
    if lifetime_ms == 0 || lifetime_ms > LIFETIME_MS_MAX {
        return Err(No::usage("a lifetime is more than nothing and at most 366 days"));
    }
    let newest = chain.last(&id).await.map_err(No::fault)?;
    let Some((number, cid)) = newest.and_then(|newest| newest.last) else {
        return Err(No::absent(format!("{id} has no version on chain: `leither mimei add --mimei {id} PATH` makes one")));
    };
    let work = store.clone();
    let keep = move || -> Answer<(u64, Option<Cid>)> {
        if !work.has(&cid)? {
            return Err(No::absent(format!(
                "version {number} of {id} ({cid}) is not on this node: `leither mimei sync {id}` fetches it, `leither mimei add` makes it of the files"
            )));
        }
        let now = now_ms().map_err(|failure| No::fault(failure.sentence))?;
        let until = now.saturating_add(lifetime_ms);
        let before = published(&work, &id)?.map(|kept| kept.cid);
        work.keep(&pin(&id), Kept { cid, profile: profile_of(&cid), generation: until }, now)?;
        Ok((until, before))
    };
    let (until, before) = spawn_blocking(keep).await.map_err(No::fault)??;
    network.announce(cid).await;
    let (mimei, tree) = tokio::join!(network.provide(What::Mimei(id)), network.provide(What::Tree(cid)));
    let refused = |error: String| No { status: StatusCode::SERVICE_UNAVAILABLE, reason: "unreachable", message: error };
    if let Some(old) = before.filter(|old| *old != cid) {
        network.withdraw(What::Tree(old)).await.map_err(refused)?;
    }
    Ok(Said { number, cid, until, mimei: mimei.map_err(refused)?, tree: tree.map_err(refused)? })
}

/// HOLD-9: what is over is announced no more, unless it is followed.
pub(super) async fn expire(store: &ContentStore, network: &dyn Network) {
    let work = store.clone();
    let look = move || -> Answer<Vec<(MimeiId, Cid, bool)>> {
        let now = now_ms().map_err(|failure| No::fault(failure.sentence))?;
        let over = all(&work)?.into_iter().filter(|(_, kept)| kept.generation <= now);
        over.map(|(id, kept)| Ok((id, kept.cid, is_followed(&work, &id)?))).collect()
    };
    let over = match spawn_blocking(look).await.map_err(No::fault) {
        Ok(Ok(over)) => over,
        Ok(Err(no)) | Err(no) => {
            tracing::warn!(error = no.message, "what is published could not be looked through; it is tried again");
            return;
        }
    };
    for (id, cid, stays) in over {
        // What following announces goes on: the MiMei, and the newest tree.
        let ends = if stays { vec![] } else { vec![What::Mimei(id), What::Tree(cid)] };
        if let Err(error) = end(store, network, id, ends).await {
            tracing::warn!(error, mimei = %id, "its announcement could not be taken back; it is tried again");
        }
    }
}

async fn end(store: &ContentStore, network: &dyn Network, id: MimeiId, ends: Vec<What>) -> Result<(), String> {
    for what in ends {
        network.withdraw(what).await?;
    }
    let work = store.clone();
    let release = move || {
        let now = now_ms().map_err(|failure| failure.sentence)?;
        work.release(&pin(&id), now).map_err(|e| e.to_string())
    };
    spawn_blocking(release).await.map_err(|e| e.to_string())??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{FakeChain, FakeNet};
    use super::super::follow;
    use super::*;
    use leither_storage::Config;
    use leither_storage::content::Profile;

    const ME: MimeiId = MimeiId([7; 20]);

    #[tokio::test(flavor = "multi_thread")]
    async fn hold_9_what_is_published_is_announced_until_its_time_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let (net, chain) = (FakeNet::default(), FakeChain::default());
        let say = |ms| publish(&store, &chain, &net, ME, ms);
        let path = dir.path().join("file");
        std::fs::write(&path, "text").unwrap();
        let there = FakeNet::default().have(&path, Profile::default()).0;
        assert!(say(1_000).await.err().unwrap().message.contains("no version"));
        chain.moves(ME, 3, there);
        let no = say(1_000).await.err().unwrap();
        assert!(no.reason == "absent" && no.message.contains("mimei sync"), "{}", no.message);
        store.add(&path, Profile::default(), &Root::Pin("x".into()), 0, &mut |_| ()).unwrap();
        for wrong in [0, LIFETIME_MS_MAX + 1] {
            assert_eq!(say(wrong).await.err().unwrap().reason, "usage");
        }
        let said = say(600_000).await.ok().unwrap();
        assert_eq!((said.number, said.cid, said.mimei.asked), (3, there, 3));
        assert_eq!(net.provided(), [What::Mimei(ME), What::Tree(there)]);
        assert!(store.release(&Root::Pin("x".into()), 0).unwrap());
        assert!(store.has(&there).unwrap() && published(&store, &ME).unwrap().is_some(), "it is kept by being published");
        expire(&store, &net).await;
        assert_eq!(net.provided().len(), 2, "its time is not over");
        say(1).await.ok().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        expire(&store, &net).await;
        assert!(net.provided().is_empty() && published(&store, &ME).unwrap().is_none());
        // What is followed goes on being announced.
        say(1).await.ok().unwrap();
        follow::begin(&store, &ME, 0).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        expire(&store, &net).await;
        assert_eq!((net.provided().len(), published(&store, &ME).unwrap().is_some()), (2, false));
        assert_eq!(all(&store).unwrap().len(), 0);
    }
}
