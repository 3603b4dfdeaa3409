use super::offer::OfferFile;
use super::shown_seats;
use super::source::Source;
use crate::commands::Session;
use crate::exit::{Done, Failure};
use crate::genesis::{self, GenesisFile};
use crate::home::Home;
use crate::wallet::now_ms;
use clap::Args;
use leither_engine::join::HISTORIES;
use leither_executor::recovered_state;
use leither_pallets::{params, staking};
use leither_state::Read;
use leither_store::snapshots::{Founding, read_chunk};
use leither_store::{Manifest, SnapshotError};
use leither_types::{GENESIS_RECOVERED, Genesis, GenesisHead, Hash, Header, List, Millis, Origin, Validator, ValidatorSet};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The power of a validator that had none on the old chain, as much as a pledge of so many mei would give.
const NEW_POWER: u64 = 1_000;

/// Makes a plan.
#[derive(Args, Debug)]
pub struct Plan {
    /// The file to write, e.g. recovery.json.
    pub(super) file: PathBuf,
    /// A file of `leither recover offer`; several times. Power: as it was on the old chain, 1000 for who is new, unless it is given.
    #[arg(long = "validator", value_name = "OFFER[=POWER]", required = true)]
    pub(super) validators: Vec<String>,
    /// A snapshot's directory, where this home's own database is not to be gone on from.
    #[arg(long, value_name = "DIR")]
    pub(super) snapshot: Option<PathBuf>,
    /// The time of height 0 in ms since 1970; now where it is not given.
    #[arg(long)]
    pub(super) time_ms: Option<u64>,
}

/// An offer, with the power that was asked for.
struct Wanted {
    offer: OfferFile,
    power: Option<u64>,
}

fn wanted(text: &str, old: &Hash) -> Done<Wanted> {
    let (path, power) = match text.rsplit_once('=') {
        Some((path, power)) => {
            let power = power.parse().map_err(|_| Failure::usage(format!("--validator {text}: `{power}` is no power")))?;
            (path, Some(power))
        }
        None => (text, None),
    };
    let offer = OfferFile::read(Path::new(path))?;
    if offer.chain != *old {
        return Err(Failure::usage(format!(
            "{path} is an offer for the recovery of the chain {}, this one is {old}",
            offer.chain
        )));
    }
    Ok(Wanted { offer, power })
}

/// The set, in the old chain's measure of power, and each validator's proof in its order.
fn seats(old: &dyn Read, wanted: &[Wanted]) -> Done<(ValidatorSet, Vec<leither_types::Signature>)> {
    let before = staking::views::set(old).map_err(Failure::fault)?;
    let seat = |Wanted { offer, power }: &Wanted| {
        let known = before.iter().find(|seat| seat.operator == offer.operator).map(|seat| seat.power);
        Validator { key: offer.key, power: power.or(known).unwrap_or(NEW_POWER), operator: offer.operator }
    };
    let set = ValidatorSet::new(wanted.iter().map(seat).collect()).map_err(Failure::usage)?;
    let proof = |seat: &Validator| wanted.iter().find(|w| w.offer.key == seat.key).map(|w| w.offer.possession);
    let proofs = set.iter().filter_map(proof).collect();
    Ok((set, proofs))
}

/// The snapshot's state, for as long as `Founding` stands.
pub(super) fn state_of(home: &Home, head: &GenesisHead, directory: &Path, manifest: &Manifest) -> Done<Founding> {
    let mut chunks = |hash: &Hash| read_chunk(directory, hash).ok_or(SnapshotError::NoChunk(*hash));
    let place = home.recovering().join("plan");
    Founding::begin(&place, head, manifest, &HISTORIES, &mut chunks, &|_, _| ()).map_err(Failure::usage)
}

impl Plan {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        if self.file.exists() {
            return Err(Failure::usage(format!("{} exists: choose another name, or remove it", self.file.display())));
        }
        let old = genesis::load(&home.genesis())?;
        let wanted = self.validators.iter().map(|text| wanted(text, &old.chain())).collect::<Done<Vec<_>>>()?;
        let source = Source::newest(home, &old.head, self.snapshot.as_deref())?;
        let last = source.header().cloned().ok_or_else(|| Failure::usage("the old chain has no block yet"))?;
        let time = match self.time_ms {
            Some(time) => time,
            None => now_ms()?,
        };
        // Of a snapshot the state has to be made first, in a database of no further use.
        let founding = match &source {
            Source::Copy { directory, manifest } => {
                let provisional = begun(&old, &last, time, old.head.params.clone(), old.head.validators.clone(), Vec::new());
                Some(state_of(home, &provisional, directory, manifest)?)
            }
            Source::Head { .. } => None,
        };
        let state = || match (&founding, &source) {
            (Some(founding), _) => founding.state().map_err(Failure::fault),
            (None, Source::Head { store, .. }) => store.snapshot().map_err(Failure::fault),
            (None, Source::Copy { .. }) => Err(Failure::fault("a snapshot without its state")),
        };
        let (genesis, seats, gone) = made(&old, &last, time, state()?, &wanted)?;
        let form = GenesisFile::from(&genesis);
        // What `recover start` and `init` check: better told here.
        genesis::validate(&form)?;
        genesis::write(&self.file, &form)?;
        drop(founding);
        let _empty = std::fs::remove_dir(home.recovering());
        session.printer.answer(&json!({
            "file": self.file.display().to_string(),
            "chain": genesis.chain().to_string(),
            "old_chain": old.chain().to_string(),
            "height": last.height.to_string(),
            "block": last.id().to_string(),
            "state_root": last.state_root.to_string(),
            "validators": seats,
            "leaving": gone,
        }));
        session.printer.say("Send this file to all who take part. Survivors: `leither recover start FILE`. New devices: `leither init --genesis FILE`.");
        Ok(())
    }
}

/// A genesis that goes on from `last`, with a first root that is still to be found.
fn begun(
    old: &Genesis,
    last: &Header,
    time: Millis,
    params: leither_types::Params,
    validators: ValidatorSet,
    proofs: Vec<leither_types::Signature>,
) -> GenesisHead {
    let origin = Origin {
        chain: last.chain,
        height: last.height,
        block: last.id(),
        state_root: last.state_root,
        first_root: Hash::ZERO,
        possessions: List::new(proofs).unwrap_or_default(),
    };
    GenesisHead {
        version: GENESIS_RECOVERED,
        name: old.head.name.clone(),
        time,
        validators,
        params,
        dev: old.head.dev,
        allocations: Genesis::root(&[]),
        origin: Some(origin),
    }
}

type Shown = (Genesis, serde_json::Value, serde_json::Value);

/// RECOVER-2: the whole genesis, from the state and the offers alone.
fn made(old: &Genesis, last: &Header, time: Millis, state: Arc<dyn Read>, wanted: &[Wanted]) -> Done<Shown> {
    let params = params::views::params(&*state).map_err(Failure::fault)?;
    let (set, proofs) = seats(&*state, wanted)?;
    let (seats, gone) = shown_seats(&*state, &set).map_err(Failure::fault)?;
    let mut head = begun(old, last, time, params, set, proofs);
    let writes = recovered_state(state.clone(), &head, last).map_err(|why| Failure::usage(format!("no such plan: {why}")))?;
    let first_root = state.root_after(&writes).map_err(Failure::fault)?;
    if let Some(origin) = &mut head.origin {
        origin.first_root = first_root;
    }
    let genesis = Genesis::new(head, Vec::new()).ok_or_else(|| Failure::fault("too many allocations"))?;
    Ok((genesis, seats, gone))
}
