//! What the content of this node asks of the chain, and hears of it.

use crate::backend::{Newest, Served};
use async_trait::async_trait;
use leither_engine::{Heard, Listener};
use leither_gateway::{Heads, Version};
use leither_kit::Cid;
use leither_pallets::{Event, describe_event, mimei};
use leither_types::{AccountId, MimeiId, PublicKey, Receipt};

/// Who knows which versions there are.
#[async_trait]
pub(super) trait Chain: Send + Sync {
    /// The newest versions of some; nothing for those that there are not.
    async fn newest(&self, ids: Vec<MimeiId>) -> Result<Vec<Option<Newest>>, String>;
    /// The content of a version.
    async fn content(&self, id: &MimeiId, number: u64) -> Result<Cid, String>;
    /// Hears what changes from now on.
    fn changes(&self) -> Box<dyn Changes>;

    /// The key of a validator operator's node in the data swarm; nothing where the chain names none.
    async fn data_key(&self, operator: &AccountId) -> Result<Option<PublicKey>, String>;

    /// The newest version of one.
    async fn last(&self, id: &MimeiId) -> Result<Option<Newest>, String> {
        Ok(self.newest(vec![*id]).await?.pop().flatten())
    }
}

/// What is heard of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// These have another newest version, or another released one.
    Heads(Vec<MimeiId>),
    /// Something went by unheard.
    Missed,
    /// The chain has stopped, and nothing more will be heard.
    Ended,
}

/// Whoever hears what changes.
#[async_trait]
pub(super) trait Changes: Send {
    /// Waits for what comes next. Nothing is lost if it is not waited for to the end.
    async fn next(&mut self) -> Changed;
}

/// HOLD-6: the MiMeis whose newest or released version these receipts changed. A fork tells of its first version itself.
fn moved(receipts: &[Receipt]) -> Vec<MimeiId> {
    let of = |event: Event| match event {
        Event::Mimei(mimei::Event::BackedUp { mimei, .. } | mimei::Event::Released { mimei, .. }) => Some(mimei),
        _ => None,
    };
    let events = receipts.iter().flat_map(|receipt| receipt.events.iter());
    events.filter_map(|bytes| describe_event(bytes)).filter_map(of).collect()
}

#[async_trait]
impl Changes for Listener {
    async fn next(&mut self) -> Changed {
        match Listener::next(self).await {
            Heard::Pulse(pulse) => Changed::Heads(moved(&pulse.receipts)),
            Heard::Lagged(_) => Changed::Missed,
            Heard::Closed => Changed::Ended,
        }
    }
}

#[async_trait]
impl Chain for Served {
    async fn newest(&self, ids: Vec<MimeiId>) -> Result<Vec<Option<Newest>>, String> {
        Served::newest(self, ids).await
    }

    async fn content(&self, id: &MimeiId, number: u64) -> Result<Cid, String> {
        self.head(id, Version::Number(number)).await.map(|head| head.cid).map_err(|e| e.to_string())
    }

    async fn data_key(&self, operator: &AccountId) -> Result<Option<PublicKey>, String> {
        Served::data_key(self, *operator).await
    }

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(self.listen())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::{AccountId, Amount, ContentId, EventBytes, Hash, List, Status};
    use parity_scale_codec::Encode;

    fn receipt(events: Vec<Event>) -> Receipt {
        let events = events.iter().map(|event| EventBytes::new(event.encode()).unwrap()).collect();
        Receipt { tx: Hash::ZERO, status: Status::Done, weight: 0, fee: Amount::ZERO, events: List::new(events).unwrap() }
    }

    #[test]
    fn hold_6_of_a_block_those_are_heard_whose_newest_or_released_version_changed() {
        let [one, other, third] = [1, 2, 3].map(|n| MimeiId([n; 20]));
        let content = ContentId(List::new(vec![1]).unwrap());
        let backup = |mimei| Event::Mimei(mimei::Event::BackedUp { mimei, number: 4, content: content.clone(), previous: None });
        let release = Event::Mimei(mimei::Event::Released { mimei: other, number: 3 });
        let given = Event::Mimei(mimei::Event::Given { mimei: third, to: AccountId([9; 20]) });
        let forked = Event::Mimei(mimei::Event::Forked { parent: third, number: 1, fork: one });
        let mut unknown = receipt(vec![]);
        unknown.events = List::new(vec![EventBytes::new(vec![255]).unwrap()]).unwrap();
        let receipts = [receipt(vec![forked, backup(one)]), unknown, receipt(vec![given, release])];
        assert_eq!(moved(&receipts), [one, other]);
    }
}
