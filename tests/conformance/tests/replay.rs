//! What fuzzing starts from, and what lies next to it, runs on every machine that has no fuzzer.

use leither_conformance::{seeds, targets};

/// Changed at so many places, evenly spread: whole blocks are long.
const PLACES: usize = 600;

fn run(target: targets::Target, seed: &[u8]) {
    target(seed);
    let step = (seed.len() / PLACES).max(1);
    for at in (0..seed.len()).step_by(step) {
        target(&seed[..at]);
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = seed.to_vec();
            bytes[at] ^= change;
            target(&bytes);
        }
        for value in [0x00, 0x7f, 0xfe] {
            let mut bytes = seed.to_vec();
            bytes[at] = value;
            target(&bytes);
        }
    }
    for tail in [&[0u8][..], &[0xff; 16]] {
        target(&[seed, tail].concat());
    }
}

#[test]
fn no_decoder_panics_on_seeds_their_prefixes_and_their_neighbours() {
    for (name, target) in targets::ALL {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        seeds.iter().for_each(|seed| run(*target, seed));
    }
}

#[test]
fn every_fuzz_target_runs_a_function_of_ours_and_every_function_has_a_target() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets");
    let mut files: Vec<String> = std::fs::read_dir(dir)
        .expect("the fuzz targets are there")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().trim_end_matches(".rs").to_string())
        .collect();
    let mut names: Vec<String> = targets::ALL.iter().map(|(name, _)| name.to_string()).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
}

/// Seeds that no decoder takes would let a fuzzer start from nothing.
#[test]
fn seeds_are_what_they_claim_to_be() {
    use leither_conformance::samples;
    use leither_consensus::wire::Wire;
    use leither_types::decode_within;
    for seed in seeds::of("signed_tx") {
        leither_executor::check_form(&seed, &samples::chain()).expect("a sample transaction has good form");
    }
    for seed in seeds::of("consensus") {
        let rest = &seed[1..];
        let read = match seed[0] {
            0 => arc_malachitebft_core_consensus::SignedConsensusMsg::<leither_consensus::Leither>::from_wire(rest).err(),
            1 => arc_malachitebft_core_consensus::LivenessMsg::<leither_consensus::Leither>::from_wire(rest).err(),
            2 => leither_consensus::Part::from_wire(rest).err(),
            3 => arc_malachitebft_core_consensus::ProposedValue::<leither_consensus::Leither>::from_wire(rest).err(),
            4 => arc_malachitebft_core_types::PolkaCertificate::<leither_consensus::Leither>::from_wire(rest).err(),
            5 => arc_malachitebft_core_types::ValidatorProof::<leither_consensus::Leither>::from_wire(rest).err(),
            _ => None,
        };
        assert_eq!(read, None, "kind {}", seed[0]);
    }
    for seed in seeds::of("proofs").iter().filter(|seed| seed[0] == 2) {
        let proof: leither_state::StateProof = decode_within(&seed[1..], leither_state::STATE_PROOF_BYTES_MAX).expect("decodes");
        let question = match proof.leaf {
            leither_state::LeafProof::Holding(_) => {
                leither_state::Question::Holding { token: leither_types::TokenId::NATIVE, id: samples::account(1) }
            }
            leither_state::LeafProof::Record(_) => leither_state::Question::Record(samples::list(b"pp".to_vec())),
        };
        proof.verify(&samples::chain(), &question).expect("a sample proof proves");
    }
}
