//! What the gateway and the content swarm ask of the chain: versions of MiMeis, with proofs; whose node is which.

use super::{Node, Served, fault, versions};
use async_trait::async_trait;
use hyper::body::Bytes;
use leither_gateway::{Head, HeadError, Heads, Version};
use leither_kit::Cid;
use leither_pallets::{mimei, staking};
use leither_rpc_api::{ApiError, GetProof, ProofSubject, Reason};
use leither_rpc_server::Answer;
use leither_storage::content::cid_of;
use leither_types::{AccountId, MimeiId, PublicKey};

#[async_trait]
impl Heads for Served {
    async fn head(&self, id: &MimeiId, version: Version) -> Result<Head, HeadError> {
        let id = *id;
        let found = self.ask(move |node| node.gateway_head(id, version)).await;
        match found {
            Ok(Some(head)) => Ok(head),
            Ok(None) => Err(HeadError::NoVersion { mimei: id, version }),
            Err(error) if error.reason == Reason::UnknownMimei => Err(HeadError::Unknown(id)),
            Err(error) => Err(HeadError::Unavailable(error.message)),
        }
    }
}

/// What the chain says of a MiMei, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// The newest version; nothing where there is none, or where its content is no id that is known here.
    pub last: Option<(u64, Cid)>,
    /// Which one is released, and its content, where this node has a row of that version (STORE-26).
    pub release: Option<(u64, Option<Cid>)>,
}

impl Served {
    /// The newest versions of some MiMeis, all of one block. Nothing for those that the chain does not know.
    pub async fn newest(&self, ids: Vec<MimeiId>) -> Result<Vec<Option<Newest>>, String> {
        let look = move |node: &Node| {
            node.read(|at| {
                let one = |id: &MimeiId| -> Answer<Option<Newest>> {
                    let Some(head) = mimei::views::head(&*at.state, id).map_err(fault)? else { return Ok(None) };
                    let last = head.last.and_then(|last| Some((last.number, cid_of(&last.content)?)));
                    let release = head.release.map(|number| node.released(id, number, last)).transpose()?;
                    Ok(Some(Newest { last, release }))
                };
                ids.iter().map(one).collect::<Answer<Vec<_>>>()
            })
        };
        self.ask(look).await.map_err(|error| error.message)
    }

    /// The key of an operator's node in the data swarm; nothing where it has no validator, or has not said where that is.
    pub async fn data_key(&self, operator: AccountId) -> Result<Option<PublicKey>, String> {
        let look = move |node: &Node| {
            node.read(|at| {
                let stake = staking::views::stake(&*at.state, &operator).map_err(fault)?;
                Ok(stake.and_then(|stake| stake.contact).map(|contact| contact.data))
            })
        };
        self.ask(look).await.map_err(|error| error.message)
    }
}

impl Node {
    /// A released version with its content, if that is told without a walk: thousands are asked for at once.
    fn released(&self, id: &MimeiId, number: u64, last: Option<(u64, Cid)>) -> Answer<(u64, Option<Cid>)> {
        let cid = match last.filter(|(newest, _)| *newest == number) {
            Some((_, cid)) => Some(cid),
            None => versions::kept(&self.store, id, number)?.and_then(|version| cid_of(&version.content)),
        };
        Ok((number, cid))
    }

    fn gateway_head(&self, id: MimeiId, version: Version) -> Answer<Option<Head>> {
        let found = self.read(|at| {
            let head = mimei::views::head(&*at.state, &id).map_err(fault)?;
            head.ok_or_else(|| ApiError::new(Reason::UnknownMimei, format!("there is no MiMei {id}")))
        })?;
        let Some(last) = found.last else { return Ok(None) };
        let wanted = match version {
            Version::Last => Some(last.number),
            Version::Release => found.release,
            Version::Standard => Some(found.release.unwrap_or(last.number)),
            Version::Number(number) => Some(number),
        };
        let Some(number) = wanted.filter(|number| *number <= last.number) else { return Ok(None) };
        let found = versions::one(&self.store, &id, number, &last)?;
        let no_content =
            || ApiError::new(Reason::Internal, format!("version {number} of {id} names no content id that is known here"));
        let cid = found.and_then(|version| cid_of(&version.content)).ok_or_else(no_content)?;
        // The head's record says the newest version and which one is released; an older one follows from its history alone.
        let proof = match number == last.number {
            true => self.head_proof(id),
            false => None,
        };
        Ok(Some(Head { number, cid, proof }))
    }

    /// A proof is a kindness: where none can be given, the content still can.
    fn head_proof(&self, id: MimeiId) -> Option<Bytes> {
        let ask = GetProof { subject: ProofSubject::Mimei { mimei: id.into() }, from: None };
        self.proof(&ask).ok().map(|proof| Bytes::from(proof.proof.0))
    }
}
