//! As libp2p's Kademlia sees it. It only looks up here: what peers announce comes in by the task (ROUTE-6), values do not come in at all.

use super::Records;
use crate::Key;
use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result};
use libp2p::kad::{ProviderRecord, Record, RecordKey};
use std::borrow::Cow;
use std::iter::Empty;

impl RecordStore for Records {
    type RecordsIter<'a> = Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> = Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, _: &RecordKey) -> Option<Cow<'_, Record>> {
        None
    }

    fn put(&mut self, _: Record) -> Result<()> {
        Err(Error::MaxRecords)
    }

    fn remove(&mut self, _: &RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        std::iter::empty()
    }

    /// Our own keys are in a column of their own, those of others come in elsewhere.
    fn add_provider(&mut self, _: ProviderRecord) -> Result<()> {
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let Some(known) = Key::read(key.to_vec()) else { return Vec::new() };
        let others = self.others(&known).and_then(|others| Ok((self.is_own(&known)?, others)));
        let (own, others) = others.unwrap_or_else(|error| {
            tracing::error!(%error, "a question of the DHT cannot be answered");
            (false, Vec::new())
        });
        // Where this node is reached, Kademlia knows itself.
        let own = own.then(|| ProviderRecord::new(key.clone(), self.inner.local, Vec::new()));
        own.into_iter()
            .chain(others.into_iter().map(|(peer, addresses)| ProviderRecord::new(key.clone(), peer, addresses)))
            .collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        std::iter::empty()
    }

    fn remove_provider(&mut self, _: &RecordKey, _: &PeerId) {}
}
