//! `leither keys …`.

use super::Session;
use crate::exit::{Done, Failure};
use crate::keys::{Backend, Entry, KeyPath, Keyring, Lock, Password, Role, Words, dev_account};
use crate::print::complain;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::io::Read;
use zeroize::Zeroizing;

/// Keys of this wallet.
#[derive(Subcommand, Debug)]
pub enum Keys {
    /// Makes a key from 24 new words, shown once: write them down.
    New {
        /// How it is called here: a-z, 0-9 and -, at most 32.
        name: String,
        /// How the key's file is closed.
        #[command(flatten)]
        kept: Kept,
    },
    /// Takes a key from 24 words (or a seed) on standard input.
    Import {
        /// How it is called here.
        name: String,
        /// How the key's file is closed.
        #[command(flatten)]
        kept: Kept,
        /// A 32-byte seed in hex instead of words.
        #[arg(long)]
        seed: bool,
        /// Which account of the words.
        #[arg(long, default_value_t = 0)]
        account: u32,
        /// Which key of the account.
        #[arg(long, default_value_t = 0)]
        index: u32,
    },
    /// Shows a key's secret seed. Whoever has it has the account.
    Export {
        /// Which.
        name: String,
        /// Yes, on this screen.
        #[arg(long)]
        yes_show_secret: bool,
    },
    /// All keys.
    List,
    /// One key: account, public key, path.
    Show {
        /// Which.
        name: String,
    },
    /// Moves a consensus key, with what it has signed, to another machine.
    #[command(subcommand)]
    Move(super::keymove::Move),
}

/// On a development chain the public keys have names, too.
fn warn_of_shadow(name: &str) {
    if dev_account(name).is_some() {
        complain(&format!(
            "on development chains `{name}` has meant the public key of that name; from now on it means this one"
        ));
    }
}

/// How a key's file is closed.
#[derive(Args, Clone, Debug)]
pub struct Kept {
    /// `file` encrypts it with a password, `test` does not (development only).
    #[arg(long, value_enum, default_value_t = BackendFlag::File)]
    backend: BackendFlag,
}

/// The backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendFlag {
    /// Encrypted.
    File,
    /// Not encrypted.
    Test,
}

impl Keys {
    pub(super) fn run(self, session: &Session) -> Done {
        session.home.create()?;
        let ring = Keyring::new(session.home.keys());
        match self {
            Keys::New { name, kept } => {
                let password = kept.password(session, &name)?;
                let (entry, words) = ring.create(&name, lock(&password))?;
                let mut shown = show(&entry);
                shown["words"] = Value::String(words.phrase().to_string());
                session.printer.answer(&shown);
                warn_of_shadow(&name);
                session
                    .printer
                    .say("Write the 24 words down and keep them safe: no file holds them, and nothing else restores the key where its file is lost.");
            }
            Keys::Import { name, kept, seed, account, index } => {
                let text = read_secret()?;
                let password = kept.password(session, &name)?;
                let entry = if seed {
                    ring.import_seed(&name, &text, lock(&password))?
                } else {
                    let path = KeyPath { account, role: Role::Wallet, index };
                    ring.import_words(&name, &Words::parse(&text)?, "", path, lock(&password))?
                };
                session.printer.answer(&show(&entry));
                warn_of_shadow(&name);
            }
            Keys::Export { name, yes_show_secret } => {
                if !yes_show_secret {
                    return Err(Failure::usage("this shows the secret on the screen: say so with --yes-show-secret"));
                }
                let passwords = session.passwords();
                let seed = ring.export(&name, &mut || passwords.ask(&name, false))?;
                session.printer.answer(&json!({ "name": name, "seed": seed.to_string() }));
            }
            Keys::List => {
                let row = |listed: crate::keys::Listed| match listed.entry {
                    Ok(entry) => show(&entry),
                    Err(error) => json!({ "name": listed.name, "error": error.to_string() }),
                };
                let keys: Vec<Value> = ring.list()?.into_iter().map(row).collect();
                session.printer.answer(&json!({ "keys": keys }));
            }
            Keys::Move(step) => step.run(session)?,
            Keys::Show { name } => session.printer.answer(&show(&ring.show(&name)?)),
        }
        Ok(())
    }
}

impl Kept {
    fn password(&self, session: &Session, name: &str) -> Done<Option<Password>> {
        match self.backend {
            BackendFlag::Test => Ok(None),
            BackendFlag::File => Ok(Some(session.passwords().ask(name, true)?)),
        }
    }
}

fn lock(password: &Option<Password>) -> Lock<'_> {
    password.as_ref().map_or(Lock::Unencrypted, Lock::Password)
}

/// From a terminal without echo, else all of standard input.
fn read_secret() -> Done<Zeroizing<String>> {
    use std::io::IsTerminal;
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("The words (or the seed): ").map(Zeroizing::new).map_err(Failure::usage);
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().take(4096).read_to_string(&mut text).map_err(Failure::usage)?;
    Ok(text)
}

fn show(entry: &Entry) -> Value {
    let backend = match entry.backend {
        Backend::File => "file",
        Backend::Test => "test",
    };
    json!({
        "name": entry.name,
        "account": entry.account.to_string(),
        "key": entry.public.to_string(),
        "path": entry.path,
        "backend": backend,
    })
}
