//! `leither tx …`, `leither prove`.

use super::Session;
use crate::exit::{Done, Exit, Failure};
use clap::{Args, Subcommand};
use leither_pallets::{mimei, orgs};
use leither_rpc_api::{GetProof, GetTx, Hash32, OrgRef, ProofSubject, TokenRef, methods};
use leither_state::{Question, StateProof};
use leither_types::{List, MimeiId};
use serde_json::json;

/// Transactions: looking up and waiting.
#[derive(Subcommand, Debug)]
pub enum Tx {
    /// A transaction and what became of it.
    Show {
        /// Its id.
        tx: String,
    },
    /// Waits until a transaction is final.
    Wait {
        /// Its id.
        tx: String,
        /// In ms, at most 60000.
        #[arg(long, default_value_t = 60_000)]
        timeout_ms: u32,
    },
}

fn id(text: &str) -> Done<Hash32> {
    text.parse()
        .map_err(|_| Failure::usage(format!("`{text}` is no transaction id: expected 0x and 64 hex digits")))
}

impl Tx {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        match self {
            Tx::Show { tx } => {
                session.printer.answer(&wallet.client.call(&methods::TX_GET, GetTx { tx: id(&tx)? }).await?);
                Ok(())
            }
            Tx::Wait { tx, timeout_ms } => {
                let sent = wallet.wait(id(&tx)?, timeout_ms).await?;
                wallet.print_sent(&sent, &json!({}))
            }
        }
    }
}

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
    /// The chain's id, from somebody you trust; the node's own word where it is not given.
    #[arg(long)]
    chain: Option<String>,
}

impl Prove {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let record = |key: Vec<u8>| List::new(key).map(Question::Record).ok_or_else(|| Failure::fault("a key too long"));
        let (subject, question) = match (&self.account, &self.token, &self.org, &self.mimei) {
            (Some(account), Some(token), None, None) => {
                let id = wallet.account(account).await?;
                let (token, _) = wallet.amount(&format!("0 {token}")).await?;
                (ProofSubject::Holding { account: id.into(), token: TokenRef::Id(token) }, Question::Holding { token, id })
            }
            (Some(account), None, Some(org), None) => {
                let who = wallet.account(account).await?;
                let org = wallet.org_id(org).await?;
                let key = record(orgs::views::member_key(&org, &who))?;
                (ProofSubject::Member { org: OrgRef::Id(org), member: who.into() }, key)
            }
            (None, None, None, Some(mimei)) => {
                let id: MimeiId = mimei.parse()?;
                (ProofSubject::Mimei { mimei: id.into() }, record(mimei::views::head_key(&id))?)
            }
            _ => return Err(Failure::usage("say what to prove: --account with --token or --org, or --mimei")),
        };
        let proof = wallet.client.call(&methods::STATE_GET_PROOF, GetProof { subject }).await?;
        let chain = match &self.chain {
            Some(text) => text.parse().map_err(Failure::usage)?,
            None => wallet.chain(),
        };
        let state: StateProof = leither_types::decode_within(&proof.proof.0, 4 << 20).map_err(Failure::usage)?;
        state
            .verify(&chain, &question)
            .map_err(|e| Failure::new(Exit::Refused, format!("the proof does not hold: {e}")))?;
        session.printer.answer(&json!({
            "verified": true,
            "chain": chain.to_string(),
            "height": proof.height,
            "present": proof.present,
            "value": proof.value,
            "proof_bytes": proof.proof.0.len(),
        }));
        Ok(())
    }
}
