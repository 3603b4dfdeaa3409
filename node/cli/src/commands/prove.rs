//! `leither prove`: asks for a proof, verifies it here, and shows what it says. Nothing else that the node answers is shown.

use super::Session;
use super::node::trusted;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use clap::Args;
use leither_pallets::{lineage, mimei, orgs};
use leither_rpc_api::{Bytes, GetProof, OrgRef, Proof, ProofSubject, TokenRef, methods};
use leither_state::{Answer, Question, RECORD_BYTES_MAX, STATE_PROOF_BYTES_MAX, StateProof};
use leither_types::{Hash, List, MimeiId, Trusted, decode_within, json::bytes_of_hex, json::hex_of};
use serde_json::{Value, json};

/// Asks for a proof and verifies it here, against the genesis hash that is given.
#[derive(Args, Debug)]
pub struct Prove {
    /// Whose holding, membership; with --token or --org.
    #[arg(long)]
    account: Option<String>,
    /// Symbol of the token held.
    #[arg(long, requires = "account")]
    token: Option<String>,
    /// The organization whose member it is.
    #[arg(long, requires = "account", conflicts_with = "token")]
    org: Option<String>,
    /// A MiMei's head.
    #[arg(long, conflicts_with_all = ["account", "token", "org"])]
    mimei: Option<String>,
    /// The chains that this one goes on from, where it was recovered.
    #[arg(long, conflicts_with_all = ["account", "token", "org", "mimei"])]
    ancestry: bool,
    /// The chain's id, from somebody you trust; the node's own word where it is not given.
    #[arg(long)]
    chain: Option<String>,
    /// A block that you trust, `HEIGHT:ID`: the proof begins there instead of at the genesis. Needed after more than 512 changes of validators.
    #[arg(long, value_name = "HEIGHT:ID", value_parser = trusted)]
    trust: Option<Trusted>,
}

impl Prove {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let subject = self.subject(&wallet).await?;
        let ask = GetProof { subject: subject.clone(), from: self.trust.map(|trusted| trusted.height.into()) };
        let answer = wallet.client.call(&methods::STATE_GET_PROOF, ask).await?;
        let chain = match &self.chain {
            Some(text) => text.parse().map_err(Failure::usage)?,
            None => wallet.chain(),
        };
        let mut shown = proven(&chain, self.trust.as_ref(), &subject, &answer)?;
        if let Some(bytes) = shown["value"].as_str().filter(|_| self.ancestry).and_then(bytes_of_hex) {
            let pasts: List<lineage::Past, { lineage::PASTS_MAX }> =
                decode_within(&bytes, RECORD_BYTES_MAX).map_err(Failure::fault)?;
            shown["value"] = serde_json::to_value(&*pasts).map_err(Failure::fault)?;
        }
        session.printer.answer(&shown);
        Ok(())
    }

    /// What is asked for, by id. Names are looked up at the node: that the id is the one that was meant, no proof of it says.
    async fn subject(&self, wallet: &Wallet) -> Done<ProofSubject> {
        if self.ancestry {
            return Ok(ProofSubject::Record { record: Bytes(lineage::views::key()) });
        }
        match (&self.account, &self.token, &self.org, &self.mimei) {
            (Some(account), Some(token), None, None) => {
                let account = wallet.account(account).await?.into();
                let (token, _) = wallet.amount(&format!("0 {token}")).await?;
                Ok(ProofSubject::Holding { account, token: TokenRef::Id(token) })
            }
            (Some(account), None, Some(org), None) => {
                let member = wallet.account(account).await?.into();
                Ok(ProofSubject::Member { org: OrgRef::Id(wallet.org_id(org).await?), member })
            }
            (None, None, None, Some(mimei)) => {
                let mimei: MimeiId = mimei.parse()?;
                Ok(ProofSubject::Mimei { mimei: mimei.into() })
            }
            _ => Err(Failure::usage("say what to prove: --account with --token or --org, --mimei, or --ancestry")),
        }
    }
}

/// The question to the state, made here from the ids alone.
fn question(subject: &ProofSubject) -> Done<Question> {
    let record = |key: Vec<u8>| List::new(key).map(Question::Record).ok_or_else(|| Failure::fault("a record's key too long"));
    match subject {
        ProofSubject::Holding { account, token: TokenRef::Id(token) } => Ok(Question::Holding { token: *token, id: account.0 }),
        ProofSubject::Member { org: OrgRef::Id(org), member } => record(orgs::views::member_key(org, &member.0)),
        ProofSubject::Mimei { mimei } => record(mimei::views::head_key(&mimei.0)),
        ProofSubject::Record { record: key } => record(key.0.clone()),
        _ => Err(Failure::fault("a proof is of an id, not of a name")),
    }
}

/// What is proven of `subject` on this chain, or why nothing is. Of the node's answer only the proof itself is read.
fn proven(chain: &Hash, trusted: Option<&Trusted>, subject: &ProofSubject, answer: &Proof) -> Done<Value> {
    let refused = |why: String| Failure::new(Exit::Refused, format!("{why}; ask another node"));
    let proof: StateProof = decode_within(&answer.proof.0, STATE_PROOF_BYTES_MAX)
        .map_err(|e| refused(format!("what the node sent is no proof ({e})")))?;
    let verified = proof
        .verify_from(chain, trusted, &question(subject)?)
        .map_err(|e| refused(format!("the proof does not hold: {e}")))?;
    let value = match verified {
        Answer::Holding(holding) => holding.map(|h| {
            let (free, locked) = (h.free.to_string(), h.locked.to_string());
            json!({ "free": free, "locked": locked, "nonce": h.nonce.to_string() })
        }),
        Answer::Record(bytes) => bytes.map(|bytes| Value::from(hex_of(&bytes))),
    };
    Ok(json!({
        "verified": true,
        "chain": chain.to_string(),
        "asked": subject,
        "height": proof.header.height.to_string(),
        "time": proof.header.time.to_string(),
        "block": proof.header.id().to_string(),
        // The last change of validators on the way: a start that every node keeps.
        "trust_next": proof.handovers.last().map(|last| format!("{}:{}", last.header.height, last.header.id())),
        "present": value.is_some(),
        "value": value,
        "proof_bytes": answer.proof.0.len(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_rpc_api::{Certificate, FinalHeader, Hash32, Header, Id, U64};
    use leither_types::ValidatorId;

    const GOLDEN: &str = include_str!("../../../../spec/vectors/state-proof.json");

    /// A golden proof, in an answer that lies wherever it can beside it.
    fn lying(proof: &Value) -> (ProofSubject, Proof) {
        let subject: ProofSubject = serde_json::from_value(proof["subject"].clone()).unwrap();
        let proof: Bytes = serde_json::from_value(proof["proof"].clone()).unwrap();
        (subject, Proof { proof, ..lies() })
    }

    fn lies() -> Proof {
        let id = Hash32(Hash([9; 32]));
        let header = Header {
            id,
            height: U64(99),
            time: U64(99),
            version: 1,
            chain: id,
            parent: id,
            proposer: Id(ValidatorId([9; 20])),
            state_root: id,
            txs_root: id,
            receipts_root: id,
            evidence_root: id,
            last_certificate: id,
            validators: id,
            next_validators: id,
            raw: Bytes(Vec::new()),
        };
        let certificate = Certificate { height: U64(99), round: 0, block: id, signatures: Vec::new(), raw: Bytes(Vec::new()) };
        Proof {
            height: U64(99),
            present: true,
            value: json!({ "free": "1", "locked": "1" }),
            key: None,
            state_root: id,
            proof: Bytes(Vec::new()),
            header: FinalHeader { header, certificate },
            genesis: Bytes(Vec::new()),
        }
    }

    // RPC-18
    #[test]
    fn what_is_shown_is_what_was_proven_whatever_the_node_says() {
        let golden: Value = serde_json::from_str(GOLDEN).unwrap();
        let chain: Hash = golden["chain"].as_str().unwrap().parse().unwrap();
        let mut absent = 0;
        for wanted in golden["proofs"].as_array().unwrap() {
            let (subject, answer) = lying(wanted);
            let shown = proven(&chain, None, &subject, &answer).unwrap();
            assert_eq!((&shown["height"], &shown["asked"]), (&golden["height"], &wanted["subject"]), "{}", wanted["name"]);
            assert_eq!(shown["present"], !wanted["value"].is_null(), "{}", wanted["name"]);
            match &shown["value"] {
                Value::Null => absent += 1,
                Value::String(_) => {}
                value => {
                    for part in ["free", "locked", "nonce"] {
                        assert_eq!(value[part], wanted["value"][part], "{}", wanted["name"]);
                    }
                }
            }
        }
        assert!(absent > 0 && shown_record(&golden, &chain));
    }

    /// Records are shown as their bytes.
    fn shown_record(golden: &Value, chain: &Hash) -> bool {
        let mut proofs = golden["proofs"].as_array().unwrap().iter();
        let record = proofs.find(|proof| proof["name"] == "a record").unwrap();
        let (subject, answer) = lying(record);
        proven(chain, None, &subject, &answer).unwrap()["value"] == record["value"]
    }

    // RPC-19
    #[test]
    fn what_is_proven_from_a_trusted_block_is_shown_with_the_next_start() {
        let golden: Value = serde_json::from_str(GOLDEN).unwrap();
        let chain: Hash = golden["chain"].as_str().unwrap().parse().unwrap();
        let since = &golden["handovers"]["since"];
        let (subject, answer) = lying(since);
        let from = |part: &str| since[part].as_str().unwrap().to_string();
        let start = trusted(&format!("{}:{}", from("height"), from("block"))).unwrap();
        let shown = proven(&chain, Some(&start), &subject, &answer).unwrap();
        assert_eq!((&shown["height"], &shown["value"]["free"]), (&golden["handovers"]["height"], &since["value"]["free"]));
        // The last change of validators on the way, as --trust reads it.
        let next = trusted(shown["trust_next"].as_str().unwrap()).unwrap();
        assert_eq!(next.height.to_string(), golden["handovers"]["heights"][1].as_str().unwrap());
        let other = Trusted { height: start.height + 1, ..start };
        for wrong in [None, Some(&next), Some(&other)] {
            let failure = proven(&chain, wrong, &subject, &answer).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused, "{}", failure.sentence);
        }
    }

    // RPC-18
    #[test]
    fn a_proof_of_another_question_or_chain_or_with_a_wrong_byte_is_refused() {
        let golden: Value = serde_json::from_str(GOLDEN).unwrap();
        let chain: Hash = golden["chain"].as_str().unwrap().parse().unwrap();
        let (subject, answer) = lying(&golden["proofs"][0]);
        let (other, _) = lying(&golden["proofs"][1]);
        let mut changed = answer.clone();
        changed.proof.0[40] ^= 1;
        for (chain, subject, answer) in [
            (chain, &other, &answer),
            (Hash([9; 32]), &subject, &answer),
            (chain, &subject, &changed),
            (chain, &subject, &lies()),
        ] {
            let failure = proven(&chain, None, subject, answer).unwrap_err();
            assert_eq!(failure.exit, Exit::Refused, "{}", failure.sentence);
            assert!(failure.sentence.ends_with("ask another node"), "{}", failure.sentence);
        }
    }
}
