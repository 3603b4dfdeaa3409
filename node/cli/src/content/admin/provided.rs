//! Calls about what this node announces and follows.

use super::network::names;
use super::release::{may_be_discarded, release};
use super::{Desk, Link, Query, json, mimei};
use crate::content::api::{
    AnnounceView, Announced, Confirmed, Followed, Outgoing, ProvidedItem, ProvidedList, Providing, Published,
};
use crate::content::board::Why;
use crate::content::calls::{self, Answer, No};
use crate::content::follow::{self, FOLLOWED};
use crate::content::publish::{self, PUBLISHED, Said, Told};
use crate::content::trees;
use crate::content::wants::What;
use hyper::Response;
use leither_kit::Cid;
use leither_routing::{ProvideStatus, Provided};
use leither_storage::{ContentStore, Kept, Root};
use leither_types::MimeiId;

/// MiMeis of one answer.
const PROVIDED_MAX: usize = 200;

fn said_of(id: &MimeiId, said: Said) -> Published {
    let confirmed = |of: &Provided| Confirmed { asked: of.asked.to_string(), confirmed: names(&of.confirmed) };
    let Said { written, mimei, tree } = said;
    let told = |told: &Told| told.provided.asked;
    Published {
        mimei: id.to_string(),
        version: written.number.to_string(),
        cid: written.of.cid.to_string(),
        until_ms: written.of.until.to_string(),
        of_mimei: confirmed(&mimei.provided),
        of_tree: confirmed(&tree.provided),
        told: told(&mimei).max(told(&tree)).to_string(),
        pending: mimei.pending || tree.pending,
        why: mimei.why.or(tree.why),
    }
}

/// The pin of what is published or followed, which is no mere pin.
fn announced(root: &Root) -> Option<(MimeiId, Why)> {
    let Root::Pin(name) = root else { return None };
    let of = |prefix: &str| name.strip_prefix(prefix).and_then(|id| id.parse().ok());
    of(PUBLISHED).map(|id| (id, Why::Published)).or_else(|| of(FOLLOWED).map(|id| (id, Why::Followed)))
}

impl Desk {
    /// HOLD-9: `POST /mimei/ID/publish`: done to its end, even if the command is cut off.
    pub(super) async fn publish(&self, id: MimeiId, query: &Query) -> Answer<Response<Outgoing>> {
        let (follow, lifetime) = (self.link()?.follow.clone(), query.need_number("lifetime_ms")?);
        let place = self.asks.clone().acquire_owned().await.map_err(No::fault)?;
        let work = async move {
            let _place = place;
            publish::publish(&follow, id, lifetime).await
        };
        json(&said_of(&id, publish::apart(work).await?))
    }

    /// HOLD-6: `DELETE /mimei/ID/follow`: what is here stays, and is announced no more, unless somebody else needs it.
    pub(super) async fn unfollow(&self, id: MimeiId) -> Answer<Response<Outgoing>> {
        let follow = self.link()?.follow.clone();
        let was = publish::apart(async move { publish::stop(&follow, vec![id], Why::Followed).await }).await?;
        json(&Followed { mimei: id.to_string(), was: was.contains(&true) })
    }

    /// `DELETE /storage/roots`: what is published or followed by it is so no more. `discard` lets go of what may be the only copy.
    pub(super) async fn release(&self, text: String, discard: bool) -> Answer<Response<Outgoing>> {
        let root = calls::read_root(&text)?;
        if discard && !may_be_discarded(&root) {
            return Err(No::usage(
                "only a working copy (cur/MIMEI), a version (version/MIMEI/NUMBER), what waits to become one (pin/next/…) and what lost a conflict (pin/conflict/…) are discarded: leave that out",
            ));
        }
        if let (Some(_), Some(cid)) = (&self.link, trees::announced(&root)) {
            return self.end_tree(cid, &text).await;
        }
        match (&self.link, announced(&root)) {
            (Some(link), Some((id, why))) => {
                let follow = link.follow.clone();
                let was = publish::apart(async move { publish::stop(&follow, vec![id], why).await }).await?;
                if was.contains(&true) { json(&()) } else { Err(calls::not_kept(&text)) }
            }
            _ => self.ask(move |store| release(store, &root, discard)).await,
        }
    }

    /// HOLD-14: `POST /storage/provide`: done to its end, even if the command is cut off.
    pub(super) async fn provide_tree(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let (follow, cid) = (self.link()?.follow.clone(), query.cid()?);
        let place = self.asks.clone().acquire_owned().await.map_err(No::fault)?;
        let work = async move {
            let _place = place;
            trees::provide(&follow, cid).await
        };
        let Told { provided, pending, why } = publish::apart(work).await?;
        let (asked, confirmed) = (provided.asked.to_string(), names(&provided.confirmed));
        json(&Announced { cid: cid.to_string(), asked, confirmed, pending, why })
    }

    /// `DELETE /storage/provide`
    pub(super) async fn stop_tree(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let cid = query.cid()?;
        self.end_tree(cid, &format!("pin/announce/{cid}")).await
    }

    async fn end_tree(&self, cid: Cid, root: &str) -> Answer<Response<Outgoing>> {
        let follow = self.link()?.follow.clone();
        let was = publish::apart(async move { trees::stop(&follow, cid).await }).await?;
        if was { json(&()) } else { Err(calls::not_kept(root)) }
    }

    /// `GET /provided/summary`
    pub(super) async fn providing(&self) -> Answer<Response<Outgoing>> {
        let stat = self.link()?.routing()?.provide_stat().await;
        json(&Providing {
            keys: stat.keys.to_string(),
            announced: stat.announced.to_string(),
            due: stat.waiting.to_string(),
            oldest_due_ms: stat.oldest_due_ms.map(|ms| ms.to_string()),
            last_round_ms: stat.last_round_ms.map(|ms| ms.to_string()),
        })
    }

    /// `GET /provided`: one MiMei, or a page of those that are published and then of those that are followed.
    pub(super) async fn provided(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let link = self.link()?;
        let one = query.text("mimei").map(|text| mimei(&text)).transpose()?;
        let after = query.text("after");
        let list = move |store: &ContentStore| match one {
            Some(id) => Ok((vec![id], None)),
            None => page(store, after.as_deref()),
        };
        let (ids, next) = self.work(list).await?;
        let chain = link.follow.chain.newest(ids.clone()).await.map_err(No::fault)?;
        let mut items = Vec::new();
        for (id, newest) in ids.into_iter().zip(chain) {
            items.push(self.provided_one(link, id, newest.and_then(|newest| newest.last)).await?);
        }
        json(&ProvidedList { items, next })
    }

    async fn provided_one(&self, link: &Link, id: MimeiId, chain: Option<(u64, Cid)>) -> Answer<ProvidedItem> {
        let look = move |store: &ContentStore| -> Answer<(Option<(u64, Kept)>, bool, Option<Cid>, Option<u64>)> {
            let until = publish::published(store, &id)?.map(|kept| kept.generation);
            Ok((store.newest(&id)?, follow::is_followed(store, &id)?, follow::released(store, &id)?, until))
        };
        let (here, following, released, until) = self.work(look).await?;
        let released = released.filter(|released| here.is_none_or(|(_, kept)| kept.cid != *released));
        let status = |what: What| async move {
            match &link.routing {
                Some(routing) => routing.provide_status(what.key()).await,
                None => None,
            }
        };
        let of_mimei = status(What::Mimei(id)).await;
        let of_tree = match &here {
            Some((_, kept)) => status(What::Tree(kept.cid)).await,
            None => None,
        };
        let of_released = match released {
            Some(cid) => status(What::Tree(cid)).await,
            None => None,
        };
        Ok(ProvidedItem {
            mimei: id.to_string(),
            following,
            published_until_ms: until.map(|until| until.to_string()),
            version: here.map(|(number, _)| number.to_string()),
            cid: here.map(|(_, kept)| kept.cid.to_string()),
            chain_version: chain.map(|(number, _)| number.to_string()),
            of_mimei: of_mimei.map(announce_view),
            of_tree: of_tree.map(announce_view),
            released: released.map(|cid| cid.to_string()),
            of_released: of_released.map(announce_view),
            failure: link.follow.book.failure(&id),
        })
    }
}

/// Those that are published and not followed, then those that are followed: each once. What to ask for the next page with is the last one's pin.
fn page(store: &ContentStore, after: Option<&str>) -> Answer<(Vec<MimeiId>, Option<String>)> {
    let after = |prefix: &str| after.and_then(|after| after.strip_prefix(prefix)).map(|id| id.parse::<MimeiId>().ok());
    if let Some(after) = after(FOLLOWED) {
        let (ids, more) = follow::followed(store, after.as_ref(), PROVIDED_MAX)?;
        let next = ids.last().filter(|_| more).map(|id| format!("{FOLLOWED}{id}"));
        return Ok((ids, next));
    }
    let (page, more) = publish::published_page(store, after(PUBLISHED).flatten().as_ref(), PROVIDED_MAX)?;
    let next = page.last().filter(|_| more).map_or_else(|| FOLLOWED.to_string(), |(id, _)| format!("{PUBLISHED}{id}"));
    let mut ids = Vec::new();
    for (id, _) in page {
        if !follow::is_followed(store, &id)? {
            ids.push(id);
        }
    }
    Ok((ids, Some(next)))
}

fn announce_view(status: ProvideStatus) -> AnnounceView {
    AnnounceView {
        last_success_ms: status.last_success_ms.map(|ms| ms.to_string()),
        next_due_ms: status.next_due_ms.to_string(),
        confirmed: names(&status.confirmed),
        failure: status.failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_storage::Config;
    use leither_storage::content::Profile;

    #[test]
    fn hold_10_what_is_provided_is_listed_in_pages_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = ContentStore::open(&Config::new(dir.path().join("content"))).unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "file").unwrap();
        let profile = Profile::default();
        let cid = store.add(&path, profile, &Root::Pin("x".into()), 0, &mut |_| ()).unwrap().cid;
        let ids: Vec<MimeiId> = (0..250_u8).map(|n| MimeiId([n; 20])).collect();
        let pins: Vec<(Root, Kept)> = ids
            .iter()
            .map(|id| (Root::Pin(format!("{PUBLISHED}{id}")), Kept { cid, profile, generation: u64::MAX }))
            .collect();
        store.keep_all(&pins, 0).unwrap();
        let others: Vec<MimeiId> = (0..250_u8).map(|n| MimeiId([[n; 10], [255; 10]].concat().try_into().unwrap())).collect();
        follow::begin(&store, &[&ids[..40], &others[..]].concat(), 0).unwrap();
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let (page, next) = page(&store, after.as_deref()).unwrap();
            assert!(page.len() <= PROVIDED_MAX);
            seen.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        let mut all = [ids, others].concat();
        seen.sort_unstable();
        all.sort_unstable();
        assert_eq!(seen, all);
    }
}
