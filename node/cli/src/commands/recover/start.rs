use super::plan::state_of;
use super::source::Source;
use super::{shown_seats, stage};
use crate::commands::Session;
use crate::commands::node::consensus_keys;
use crate::config::Config;
use crate::exit::{Done, Failure};
use crate::genesis;
use crate::home::Home;
use clap::Args;
use leither_engine::guard_files;
use leither_executor::recovered_state;
use leither_state::Read;
use leither_store::tree_bytes;
use leither_types::{Genesis, Header, Origin};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Starts the new chain in this home.
#[derive(Args, Debug)]
pub struct Start {
    /// The plan that `leither recover plan` wrote.
    pub(super) plan: PathBuf,
    /// A snapshot of the height that the plan goes on from, where this home's own database ends before that.
    #[arg(long, value_name = "DIR")]
    pub(super) snapshot: Option<PathBuf>,
    /// Checks the plan, and changes nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Start {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        let plan = genesis::load(&self.plan)?;
        let Some(origin) = plan.head.origin.clone() else {
            let sentence = format!(
                "{} is the genesis of a chain of its own, no plan: `leither init --genesis` takes it",
                self.plan.display()
            );
            return Err(Failure::usage(sentence));
        };
        if let Some(built) = stage::built(home)? {
            // It was checked before it was built.
            return match built.chain() == plan.chain() {
                true => finish(session, &plan, &origin, Value::Null, Value::Null),
                false => {
                    Err(Failure::usage("another recovery of this home was cut short: end that one first, with its own plan"))
                }
            };
        }
        let old = genesis::load(&home.genesis())?;
        check_chain(home, &old, &plan, &origin)?;
        for (dir, _) in consensus_keys(home)? {
            guard_files::check_here(&dir).map_err(Failure::usage)?;
        }
        let source = Source::of_plan(home, &old.head, (origin.height, origin.block), self.snapshot.as_deref())?;
        let (seats, gone) = match (&source, source.header()) {
            (Source::Head { store, .. }, Some(last)) => check_state(&plan, store.snapshot().map_err(Failure::fault)?, last)?,
            (Source::Copy { directory, manifest }, Some(last)) if self.dry_run => {
                let founding = state_of(home, &plan.head, directory, manifest)?;
                check_state(&plan, founding.state().map_err(Failure::fault)?, last)?
            }
            // The same is looked at while it is built.
            _ => (Value::Null, Value::Null),
        };
        check_room(home, &source)?;
        if self.dry_run {
            session.printer.answer(&answer(&plan, &origin, seats, gone));
            return Ok(());
        }
        let printer = session.printer;
        let progress = move |done: u64, all: u64| {
            printer.progress(&format!("the new chain's state: {}%", done.saturating_mul(100) / all.max(1)));
        };
        stage::build(home, &plan, &source, &progress)?;
        printer.progress_over();
        // The database is free from here on, and `run` refuses what is half changed.
        drop(source);
        finish(session, &plan, &origin, seats, gone)
    }
}

/// RECOVER-9: it is this home's chain that the plan goes on from.
fn check_chain(home: &Home, old: &Genesis, plan: &Genesis, origin: &Origin) -> Done {
    if old.chain() == plan.chain() {
        return Err(Failure::usage(format!("{} is of the new chain already: `leither run` starts it", home.root().display())));
    }
    if old.chain() != origin.chain {
        return Err(Failure::usage(format!(
            "the plan goes on from the chain {}, {} is of {}: it is another chain's plan",
            origin.chain,
            home.root().display(),
            old.chain()
        )));
    }
    if (&old.head.name, old.head.dev) != (&plan.head.name, plan.head.dev) {
        return Err(Failure::usage(
            "the plan gives the chain another name, or makes a development chain of it: have it made anew",
        ));
    }
    Ok(())
}

/// RECOVER-2: by this home's own state, before anything is built.
fn check_state(plan: &Genesis, state: Arc<dyn Read>, last: &Header) -> Done<(Value, Value)> {
    let writes =
        recovered_state(state.clone(), &plan.head, last).map_err(|why| Failure::usage(format!("the plan is refused: {why}")))?;
    let found = state.root_after(&writes).map_err(Failure::fault)?;
    let expected = plan.head.origin.as_ref().map(|origin| origin.first_root).unwrap_or_default();
    if found != expected {
        return Err(Failure::usage(format!(
            "the plan's first state has the root {expected}, by this home's books it has {found}: whoever made the plan has another version \
             of this program, or changed it by hand"
        )));
    }
    shown_seats(&*state, &plan.head.validators).map_err(Failure::fault)
}

/// RECOVER-9: within the owner's cap, as far as it can be told before.
fn check_room(home: &Home, source: &Source) -> Done {
    let config = Config::load(&home.config(), &mut std::iter::empty(), &[])?;
    let used = tree_bytes(home.root()).map_err(Failure::fault)?;
    let needed = source.room()?;
    if config.disk_cap > 0 && used.saturating_add(needed) > config.disk_cap {
        return Err(Failure::fault(format!(
            "the new chain's state takes up to {needed} bytes beside the {used} that {} has, and disk.cap is {}: raise it, or make room",
            home.root().display(),
            config.disk_cap
        )));
    }
    Ok(())
}

fn answer(plan: &Genesis, origin: &Origin, seats: Value, gone: Value) -> Value {
    json!({
        "chain": plan.chain().to_string(),
        "old_chain": origin.chain.to_string(),
        "height": origin.height.to_string(),
        "block": origin.block.to_string(),
        "state_root": origin.state_root.to_string(),
        "first_root": origin.first_root.to_string(),
        "validators": seats,
        "leaving": gone,
    })
}

fn finish(session: &Session, plan: &Genesis, origin: &Origin, seats: Value, gone: Value) -> Done {
    let aside = stage::switch(&session.home, plan)?;
    let mut shown = answer(plan, origin, seats, gone);
    shown["old_files"] = aside.display().to_string().into();
    session.printer.answer(&shown);
    session
        .printer
        .say("`leither run` starts the new chain. The old one's files stand where it says above; they may be deleted.");
    Ok(())
}
