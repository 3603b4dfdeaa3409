use leither_types::Params;

/// Names and numbers in the order of the encoding. A parameter that is added does not compile before it stands here.
fn numbers(params: &Params) -> Vec<(&'static str, u128)> {
    let Params {
        version,
        pulse_ms,
        pulse_min_ms,
        heartbeat_ms,
        propose_timeout_ms,
        vote_timeout_ms,
        epoch_ms,
        publicity_ms,
        block_weight_max,
        block_bytes_max,
        base_fee_min,
        byte_deposit,
        emission,
        pushes_max,
        pledge_min,
        pledge_unit,
        unbonding_ms,
        jail_ms,
        misses_max,
        slash_permille,
        validators_max,
    } = params;
    vec![
        ("version", u128::from(*version)),
        ("pulse_ms", u128::from(*pulse_ms)),
        ("pulse_min_ms", u128::from(*pulse_min_ms)),
        ("heartbeat_ms", u128::from(*heartbeat_ms)),
        ("propose_timeout_ms", u128::from(*propose_timeout_ms)),
        ("vote_timeout_ms", u128::from(*vote_timeout_ms)),
        ("epoch_ms", u128::from(*epoch_ms)),
        ("publicity_ms", u128::from(*publicity_ms)),
        ("block_weight_max", u128::from(*block_weight_max)),
        ("block_bytes_max", u128::from(*block_bytes_max)),
        ("base_fee_min", base_fee_min.0),
        ("byte_deposit", byte_deposit.0),
        ("emission", emission.0),
        ("pushes_max", u128::from(*pushes_max)),
        ("pledge_min", pledge_min.0),
        ("pledge_unit", pledge_unit.0),
        ("unbonding_ms", u128::from(*unbonding_ms)),
        ("jail_ms", u128::from(*jail_ms)),
        ("misses_max", u128::from(*misses_max)),
        ("slash_permille", u128::from(*slash_permille)),
        ("validators_max", u128::from(*validators_max)),
    ]
}

/// The page's table: name, standard number, a dev chain's number.
fn page() -> Vec<(String, u128, u128)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/params.md");
    let text = std::fs::read_to_string(path).expect("the page of parameters is there");
    let values = |cell: &str| -> Vec<u128> {
        let plain = cell.replace(',', "");
        plain.split_whitespace().map(|number| number.parse().expect("a number")).collect()
    };
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let names: Vec<String> = cells[0].split_whitespace().map(|name| name.trim_matches('`').to_string()).collect();
        let standard = values(cells[2]);
        // Where nothing is said of a dev chain, it has what all have.
        let dev = Some(values(cells[3])).filter(|dev| !dev.is_empty()).unwrap_or_else(|| standard.clone());
        assert_eq!((names.len(), names.len()), (standard.len(), dev.len()), "{line}");
        rows.extend(names.into_iter().zip(standard).zip(dev).map(|((name, standard), dev)| (name, standard, dev)));
    }
    rows
}

#[test]
fn params_1_the_page_of_parameters_states_the_numbers_that_a_new_chain_begins_with() {
    let standard = numbers(&Params::standard()).into_iter();
    let both: Vec<_> = standard.zip(numbers(&Params::dev())).map(|((name, n), (_, dev))| (name.to_string(), n, dev)).collect();
    assert_eq!(page(), both);
}
