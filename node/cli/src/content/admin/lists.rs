//! HOLD-10: calls about many MiMeis at once: a thousand at most, one a line. All is written down in a few writes, and each is answered for; others are
//! told in the background.

use super::bodies::{drain, piece};
use super::{Desk, Query, json, mimei};
use crate::content::api::{LISTED_MAX, Listed, ListedAll, Outgoing, Refusal};
use crate::content::board::Why;
use crate::content::calls::{Answer, No};
use crate::content::follow::Follow;
use crate::content::publish::{self, Written};
use hyper::Response;
use hyper::body::Incoming;
use leither_kit::Cid;
use leither_types::MimeiId;
use std::collections::HashSet;

/// A list is no longer.
const LIST_BYTES_MAX: usize = 128 << 10;

/// Reads a list.
async fn ids(mut body: Incoming) -> Answer<Vec<MimeiId>> {
    let mut text = Vec::new();
    while let Some(piece) = piece(&mut body).await? {
        text.extend_from_slice(&piece);
        if text.len() > LIST_BYTES_MAX {
            drain(body);
            return Err(No::usage("a list has at most 128 KiB: send it in parts"));
        }
    }
    let text = String::from_utf8(text).map_err(|_| No::usage("a list is text, one MiMei a line"))?;
    let ids = text.lines().map(mimei).collect::<Answer<Vec<_>>>()?;
    if !(1..=LISTED_MAX).contains(&ids.len()) {
        return Err(No::usage("a list has 1 to 1000 MiMeis, one a line"));
    }
    Ok(ids)
}

fn published(written: &Written) -> Listed {
    Listed { until_ms: Some(written.of.until.to_string()), ..versioned(Some((written.number, written.of.cid))) }
}

fn versioned(newest: Option<(u64, Cid)>) -> Listed {
    Listed {
        version: newest.map(|(number, _)| number.to_string()),
        cid: newest.map(|(_, cid)| cid.to_string()),
        ..Listed::default()
    }
}

fn stopped(id: &MimeiId, was: bool) -> Answer<Listed> {
    let message = || format!("{id} was not provided; see `leither mimei provide --status`");
    if was { Ok(Listed::default()) } else { Err(No::absent(message())) }
}

fn listed(ids: &[MimeiId], done: impl Iterator<Item = Answer<Listed>>) -> Answer<Response<Outgoing>> {
    let failed =
        |no: No| Listed { failure: Some(Refusal { reason: no.reason.into(), message: no.message }), ..Listed::default() };
    let one = |(id, done): (&MimeiId, Answer<Listed>)| Listed { mimei: id.to_string(), ..done.unwrap_or_else(failed) };
    json(&ListedAll { items: ids.iter().zip(done).map(one).collect() })
}

impl Desk {
    /// Done to its end, even if the command is cut off; so many at a time.
    async fn many<T, F>(&self, body: Incoming, work: impl FnOnce(Follow, Vec<MimeiId>) -> F) -> Answer<(Vec<MimeiId>, Vec<T>)>
    where
        T: Send + 'static,
        F: Future<Output = Answer<Vec<T>>> + Send + 'static,
    {
        let follow = self.link()?.follow.clone();
        let ids = ids(body).await?;
        let place = self.asks.clone().acquire_owned().await.map_err(No::fault)?;
        let work = work(follow, ids.clone());
        let done = publish::apart(async move {
            let _place = place;
            work.await
        });
        Ok((ids, done.await?))
    }

    /// `POST /publish`
    pub(super) async fn publish_all(&self, query: &Query, body: Incoming) -> Answer<Response<Outgoing>> {
        let lifetime = query.need_number("lifetime_ms")?;
        let work = move |follow: Follow, ids| async move { publish::write_down(&follow, ids, lifetime).await };
        let (ids, done) = self.many(body, work).await?;
        listed(&ids, done.into_iter().map(|done| done.map(|written| published(&written))))
    }

    /// `POST /follow`: they are fetched and announced in the background.
    pub(super) async fn follow_all(&self, body: Incoming) -> Answer<Response<Outgoing>> {
        let work = |follow: Follow, ids| async move { publish::begin(&follow, ids).await };
        let (ids, done) = self.many(body, work).await?;
        listed(&ids, done.into_iter().map(|done| done.map(versioned)))
    }

    /// `POST /unfollow`
    pub(super) async fn unfollow_all(&self, body: Incoming) -> Answer<Response<Outgoing>> {
        let work = |follow: Follow, ids| async move { publish::stop(&follow, ids, Why::Followed).await };
        let (ids, done) = self.many(body, work).await?;
        // One that stands in the list twice was provided, though by its second line no more.
        let were: HashSet<&MimeiId> = ids.iter().zip(done).filter_map(|(id, was)| was.then_some(id)).collect();
        listed(&ids, ids.iter().map(|id| stopped(id, were.contains(id))))
    }
}
