//! What the gateway asks of the chain: versions of MiMeis, with proofs.

use super::{Node, Served, fault};
use async_trait::async_trait;
use hyper::body::Bytes;
use leither_gateway::{Head, HeadError, Heads, Version};
use leither_kit::Cid;
use leither_pallets::mimei;
use leither_rpc_api::{ApiError, GetMimeiPage, GetProof, Limit, ProofSubject, Reason};
use leither_rpc_server::Answer;
use leither_storage::content::cid_of;
use leither_types::MimeiId;

/// Pages of a MiMei's history that one question walks back over.
const PAGES_MAX: usize = 64;

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
    /// Which one is released.
    pub release: Option<u64>,
}

impl Served {
    /// The newest versions of some MiMeis, all of one block. Nothing for those that the chain does not know.
    pub async fn newest(&self, ids: Vec<MimeiId>) -> Result<Vec<Option<Newest>>, String> {
        let look = move |node: &Node| {
            node.read(|at| {
                let one = |id: &MimeiId| -> Answer<Option<Newest>> {
                    let head = mimei::views::head(&*at.state, id).map_err(fault)?;
                    Ok(head.map(|head| Newest {
                        last: head.last.and_then(|last| Some((last.number, cid_of(&last.content)?))),
                        release: head.release,
                    }))
                };
                ids.iter().map(one).collect::<Answer<Vec<_>>>()
            })
        };
        self.ask(look).await.map_err(|error| error.message)
    }
}

impl Node {
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
        let cid = if number == last.number {
            cid_of(&last.content)
        } else {
            self.version_text(id, number)?.and_then(|text| text.parse().ok())
        };
        let no_content =
            || ApiError::new(Reason::Internal, format!("version {number} of {id} names no content id that is known here"));
        let cid = cid.ok_or_else(no_content)?;
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

    /// The content of an older version, walked back to from the head.
    fn version_text(&self, id: MimeiId, number: u64) -> Answer<Option<String>> {
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let ask = GetMimeiPage { mimei: id.into(), after, limit: Limit::new(200) };
            let page = self.read(|at| self.versions(at, &ask))?;
            if let Some(found) = page.items.iter().find(|view| view.version.0 == number) {
                return Ok(Some(found.cid.clone()));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(None)
    }
}
