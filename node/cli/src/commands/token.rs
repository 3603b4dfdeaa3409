//! `leither token …`.

use super::Session;
use super::account::PageFlags;
use crate::exit::{Done, Failure};
use crate::wallet::TxFlags;
use clap::Subcommand;
use leither_pallets::{Call, tokens};
use leither_rpc_api::{GetBalance, GetHolders, GetToken, TokenRef, methods};
use serde_json::json;

/// Tokens and who holds them.
#[derive(Subcommand, Debug)]
pub enum Token {
    /// Supply, issue and dividends.
    Show {
        /// Symbol or id.
        token: String,
    },
    /// Who holds it.
    Holders {
        /// Symbol or id.
        token: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
    /// What an account has of it, and what it could claim.
    Balance {
        /// Symbol or id.
        token: String,
        /// Whose.
        account: String,
    },
    /// Destroys units of one's own.
    Burn {
        /// How much: 10tube.
        amount: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
}

impl Token {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let named = |text: String| text.parse::<TokenRef>().map_err(Failure::usage);
        match self {
            Token::Show { token } => {
                session.printer.answer(&wallet.client.call(&methods::TOKEN_GET, GetToken { token: named(token)? }).await?);
            }
            Token::Holders { token, page } => {
                let (after, limit) = page.ask()?;
                let ask = GetHolders { token: named(token)?, after, limit };
                session.printer.answer(&wallet.client.call(&methods::TOKEN_GET_HOLDERS, ask).await?);
            }
            Token::Balance { token, account } => {
                let account = wallet.account(&account).await?.into();
                let ask = GetBalance { token: named(token)?, account };
                session.printer.answer(&wallet.client.call(&methods::TOKEN_GET_BALANCE, ask).await?);
            }
            Token::Burn { amount, tx } => {
                let (token, amount) = wallet.amount(&amount).await?;
                let call = Call::Tokens(tokens::Call::Burn { token, amount });
                wallet.send_and_print(&tx, vec![call], &json!({})).await?;
            }
        }
        Ok(())
    }
}
