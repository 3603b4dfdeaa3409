use super::*;
use crate::commands::node::new_consensus_key;
use crate::files;
use crate::genesis::{self, GenesisFile};
use crate::home::Home;
use crate::print::Printer;
use leither_engine::SignState;
use leither_store::Store;
use leither_types::{Amount, Genesis, Hash, SecretKey, ValidatorId};
use std::path::{Path, PathBuf};

/// A home with a chain of its own: one validator, some blocks.
struct Survivor {
    top: tempfile::TempDir,
    home: Home,
    key: SecretKey,
    operator: AccountId,
    genesis: Genesis,
}

fn session(home: &Home) -> Session {
    Session {
        home: home.clone(),
        home_given: true,
        node: String::new(),
        printer: Printer { json: true, steps: false },
        password_file: None,
        meddler: None,
    }
}

fn founder(seed: u8) -> AccountId {
    AccountId([seed; 20])
}

impl Survivor {
    fn new(blocks: u64) -> Self {
        let top = tempfile::tempdir().unwrap();
        let home = Home::at(top.path().join("home")).unwrap();
        home.create().unwrap();
        let key = new_consensus_key(&home.validator()).unwrap();
        let operator = founder(1);
        let mut form = genesis::new("leither-test", 1_000_000, false);
        genesis::add_validator(&mut form, key.public(), 1_000, operator).unwrap();
        genesis::add_allocation(&mut form, founder(2), Amount::new(77), "work before the start", Hash([1; 32])).unwrap();
        genesis::write(&home.genesis(), &form).unwrap();
        let genesis = genesis::validate(&form).unwrap();
        let survivor = Self { top, home, key, operator, genesis };
        survivor.grow(blocks);
        survivor
    }

    fn store(&self) -> Store {
        leither_solo::open(&self.home.data(), &self.genesis)
    }

    fn grow(&self, blocks: u64) {
        let store = self.store();
        (0..blocks).for_each(|_| leither_solo::grow_by(&store, &self.key));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn offer(&self, name: &str) -> PathBuf {
        let file = self.path(name);
        let offer = offer::Offer { file: file.clone(), operator: self.operator.to_string(), chain: None };
        offer.run(&session(&self.home)).unwrap();
        file
    }

    fn plan(&self, name: &str, offers: &[&Path]) -> Done<PathBuf> {
        let file = self.path(name);
        let validators = offers.iter().map(|offer| offer.display().to_string()).collect();
        let plan = plan::Plan { file: file.clone(), validators, snapshot: None, time_ms: Some(2_000_000) };
        plan.run(&session(&self.home)).map(|()| file)
    }

    fn start(&self, plan: &Path, snapshot: Option<PathBuf>) -> Done {
        start::Start { plan: plan.into(), snapshot, dry_run: false }.run(&session(&self.home))
    }

    /// Why a plan is not started; the home is as it was.
    fn refusal(&self, plan: &Path) -> String {
        let names = || {
            let mut names: Vec<_> =
                std::fs::read_dir(self.home.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = (names(), std::fs::read(self.home.genesis()).unwrap());
        let refused = self.start(plan, None).unwrap_err().sentence;
        assert_eq!(before, (names(), std::fs::read(self.home.genesis()).unwrap()), "{refused}");
        refused
    }
}

/// The plan with a change by hand; the id is that of the rest, as whoever forges would have it.
fn forged(plan: &Path, change: impl FnOnce(&mut GenesisFile)) -> PathBuf {
    let mut form = genesis::read(plan).unwrap();
    form.chain = None;
    change(&mut form);
    let path = plan.with_extension("forged.json");
    std::fs::write(&path, serde_json::to_vec(&form).unwrap()).unwrap();
    path
}

#[test]
fn recover_2_the_same_home_offers_and_time_make_the_same_plan_and_the_chain_begins_by_it() {
    let survivor = Survivor::new(3);
    let offer = survivor.offer("offer.json");
    let plan = survivor.plan("recovery.json", &[&offer]).unwrap();
    let again = survivor.plan("again.json", &[&offer]).unwrap();
    assert_eq!(std::fs::read(&plan).unwrap(), std::fs::read(again).unwrap());
    assert!(survivor.plan("recovery.json", &[&offer]).is_err(), "no plan is overwritten");
    let genesis = genesis::load(&plan).unwrap();
    let origin = genesis.head.origin.clone().unwrap();
    assert_eq!((origin.chain, origin.height), (survivor.genesis.chain(), 3));
    assert_eq!(genesis::validate(&GenesisFile::from(&genesis)).unwrap(), genesis, "HOME-8");

    let check = start::Start { plan: plan.clone(), snapshot: None, dry_run: true };
    check.run(&session(&survivor.home)).unwrap();
    assert_eq!(genesis::load(&survivor.home.genesis()).unwrap(), survivor.genesis, "a look changes nothing");
    files::replace(&survivor.home.trusted(), b"3:0x00", files::OPEN_MODE).unwrap();
    let guard =
        SignState::open(&survivor.home.validator(), &origin.chain, &ValidatorId::of_key(&survivor.key.public()).to_string());
    drop(guard.unwrap());
    survivor.start(&plan, None).unwrap();

    let home = &survivor.home;
    assert_eq!(genesis::load(&home.genesis()).unwrap(), genesis);
    let never = || Err(Fault::Corrupt("it was made".into()));
    let store = Store::open(&home.data(), &genesis.head, &never).unwrap();
    let head = store.head().unwrap();
    assert_eq!((head.height, head.state_root), (0, origin.first_root));
    let held = store.snapshot().unwrap().holding(&leither_types::TokenId::NATIVE, &founder(2)).unwrap().unwrap();
    assert_eq!(held.free, Amount::new(77));
    // RECOVER-10: the old chain's files, and nothing half done.
    let before = home.before(&origin.chain);
    assert!(!home.recovering().exists() && !home.trusted().exists() && before.join("trusted").exists());
    assert_eq!(genesis::load(&before.join("genesis.json")).unwrap(), survivor.genesis);
    let old = Store::open(&before.join("data"), &survivor.genesis.head, &never).unwrap();
    assert_eq!(old.head().unwrap().height, 3);
    // RECOVER-8: a guard for each.
    for chain in [origin.chain, genesis.chain()] {
        SignState::open(&home.validator(), &chain, &ValidatorId::of_key(&survivor.key.public()).to_string()).unwrap();
    }
    assert!(survivor.start(&plan, None).unwrap_err().sentence.contains("of the new chain already"));
}

#[test]
fn recover_9_a_plan_is_held_against_the_homes_own_books() {
    let (survivor, stranger) = (Survivor::new(3), Survivor::new(3));
    let offer = survivor.offer("offer.json");
    let plan = survivor.plan("recovery.json", &[&offer]).unwrap();
    let refused = |plan: &Path, words: &str| {
        let said = survivor.refusal(plan);
        assert!(said.contains(words), "{words:?} is not in: {said}");
    };
    let other = stranger.plan("recovery.json", &[&stranger.offer("offer.json")]).unwrap();
    refused(&other, "another chain's plan");
    refused(&survivor.home.genesis(), "no plan");
    refused(&forged(&plan, |form| form.name = "other".into()), "another name");
    refused(&forged(&plan, |form| form.origin.as_mut().unwrap().block = Hash([1; 32])), "two histories");
    refused(&forged(&plan, |form| form.origin.as_mut().unwrap().state_root = Hash([1; 32])), "not that of the block");
    refused(&forged(&plan, |form| form.origin.as_mut().unwrap().first_root = Hash([1; 32])), "the root");
    refused(&forged(&plan, |form| form.origin.as_mut().unwrap().height = 2), "is older");
    refused(&forged(&plan, |form| form.origin.as_mut().unwrap().height = 4), "ends at height 3");
    refused(&forged(&plan, |form| form.params.unbonding_ms += 1), "parameters");
    refused(&forged(&plan, |form| form.time_ms = 1_000_000), "not later");
    refused(&forged(&plan, |form| form.validators[0].operator = founder(9)), "proof of possession");
    refused(&forged(&plan, |form| form.validators[0].possession = None), "no proof of possession");
    {
        let _node = survivor.store();
        refused(&plan, "a node runs");
    }
    files::replace(&survivor.home.config(), b"[disk]\ncap = \"1GiB\"\n", files::OPEN_MODE).unwrap();
    let large = std::fs::File::create(survivor.home.root().join("large")).unwrap();
    large.set_len(1 << 30).unwrap();
    refused(&plan, "disk.cap");
    large.set_len(0).unwrap();
    survivor.start(&plan, None).unwrap();
}

#[test]
fn recover_9_a_plan_of_strangers_is_none_and_an_offer_is_for_one_chain() {
    let (survivor, stranger) = (Survivor::new(1), Survivor::new(1));
    let foreign = stranger.offer("offer.json");
    let said = survivor.plan("recovery.json", &[&foreign]).unwrap_err().sentence;
    assert!(said.contains("is an offer for the recovery of the chain"), "{said}");
    let strange = stranger.path("strange.json");
    let offer = offer::Offer { file: strange.clone(), operator: founder(5).to_string(), chain: Some(survivor.genesis.chain()) };
    offer.run(&session(&stranger.home)).unwrap();
    let said = survivor.plan("recovery.json", &[&strange]).unwrap_err().sentence;
    assert!(said.contains("none of the validators kept"), "{said}");
    let both = survivor.plan("recovery.json", &[&strange, &survivor.offer("offer.json")]).unwrap();
    assert_eq!(genesis::load(&both).unwrap().head.validators.len(), 2);
    // RECOVER-4: an offer that was changed is none.
    let text = std::fs::read_to_string(&strange).unwrap().replace(&founder(5).to_string(), &founder(6).to_string());
    std::fs::write(&strange, text).unwrap();
    assert!(survivor.plan("late.json", &[&strange]).unwrap_err().sentence.contains("the proof in it"));
}

#[test]
fn recover_9_who_is_behind_starts_by_a_snapshot_to_which_certificates_lead() {
    let survivor = Survivor::new(2);
    let behind = survivor.path("behind");
    copy_tree(survivor.home.root(), &behind);
    survivor.grow(2);
    let plan = survivor.plan("recovery.json", &[&survivor.offer("offer.json")]).unwrap();
    let (snapshot, _) = crate::commands::snapshot::create(&survivor.store(), &survivor.path("copies")).unwrap();
    let home = Home::at(&behind).unwrap();
    let start = |snapshot| start::Start { plan: plan.clone(), snapshot, dry_run: false }.run(&session(&home));
    assert!(start(None).unwrap_err().sentence.contains("--snapshot DIR"));
    start(Some(snapshot)).unwrap();
    survivor.start(&plan, None).unwrap();
    assert_eq!(std::fs::read(home.genesis()).unwrap(), std::fs::read(survivor.home.genesis()).unwrap());
    let genesis = genesis::load(&home.genesis()).unwrap();
    let open = |home: &Home| Store::open(&home.data(), &genesis.head, &|| Err(Fault::Corrupt("it was made".into()))).unwrap();
    assert_eq!(*open(&home).head().unwrap(), *open(&survivor.home).head().unwrap());
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_tree(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}
