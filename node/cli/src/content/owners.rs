//! FAR-6: of which MiMeis the trees are that the gateway is asked for. Whoever has a MiMei in another version has most of a tree of it, and is
//! known under the MiMei alone.

use super::cache::hash_of;
use async_trait::async_trait;
use leither_gateway::{Head, HeadError, Heads, Version};
use leither_kit::Cid;
use leither_types::MimeiId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Trees that are remembered: those that were named last.
const OWNERS_MAX: usize = 1_024;

/// The MiMeis of trees. A clone is another handle to the same.
#[derive(Clone, Default)]
pub(super) struct Owners(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    /// By the hash of the tree's root.
    mimeis: HashMap<Vec<u8>, MimeiId>,
    /// The oldest first.
    order: VecDeque<Vec<u8>>,
}

impl Owners {
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This tree is a version of that MiMei. Of two that have it the last one that was named counts.
    pub fn note(&self, root: &Cid, mimei: MimeiId) {
        let (mut all, key) = (self.lock(), hash_of(root));
        if all.mimeis.insert(key.clone(), mimei).is_some() {
            return;
        }
        all.order.push_back(key);
        if all.order.len() > OWNERS_MAX
            && let Some(oldest) = all.order.pop_front()
        {
            all.mimeis.remove(&oldest);
        }
    }

    /// Whose version the tree is.
    pub fn of(&self, root: &Cid) -> Option<MimeiId> {
        self.lock().mimeis.get(&hash_of(root)).copied()
    }
}

/// Heads of which it is remembered what they name.
pub(super) struct Named {
    pub heads: Arc<dyn Heads>,
    pub owners: Owners,
}

#[async_trait]
impl Heads for Named {
    async fn head(&self, mimei: &MimeiId, version: Version) -> Result<Head, HeadError> {
        let head = self.heads.head(mimei, version).await?;
        self.owners.note(&head.cid, *mimei);
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_gateway::Nobody;
    use leither_kit::multihash::Multihash;

    fn tree(n: u32) -> Cid {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&n.to_be_bytes());
        Cid::new_v1(0x70, Multihash::wrap(0x12, &digest).unwrap())
    }

    struct Same;

    #[async_trait]
    impl Heads for Same {
        async fn head(&self, _: &MimeiId, _: Version) -> Result<Head, HeadError> {
            Ok(Head { number: 0, cid: tree(7), proof: None })
        }
    }

    #[tokio::test]
    async fn far_6_what_a_head_names_is_known_as_the_mimeis_and_only_so_many_are_remembered() {
        let (owners, me) = (Owners::default(), MimeiId([7; 20]));
        let nobody = Named { heads: Arc::new(Nobody), owners: owners.clone() };
        assert!(nobody.head(&me, Version::Last).await.is_err());
        assert_eq!(owners.of(&tree(7)), None);
        let named = Named { heads: Arc::new(Same), owners: owners.clone() };
        named.head(&me, Version::Release).await.unwrap();
        assert_eq!(owners.of(&tree(7)), Some(me));
        for n in 0..OWNERS_MAX as u32 {
            owners.note(&tree(1_000 + n), me);
            owners.note(&tree(1_000 + n), MimeiId([8; 20]));
        }
        assert_eq!((owners.of(&tree(7)), owners.of(&tree(1_000))), (None, Some(MimeiId([8; 20]))));
        let all = owners.lock();
        assert_eq!((all.mimeis.len(), all.order.len()), (OWNERS_MAX, OWNERS_MAX));
    }
}
