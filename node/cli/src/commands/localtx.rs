//! `leither tx …`.

use super::Session;
use crate::exit::{Done, Failure};
use clap::Subcommand;
use leither_rpc_api::{GetTx, Hash32, methods};
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
