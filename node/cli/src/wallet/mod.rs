//! A wallet that speaks to a node: names to accounts, calls to a signed transaction, and waiting until it is final.
//!
//! ```text
//! calls -> Tx (nonce, expiry, weight, fee asked of the node) -> sign -> tx_submit -> tx_wait -> {"tx","status","height","receipt"}
//! ```

mod names;
mod send;

pub use send::{Sent, TxFlags, now_ms};

use crate::exit::{Done, Failure};
use crate::home::Home;
use crate::keys::{Keyring, PasswordSource};
use crate::print::Printer;
use leither_rpc_api::{ChainInfo, Client, NoParams, methods};
use leither_types::Hash;

/// A wallet's surroundings: keys on disk, a node to ask, and where answers go.
pub struct Wallet {
    /// The node.
    pub client: Client,
    /// The keys on disk.
    pub keyring: Keyring,
    /// What the node said of its chain.
    pub info: ChainInfo,
    /// Where answers go.
    pub printer: Printer,
    pub(crate) passwords: PasswordSource,
}

impl Wallet {
    /// Asks the node which chain it keeps.
    pub async fn open(node: &str, home: &Home, passwords: PasswordSource, printer: Printer) -> Done<Self> {
        let client = Client::connect(node).await?;
        let info = client.call(&methods::CHAIN_GET_INFO, NoParams {}).await?;
        Ok(Self { client, keyring: Keyring::new(home.keys()), info, printer, passwords })
    }

    /// The chain's id.
    pub fn chain(&self) -> Hash {
        self.info.chain.0
    }
}

/// A file's blake3 hash, or the hash that is written there: what an issuance names as evidence.
pub fn evidence(text: &str) -> Done<Hash> {
    if let Ok(hash) = text.parse::<Hash>() {
        return Ok(hash);
    }
    let bytes = std::fs::read(text).map_err(|e| {
        Failure::usage(format!("evidence `{text}` is neither 0x and 64 hex digits nor a file that can be read ({e})"))
    })?;
    Ok(leither_types::tagged("leither/evidence/v1", &[&bytes]))
}
