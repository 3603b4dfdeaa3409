use crate::commands::Session;
use crate::commands::genesis::account;
use crate::commands::node::consensus_keys;
use crate::exit::{Done, Failure};
use crate::files;
use crate::genesis;
use clap::Args;
use leither_engine::guard_files;
use leither_types::{AccountId, Hash, PublicKey, Signature, ValidatorId, recovery_bytes};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// An offer is no longer.
const FILE_BYTES_MAX: u64 = 4096;

/// Offers this home's consensus key.
#[derive(Args, Debug)]
pub struct Offer {
    /// The file to write, for whoever makes the plan.
    pub(super) file: PathBuf,
    /// Who receives its part of the fees: an account, or a key of this wallet. Whoever had a stake on the old chain keeps it by naming the
    /// same account.
    #[arg(long)]
    pub(super) operator: String,
    /// The id of the chain that stands still; that of this home's genesis where it is not given.
    #[arg(long, value_name = "HASH")]
    pub(super) chain: Option<Hash>,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferFile {
    /// The chain that stands still.
    pub chain: Hash,
    /// Who would receive its part of the fees.
    pub operator: AccountId,
    /// The consensus key.
    pub key: PublicKey,
    /// By that key, over [`recovery_bytes`].
    pub possession: Signature,
}

impl OfferFile {
    /// RECOVER-4: reads one, and checks its proof.
    pub fn read(path: &Path) -> Done<Self> {
        let told = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let bytes = files::read_within(path, FILE_BYTES_MAX).map_err(|e| told(e.to_string()))?;
        let offer: Self =
            serde_json::from_slice(&bytes).map_err(|e| told(format!("this is no offer of `leither recover offer` ({e})")))?;
        match offer.key.verify(&recovery_bytes(&offer.chain, &offer.operator, &offer.key), &offer.possession) {
            true => Ok(offer),
            false => Err(told("the proof in it is not by its consensus key: have it made anew".into())),
        }
    }
}

impl Offer {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        let operator = account(home, &self.operator)?;
        let chain = match self.chain {
            Some(chain) => chain,
            None if home.genesis().exists() => genesis::load(&home.genesis())?.chain(),
            None => return Err(Failure::usage("this home is of no chain: name the one that stands still by --chain HASH")),
        };
        let Some((dir, secret)) = consensus_keys(home)?.pop() else {
            let root = home.root().display();
            return Err(Failure::usage(format!("{root} has no consensus key: make one with `leither init --validator`")));
        };
        guard_files::check_here(&dir).map_err(Failure::usage)?;
        let key = secret.public();
        let possession = secret.sign(&recovery_bytes(&chain, &operator, &key));
        let offer = OfferFile { chain, operator, key, possession };
        let text = serde_json::to_string_pretty(&offer).map_err(Failure::fault)? + "\n";
        files::create_new(&self.file, text.as_bytes(), files::OPEN_MODE)
            .map_err(|e| Failure::usage(format!("cannot write {}: {e}; choose another name", self.file.display())))?;
        session.printer.answer(&json!({
            "file": self.file.display().to_string(),
            "chain": chain.to_string(),
            "operator": operator.to_string(),
            "validator": ValidatorId::of_key(&key).to_string(),
        }));
        Ok(())
    }
}
