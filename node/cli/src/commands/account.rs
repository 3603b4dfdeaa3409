//! `leither account …`, `leither transfer`.

use super::Session;
use crate::amounts;
use crate::exit::{Done, Failure};
use crate::wallet::TxFlags;
use clap::{Args, Subcommand};
use leither_pallets::{Call, tokens};
use leither_rpc_api::{Cursor, GetAccount, GetHistory, Limit, methods};
use leither_types::{Amount, Text};
use serde_json::json;

/// Accounts: balances and history.
#[derive(Subcommand, Debug)]
pub enum Account {
    /// What an account has.
    Show {
        /// An id, a key of yours, or @name of an organization.
        account: String,
    },
    /// Transactions that concerned an account, the newest first.
    History {
        /// An id, a key of yours, or @name of an organization.
        account: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
}

/// Which part of a list.
#[derive(Args, Clone, Debug)]
pub struct PageFlags {
    /// The `next` of the page before.
    #[arg(long)]
    pub after: Option<String>,
    /// At most so many, 1 to 200.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
}

impl PageFlags {
    /// As the API wants them.
    pub fn ask(&self) -> Done<(Option<Cursor>, Option<Limit>)> {
        let limit = Limit::new(self.limit).ok_or_else(|| Failure::usage("--limit is 1 to 200"))?;
        Ok((self.after.clone().map(Cursor::new), Some(limit)))
    }
}

impl Account {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        match self {
            Account::Show { account } => {
                let account = wallet.account(&account).await?;
                let view = wallet.client.call(&methods::ACCOUNT_GET, GetAccount { account: account.into() }).await?;
                let mut shown = serde_json::to_value(&view).map_err(Failure::fault)?;
                if !session.printer.json {
                    // For people in whole mei; scripts get smallest units.
                    let mei = |units: u128| amounts::show(Amount::new(units), amounts::NATIVE_DECIMALS, amounts::NATIVE_SYMBOL);
                    shown["mei"] = json!({ "free": mei(view.mei.free.0), "locked": mei(view.mei.locked.0) });
                }
                session.printer.answer(&shown);
            }
            Account::History { account, page } => {
                let account = wallet.account(&account).await?.into();
                let (after, limit) = page.ask()?;
                let history = wallet.client.call(&methods::ACCOUNT_GET_HISTORY, GetHistory { account, after, limit }).await?;
                session.printer.answer(&history);
            }
        }
        Ok(())
    }
}

/// Pays.
#[derive(Args, Debug)]
pub struct Transfer {
    /// To whom: an id, a key of yours, or @name of an organization.
    pub to: String,
    /// How much: 5mei, 0.25mei, 10tube.
    pub amount: String,
    /// A word for the reader, at most 128 bytes.
    #[arg(long, default_value = "")]
    pub memo: String,
    /// Pays from this organization's treasury, by vote (with --propose).
    #[arg(long, value_name = "ORG")]
    pub treasury: Option<String>,
    /// How it is signed and sent.
    #[command(flatten)]
    pub tx: TxFlags,
}

impl Transfer {
    async fn run_inner(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let to = wallet.account(&self.to).await?;
        let (token, amount) = wallet.amount(&self.amount).await?;
        let memo = Text::new(self.memo).ok_or_else(|| Failure::usage("--memo is at most 128 bytes"))?;
        let call = Call::Tokens(tokens::Call::Transfer { token, to, amount, memo });
        match &self.treasury {
            Some(org) => {
                let org = wallet.org_id(org).await?;
                let calls = super::org::as_organization(&self.tx, org, call)?;
                wallet.send_and_print(&self.tx, calls, &json!({})).await
            }
            None if self.tx.propose.is_some() => Err(Failure::usage("--propose needs --treasury ORG: whose money it is")),
            None => wallet.send_and_print(&self.tx, vec![call], &json!({})).await,
        }
    }

    pub(super) async fn run(self, session: &Session) -> Done {
        self.run_inner(session).await
    }
}
