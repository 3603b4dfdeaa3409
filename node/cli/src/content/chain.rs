//! What the content of this node asks of the chain.

use crate::backend::{Newest, Served};
use async_trait::async_trait;
use leither_gateway::{Heads, Version};
use leither_kit::Cid;
use leither_types::{AccountId, MimeiId, PublicKey};

/// Who knows which versions there are.
#[async_trait]
pub(super) trait Chain: Send + Sync {
    /// The newest versions of some; nothing for those that there are not.
    async fn newest(&self, ids: Vec<MimeiId>) -> Result<Vec<Option<Newest>>, String>;
    /// The content of a version.
    async fn content(&self, id: &MimeiId, number: u64) -> Result<Cid, String>;

    /// The key of a validator operator's node in the data swarm; nothing where the chain names none.
    async fn data_key(&self, operator: &AccountId) -> Result<Option<PublicKey>, String>;

    /// The newest version of one.
    async fn last(&self, id: &MimeiId) -> Result<Option<Newest>, String> {
        Ok(self.newest(vec![*id]).await?.pop().flatten())
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
}
