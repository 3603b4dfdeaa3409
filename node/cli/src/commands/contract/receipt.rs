//! `leither contract receipt …`: what viewers and payers sign off chain, for whoever is paid by it.

use crate::exit::{Done, Failure};
use crate::wallet::Wallet;
use clap::{Args, Subcommand};
use leither_sdk::{View, Voucher};
use leither_types::{AccountId, MimeiId, SecretKey, TokenId};
use leither_vm::abi::{Binary, Uint128};
use serde_json::json;

/// Receipts that one command signs at most.
const COUNT_MAX: u64 = 1_000;

/// A receipt for whoever served a content. Nothing is sent.
#[derive(Subcommand, Debug)]
pub enum Receipt {
    /// That one has seen a content, for an ad campaign.
    View {
        /// What was seen, by whom it was served.
        #[command(flatten)]
        of: Of,
        /// Of which campaign.
        #[arg(long)]
        campaign: u64,
        /// The first view's number; it rises with each view of this viewer in the campaign.
        #[arg(long)]
        seq: u64,
        /// How many views.
        #[arg(long, default_value_t = 1)]
        count: u64,
    },
    /// What one owes in all for a content by a host, out of one's escrow.
    Voucher {
        /// What is paid for, by whom it was served.
        #[command(flatten)]
        of: Of,
        /// All that is owed since the beginning: 5mei.
        #[arg(long)]
        total: String,
    },
}

/// What a receipt is for.
#[derive(Args, Debug)]
pub struct Of {
    /// The contract that it is for.
    contract: String,
    /// Who signs.
    #[arg(long)]
    from: String,
    /// A MiMei.
    #[arg(long)]
    content: String,
    /// Who served it.
    #[arg(long)]
    host: String,
}

/// What is signed with, and the words that all receipts have.
struct Signing {
    key: SecretKey,
    chain: String,
    contract: String,
    content: String,
    host: String,
}

impl Signing {
    async fn by(wallet: &Wallet, of: &Of) -> Done<Self> {
        let content: MimeiId =
            of.content.parse().map_err(|_| Failure::usage(format!("`{}` is no MiMei (lthmm1…)", of.content)))?;
        let contract: AccountId = wallet.account(&of.contract).await?;
        let host = wallet.account(&of.host).await?;
        let key = wallet.signer(&of.from).await?;
        Ok(Self {
            key,
            chain: wallet.chain().to_string(),
            contract: contract.to_string(),
            content: content.to_string(),
            host: host.to_string(),
        })
    }

    fn public(&self) -> Binary {
        Binary::from(self.key.public().0.as_slice())
    }

    fn sign(&self, text: &str) -> Binary {
        Binary::from(self.key.sign(text.as_bytes()).0.as_slice())
    }
}

impl Receipt {
    pub(super) async fn run(self, wallet: &Wallet) -> Done {
        match self {
            Receipt::View { of, campaign, seq, count } => {
                if !(1..=COUNT_MAX).contains(&count) {
                    return Err(Failure::usage(format!("--count is 1 to {COUNT_MAX}")));
                }
                let signing = Signing::by(wallet, &of).await?;
                let mut views = Vec::new();
                for seq in seq..seq.saturating_add(count) {
                    let (content, host) = (signing.content.clone(), signing.host.clone());
                    let mut view = View { key: signing.public(), campaign, content, host, seq, signature: Binary::default() };
                    view.signature = signing.sign(&view.text(&signing.chain, &signing.contract));
                    views.push(view);
                }
                // As a report takes it.
                wallet.printer.answer(&json!({ "views": views }));
            }
            Receipt::Voucher { of, total } => {
                let signing = Signing::by(wallet, &of).await?;
                let (token, amount) = wallet.amount(&total).await?;
                let denom = if token == TokenId::NATIVE { "nmei".into() } else { token.to_string() };
                let mut voucher = Voucher {
                    key: signing.public(),
                    content: signing.content.clone(),
                    host: signing.host.clone(),
                    denom,
                    total: Uint128::new(amount.0),
                    signature: Binary::default(),
                };
                voucher.signature = signing.sign(&voucher.text(&signing.chain, &signing.contract));
                wallet.printer.answer(&json!({ "vouchers": [voucher] }));
            }
        }
        Ok(())
    }
}
