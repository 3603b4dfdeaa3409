//! `leither genesis …`.

use super::Session;
use crate::exit::{Done, Failure};
use crate::genesis;
use crate::home::Home;
use crate::keys::Keyring;
use crate::wallet::{evidence, now_ms};
use clap::Subcommand;
use leither_types::{AccountId, PublicKey};
use serde_json::json;
use std::path::PathBuf;

/// Makes and checks the start of a chain.
#[derive(Subcommand, Debug)]
pub enum Genesis {
    /// A new genesis file, without validators and without mei.
    New {
        /// The file to write.
        file: PathBuf,
        /// The network's name.
        #[arg(long)]
        name: String,
        /// A throw-away chain: short deadlines, public keys.
        #[arg(long)]
        dev: bool,
        /// The time of height 0 in ms since 1970; now where it is not given.
        #[arg(long)]
        time_ms: Option<u64>,
    },
    /// Adds a validator: what its owner's `leither init --validator` printed.
    AddValidator {
        /// The file.
        file: PathBuf,
        /// Its consensus key.
        #[arg(long)]
        key: String,
        /// Its voting power: as much as a pledge of so many mei would give.
        #[arg(long, default_value_t = 1_000)]
        power: u64,
        /// Who receives its part of the fees: an account, or a key of this wallet.
        #[arg(long)]
        operator: String,
    },
    /// Adds mei that exists from the start: an issuance with its reason and evidence.
    AddAllocation {
        /// The file.
        file: PathBuf,
        /// To whom: an account, or a key of this wallet.
        account: String,
        /// How much: 1000mei.
        amount: String,
        /// For what.
        #[arg(long)]
        reason: String,
        /// A hash, or a file that is the evidence.
        #[arg(long)]
        evidence: String,
    },
    /// Checks a file and prints the chain's id.
    Validate {
        /// The file.
        file: PathBuf,
    },
}

/// An account, or that of a key of this wallet.
pub(super) fn account(home: &Home, text: &str) -> Done<AccountId> {
    match Keyring::new(home.keys()).show(text) {
        Ok(entry) => Ok(entry.account),
        Err(_) => text.parse().map_err(|_| Failure::usage(format!("`{text}` is neither an account (lth1…) nor a key of yours"))),
    }
}

impl Genesis {
    pub(super) fn run(self, session: &Session) -> Done {
        let account = |text: &str| account(&session.home, text);
        let file = match self {
            Genesis::New { file, name, dev, time_ms } => {
                if file.exists() {
                    return Err(Failure::usage(format!("{} exists: choose another name, or remove it", file.display())));
                }
                let time = match time_ms {
                    Some(time) => time,
                    None => now_ms()?,
                };
                genesis::write(&file, &genesis::new(&name, time, dev))?;
                file
            }
            Genesis::AddValidator { file, key, power, operator } => {
                let mut form = genesis::read(&file)?;
                let key: PublicKey = key.parse().map_err(|e| Failure::usage(format!("--key: {e}")))?;
                genesis::add_validator(&mut form, key, power, account(&operator)?)?;
                genesis::write(&file, &form)?;
                file
            }
            Genesis::AddAllocation { file, account: who, amount, reason, evidence: shown } => {
                let mut form = genesis::read(&file)?;
                let amount = crate::amounts::parse_native(&amount)?;
                genesis::add_allocation(&mut form, account(&who)?, amount, &reason, evidence(&shown)?)?;
                genesis::write(&file, &form)?;
                file
            }
            Genesis::Validate { file } => {
                let checked = genesis::load(&file)?;
                let mut shown = json!({
                    "file": file.display().to_string(),
                    "chain": checked.chain().to_string(),
                    "validators": checked.head.validators.len(),
                    "allocations": checked.allocations.len(),
                });
                if let Some(origin) = &checked.head.origin {
                    shown["old_chain"] = origin.chain.to_string().into();
                    shown["old_height"] = origin.height.to_string().into();
                }
                session.printer.answer(&shown);
                return Ok(());
            }
        };
        let form = genesis::read(&file)?;
        session.printer.answer(&json!({
            "file": file.display().to_string(),
            "validators": form.validators.len(),
            "allocations": form.allocations.len(),
        }));
        Ok(())
    }
}
