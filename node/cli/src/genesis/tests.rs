use super::*;
use crate::keys::{Role, dev_account, dev_key};
use leither_types::{Hash, SecretKey, tagged};
use proptest::prelude::*;

fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn account(n: u8) -> AccountId {
    AccountId::of_key(&secret(n).public())
}

fn sample() -> GenesisFile {
    let mut file = new("leither-test", 1_790_000_000_000, false);
    for n in 1..=4 {
        add_validator(&mut file, secret(n).public(), 10, account(n + 10)).unwrap();
    }
    add_allocation(&mut file, account(20), Amount::new(1 << 90), "work on the first release", tagged("evidence", &[b"1"]))
        .unwrap();
    add_allocation(&mut file, account(21), Amount::new(1), "a test", Hash::ZERO).unwrap();
    file
}

fn unfit(change: impl FnOnce(&mut GenesisFile)) -> String {
    let mut file = sample();
    change(&mut file);
    validate(&file).unwrap_err().to_string()
}

// HOME-8
#[test]
fn a_genesis_survives_its_readable_form() {
    let genesis = validate(&sample()).unwrap();
    let text = text(&sample()).unwrap();
    assert!(text.contains(&genesis.chain().to_string()), "the file states the chain's id");
    assert!(text.contains("\"amount\": \"1237940039285380274899124224\"") && text.contains("\"lth1"));
    let again = parse(text.as_bytes()).unwrap();
    assert_eq!(validate(&again).unwrap(), genesis);
    assert_eq!(GenesisFile::from(&genesis).chain, again.chain);
    assert_eq!(validate(&GenesisFile::from(&genesis)).unwrap(), genesis);
}

#[test]
fn a_genesis_survives_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("genesis.json");
    assert!(matches!(load(&path), Err(GenesisError::Missing(_))));
    write(&path, &sample()).unwrap();
    assert_eq!(load(&path).unwrap(), validate(&sample()).unwrap());
    // Adding to a written file clears the id that it stated, and writing states the new one.
    let mut file = read(&path).unwrap();
    add_validator(&mut file, secret(9).public(), 10, account(9)).unwrap();
    write(&path, &file).unwrap();
    assert_ne!(load(&path).unwrap().chain(), validate(&sample()).unwrap().chain());
}

// HOME-10
#[test]
fn a_file_without_validators_can_be_written_but_starts_no_chain() {
    let file = new("leither-test", 0, false);
    let text = text(&file).unwrap();
    assert!(!text.contains("\"chain\""));
    assert_eq!(parse(text.as_bytes()).unwrap(), file);
    assert!(validate(&file).unwrap_err().to_string().contains("add-validator"));
}

// HOME-8
#[test]
fn the_form_is_strict() {
    let good = text(&sample()).unwrap();
    for (from, to) in [
        ("\"dev\": false", "\"dev\": false, \"premine\": 1"),
        ("\"dev\": false,", ""),
        ("\"dev\": false", "\"dev\": false, \"dev\": false"),
        ("\"power\": \"10\"", "\"power\": \"-10\""),
        ("\"power\": \"10\"", "\"power\": 1e1"),
        ("\"amount\": \"1\"", "\"amount\": \"0x1\""),
        ("\"amount\": \"1\"", "\"amount\": \"340282366920938463463374607431768211456\""),
        ("lth1", "lthorg1"),
        ("\"pushes_max\"", "\"pushes_maximum\""),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from} is not in the file");
        assert!(matches!(parse(bad.as_bytes()), Err(GenesisError::Form(_))), "{to} was accepted");
    }
    assert!(matches!(parse(format!("{good}x").as_bytes()), Err(GenesisError::Form(_))));
}

// HOME-8
#[test]
fn a_change_after_writing_is_seen_by_the_chains_id() {
    let text = text(&sample()).unwrap().replace("\"amount\": \"1\"", "\"amount\": \"2\"");
    assert!(matches!(validate(&parse(text.as_bytes()).unwrap()), Err(GenesisError::Chain { .. })));
}

// HOME-9
#[test]
fn what_cannot_start_a_chain_says_why() {
    assert!(unfit(|f| f.name = "Über".into()).contains("name"));
    assert!(unfit(|f| f.name = "x".repeat(65)).contains("name"));
    assert!(unfit(|f| f.version = 2).contains("version"));
    assert!(unfit(|f| f.params.version = 3).contains("params.version"));
    assert!(unfit(|f| f.params.pulse_min_ms = f.params.pulse_ms + 1).contains("pulse_min_ms"));
    assert!(unfit(|f| f.params.propose_timeout_ms = 501).contains("propose_timeout_ms"));
    assert!(unfit(|f| f.params.block_bytes_max = u32::MAX).contains("block_bytes_max"));
    assert!(unfit(|f| f.params.epoch_ms = 1).contains("epoch_ms"));
    assert!(unfit(|f| f.allocations[0].amount = leither_types::SUPPLY_MAX).contains("greatest supply"));
    assert!(unfit(|f| f.allocations[1].reason = " ".into()).contains("allocation 1 needs a reason"));
    assert!(unfit(|f| f.allocations[1].amount = Amount::ZERO).contains("more than 0"));
    assert!(unfit(|f| f.validators[1].key = f.validators[0].key).contains("share a consensus key"));
    assert!(unfit(|f| f.validators[1].power = 0).contains("without power"));
    assert!(unfit(|f| f.validators[1].key = PublicKey([0; 32])).contains("unusable"));
}

// HOME-9
#[test]
fn from_five_validators_on_none_may_hold_above_a_quarter() {
    let mut file = sample();
    file.validators[0].power = 1_000;
    assert!(validate(&file).is_ok(), "with four there is no cap");
    add_validator(&mut file, secret(5).public(), 10, account(5)).unwrap();
    assert!(validate(&file).unwrap_err().to_string().contains("a quarter"));
    file.validators[0].power = 10;
    assert!(validate(&file).is_ok());
}

// HOME-9
#[test]
fn a_validator_is_added_once_and_at_most_64_times() {
    let mut file = new("leither-test", 0, false);
    for n in 1..=64 {
        add_validator(&mut file, secret(n).public(), 1, account(n)).unwrap();
    }
    assert!(
        add_validator(&mut file, secret(65).public(), 1, account(65))
            .unwrap_err()
            .to_string()
            .contains("64 validators")
    );
    file.validators.pop();
    assert!(add_validator(&mut file, secret(1).public(), 1, account(1)).unwrap_err().to_string().contains("in it already"));
    assert!(add_validator(&mut file, secret(65).public(), 0, account(65)).is_err());
    assert!(validate(&file).is_ok());
}

// HOME-9, KEY-13
#[test]
fn dev_accounts_have_no_place_on_another_chain() {
    let alice = AccountId::of_key(&dev_account("alice").unwrap().public());
    assert!(unfit(|f| f.allocations[0].account = alice).contains("`alice`"));
    assert!(unfit(|f| f.validators[0].operator = alice).contains("`alice`"));
    let mut file = new("leither-dev", 0, true);
    add_validator(&mut file, dev_key(Role::Consensus, 0).unwrap().public(), 1, alice).unwrap();
    add_allocation(&mut file, alice, Amount::new(5), "a developer's play money", Hash::ZERO).unwrap();
    assert!(validate(&file).is_ok());
}

proptest! {
    #[test]
    fn every_genesis_round_trips(
        name in "[a-z0-9.-]{1,64}",
        time in any::<u64>(),
        dev in any::<bool>(),
        powers in prop::collection::vec(1..=u64::MAX, 1..=4),
        amounts in prop::collection::vec((1..=1u128 << 90, any::<[u8; 32]>(), "[ -~]{0,60}[!-~]", any::<[u8; 20]>()), 0..8),
    ) {
        let mut file = new(&name, time, dev);
        for (n, power) in powers.iter().enumerate() {
            add_validator(&mut file, secret(n as u8 + 1).public(), *power, account(n as u8)).unwrap();
        }
        for (amount, evidence, reason, to) in amounts {
            add_allocation(&mut file, AccountId(to), Amount::new(amount), &reason, Hash(evidence)).unwrap();
        }
        let genesis = validate(&file).unwrap();
        let back = parse(text(&GenesisFile::from(&genesis)).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(validate(&back).unwrap(), genesis);
    }
}
