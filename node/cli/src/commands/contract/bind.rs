//! Naming an organization's consensus contract: at once where founders are alone, else by a proposal.

use crate::commands::org::as_organization;
use crate::exit::{Done, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use clap::Args;
use leither_pallets::Call;
use leither_pallets::orgs::{Limit, Mandate};
use leither_pallets::wasm::{Call as WasmCall, Chosen};
use leither_rpc_api::OrgView;
use leither_types::{Amount, List, OrgId};

/// What the contract may do as the organization. Nothing said: nothing.
#[derive(Args, Clone, Debug, Default)]
pub struct MandateFlags {
    /// It admits who has applied, expels, gives and takes roles.
    #[arg(long, requires = "org")]
    pub members: bool,
    /// Units that it may issue in an epoch: 100tube.
    #[arg(long, requires = "org")]
    pub issue: Option<String>,
    /// What it may take out of the treasury in an epoch: 5mei; several with commas.
    #[arg(long, requires = "org", value_delimiter = ',')]
    pub spend: Vec<String>,
}

impl MandateFlags {
    pub async fn read(&self, wallet: &Wallet, org: &OrgView) -> Done<Mandate> {
        let issue_cap = match &self.issue {
            Some(text) => wallet.amount_of(text, &org.token.0, &org.symbol).await?,
            None => Amount::ZERO,
        };
        let mut spend = Vec::new();
        for text in &self.spend {
            let (token, amount) = wallet.amount(text).await?;
            spend.push(Limit { token, amount });
        }
        let spend = List::new(spend).ok_or_else(|| Failure::usage("--spend: at most 4 kinds of money"))?;
        Ok(Mandate { members: self.members, issue_cap, spend })
    }
}

/// At once where it may be, else as a proposal.
pub async fn bind(wallet: &Wallet, tx: &TxFlags, org: OrgId, contract: Option<Chosen>, mandate: Mandate) -> Done<Sent> {
    let call = Call::Wasm(WasmCall::Bind { org, contract, mandate });
    if tx.propose.is_none() {
        match wallet.trial(tx, call.clone()).await? {
            Ok(_) => return wallet.send(tx, vec![call]).await,
            Err(refused) => {
                let failure = refused.receipt.as_ref().and_then(|receipt| receipt.failure.as_ref());
                if !failure.is_some_and(|failure| failure.pallet == "orgs" && failure.error == "only_by_vote") {
                    return Ok(refused);
                }
            }
        }
    }
    let title = tx.propose.clone().unwrap_or_else(|| "the consensus contract".into());
    let tx = TxFlags { propose: Some(title), ..tx.clone() };
    let calls = as_organization(&tx, org, call)?;
    wallet.send(&tx, calls).await
}

/// Whether the signer could have a contract bound: asked before anything is paid for.
pub async fn may_bind(wallet: &Wallet, tx: &TxFlags, org: &OrgView) -> Done {
    let nothing = Call::Wasm(WasmCall::Bind { org: org.org.0, contract: None, mandate: Mandate::default() });
    let asking = TxFlags { propose: Some("the consensus contract".into()), ..tx.clone() };
    let would = wallet.trial(&asking, as_organization(&asking, org.org.0, nothing)?.remove(0)).await?;
    match would {
        Ok(_) => Ok(()),
        Err(refused) => refused
            .outcome()
            .map_err(|why| Failure { sentence: format!("{} could not bind a contract: {}", tx.from, why.sentence), ..why }),
    }
}
