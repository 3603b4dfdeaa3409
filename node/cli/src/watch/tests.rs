mod http;

use super::follow::catch_up;
use super::verdict::{BEHIND_MAX, READY_BEHIND_MAX};
use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

const PAGE: &str = include_str!("../../../../spec/metrics.md");
const GRAFANA: &str = include_str!("../../assets/grafana.json");
const ALERTS: &str = include_str!("../../assets/alerts.yml");
const NOW: Duration = Duration::ZERO;

fn reading() -> Reading {
    Reading {
        height: 100,
        head_time: 1_700_000_000_123,
        best_height: Some(100),
        peers_consensus: 3,
        peers_data: 5,
        validator_active: true,
        validator_power: 7,
        validators: 4,
        disk: vec![("blocks", 11), ("state", 13)],
        disk_cap: 1 << 30,
        heartbeat: 60_000,
        rpc: true,
        ..Reading::default()
    }
}

fn pulse(height: Height, time: Millis, round: u32, txs: usize) -> Pulse {
    Pulse { height, time, round, txs, bytes: 1_000 * txs + 500 }
}

/// The value of a sample, by its name and labels as they are exposed.
fn sample(text: &str, what: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' ').map(str::to_string))
}

/// Every `leither_…` in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !of_a_name(c));
    words.filter(|word| word.starts_with("leither_")).map(str::to_string).collect()
}

/// The metric that a sample belongs to.
fn metric_of(sample: &str) -> Option<&'static Metric> {
    TABLE.iter().find(|metric| {
        let rest = sample.strip_prefix(metric.name);
        match metric.kind {
            Kind::Histogram => rest.is_some_and(|rest| matches!(rest, "_bucket" | "_sum" | "_count")),
            Kind::Gauge | Kind::Counter => rest == Some(""),
        }
    })
}

/// WATCH-4.
#[test]
fn the_page_lists_the_table_and_nothing_else() {
    let row = |metric: &Metric| {
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        let label = if metric.label.is_empty() { "none".to_string() } else { format!("`{}`", metric.label) };
        format!("| {} | {kind} | {} | {label} | {} |", metric.name, metric.unit, metric.about)
    };
    let table: BTreeSet<String> = TABLE.iter().map(row).collect();
    let page: BTreeSet<String> = PAGE.lines().filter(|line| line.starts_with("| leither_")).map(str::to_string).collect();
    let only_here: Vec<_> = table.difference(&page).collect();
    let only_there: Vec<_> = page.difference(&table).collect();
    assert!(
        only_here.is_empty() && only_there.is_empty(),
        "only in the code: {only_here:#?}\nonly on the page: {only_there:#?}"
    );
    assert_eq!(table.len(), TABLE.len(), "a name stands twice");
}

/// WATCH-4.
#[test]
fn what_is_exposed_is_the_table_with_help_type_and_a_value_for_each() {
    let text = Meters::new(0, 0).text(&reading()).unwrap();
    let word =
        |line: &str, start: &str| line.strip_prefix(start).and_then(|rest| rest.split([' ', '{']).next()).map(str::to_string);
    for start in ["# HELP ", "# TYPE "] {
        let named: Vec<_> = text.lines().filter_map(|line| word(line, start)).collect();
        let mut wanted: Vec<_> = TABLE.iter().map(|metric| metric.name.to_string()).collect();
        wanted.sort();
        let mut found = named.clone();
        found.sort();
        assert_eq!(found, wanted, "{start}");
    }
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| word(line, "")).collect();
    let mut seen = BTreeSet::new();
    for name in &samples {
        seen.insert(metric_of(name).unwrap_or_else(|| panic!("`{name}` is no metric of the table")).name);
    }
    assert_eq!(seen.len(), TABLE.len(), "{text}");
    for metric in TABLE.iter().filter(|metric| !metric.label.is_empty()) {
        assert!(text.contains(&format!("{}{{{}=\"", metric.name, metric.label)), "{}", metric.name);
    }
    assert!(!text.contains("# EOF") && text.ends_with('\n'));
}

#[test]
fn a_reading_is_exposed_as_it_is() {
    let mut reading = reading();
    reading.best_height = Some(142);
    reading.pool_bytes = u64::MAX;
    reading.validator_missed = 9;
    let text = Meters::new(0, 0).text(&reading).unwrap();
    for (what, wanted) in [
        ("leither_height", "100"),
        ("leither_final_lag_pulses", "42"),
        ("leither_last_commit_timestamp_seconds", "1700000000"),
        ("leither_peers{swarm=\"consensus\"}", "3"),
        ("leither_peers{swarm=\"data\"}", "5"),
        ("leither_disk_bytes{store=\"state\"}", "13"),
        ("leither_validator_active", "1"),
        ("leither_validator_jailed", "0"),
        ("leither_validator_missed_total", "9"),
        // A gauge's numbers are signed.
        ("leither_mempool_bytes", "9223372036854775807"),
    ] {
        assert_eq!(sample(&text, what).as_deref(), Some(wanted), "{what} in\n{text}");
    }
    // A peer that is behind this node takes nothing away from it.
    reading.best_height = Some(7);
    assert_eq!(reading.behind(), 0);
}

/// WATCH-10.
#[test]
fn pulses_are_counted_once_and_by_what_is_in_them() {
    let meters = Meters::new(10, 5_000);
    assert!(!meters.has_heard());
    meters.record(&pulse(11, 6_000, 0, 0));
    meters.record(&pulse(12, 6_200, 2, 300));
    // Again, and an older one.
    meters.record(&pulse(12, 6_200, 2, 300));
    meters.record(&pulse(9, 4_000, 1, 50));
    assert!(meters.has_heard());
    let text = meters.text(&reading()).unwrap();
    for (what, wanted) in [
        ("leither_round", "2"),
        ("leither_rounds_total", "4"),
        ("leither_transactions_total", "300"),
        ("leither_block_transactions_count", "2"),
        ("leither_block_transactions_bucket{le=\"0.0\"}", "1"),
        ("leither_block_transactions_bucket{le=\"500.0\"}", "2"),
        ("leither_block_bytes_sum", "301000.0"),
        ("leither_commit_interval_seconds_count", "2"),
        ("leither_commit_interval_seconds_sum", "1.2"),
        ("leither_commit_interval_seconds_bucket{le=\"0.2\"}", "1"),
        ("leither_commit_interval_seconds_bucket{le=\"+Inf\"}", "2"),
    ] {
        assert_eq!(sample(&text, what).as_deref(), Some(wanted), "{what} in\n{text}");
    }
}

/// WATCH-10.
#[test]
fn pulses_that_went_by_unheard_are_counted_from_the_store() {
    let meters = Meters::new(10, 5_000);
    assert_eq!(meters.missed_before(11), 11..11);
    assert_eq!(meters.missed_before(14), 11..14);
    // The store has lost one of them.
    catch_up(meters.missed_before(14), &meters, |height| (height != 12).then(|| pulse(height, 1_000 * height, 0, 10)));
    meters.record(&pulse(14, 14_000, 0, 10));
    let text = meters.text(&reading()).unwrap();
    assert_eq!(sample(&text, "leither_transactions_total").as_deref(), Some("30"));
    // 10 to 11 and 13 to 14: what is between 11 and 13 is not the time of one pulse.
    assert_eq!(sample(&text, "leither_commit_interval_seconds_count").as_deref(), Some("2"));
    assert!(meters.missed_before(14).is_empty());
    let jump = meters.missed_before(10_000_000);
    assert!(jump.end == 10_000_000 && jump.end - jump.start == 16_384, "{jump:?}");
}

/// WATCH-8.
#[test]
fn dashboard_and_alerts_use_metrics_of_the_table_and_the_dashboard_shows_them_all() {
    let json: serde_json::Value = serde_json::from_str(GRAFANA).unwrap();
    let used = |text: &str| -> BTreeSet<&'static str> {
        let metric = |name: &String| metric_of(name).unwrap_or_else(|| panic!("`{name}` is no metric of the table")).name;
        names_in(text).iter().map(metric).collect()
    };
    assert!(json["panels"].as_array().unwrap().iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    let shown = used(GRAFANA);
    let hidden: Vec<_> = TABLE.iter().map(|metric| metric.name).filter(|name| !shown.contains(name)).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    for name in
        ["leither_final_lag_pulses", "leither_disk_cap_bytes", "leither_peers", "leither_validator_jailed", "leither_abstaining"]
    {
        assert!(used(ALERTS).contains(name), "{name}");
    }
}

/// WATCH-6.
#[test]
fn a_node_is_healthy_until_it_is_behind_idle_or_has_a_fault() {
    let well = health(&reading(), NOW);
    assert!(well.well && well.body["healthy"] == true && well.body["height"] == "100" && well.body["behind"] == "0");
    assert!(well.body.get("why").is_none());

    let behind = |pulses| health(&Reading { best_height: Some(100 + pulses), ..reading() }, NOW);
    assert!(behind(BEHIND_MAX).well);
    let ill = behind(BEHIND_MAX + 1);
    assert!(!ill.well && ill.body["healthy"] == false && ill.body["behind"] == "11");
    assert!(ill.body["why"].as_str().unwrap().starts_with("11 pulses behind"), "{ill:?}");

    let idle = |reading: &Reading, seconds| health(reading, Duration::from_secs(seconds)).well;
    assert!(idle(&reading(), 180) && !idle(&reading(), 181));
    // A heartbeat of 200 ms does not make a second's pause an illness.
    let fast = Reading { heartbeat: 200, ..reading() };
    assert!(idle(&fast, 10) && !idle(&fast, 11));
    let follower = Reading { validator_active: false, ..reading() };
    assert!(!idle(&follower, 181));
    let unconnected = Reading { validator_active: false, peers_consensus: 0, peers_data: 0, best_height: None, ..reading() };
    assert!(!idle(&unconnected, 181), "it was told of others, and reaches none");
    assert!(idle(&Reading { alone: true, ..unconnected }, 1_000), "nobody could give it a pulse");
    let lone = Reading { peers_consensus: 0, peers_data: 0, best_height: None, ..reading() };
    assert!(!idle(&lone, 181));

    let faulty = health(&Reading { fault: Some("the disk is full".into()), ..reading() }, NOW);
    assert!(!faulty.well && faulty.body["why"].as_str().unwrap().contains("the disk is full"));
}

/// WATCH-7.
#[test]
fn a_node_is_ready_when_it_answers_and_is_alone_or_caught_up() {
    let is = |reading: Reading, heard| ready(&reading, heard).well;
    assert!(is(reading(), false));
    assert!(!is(Reading { rpc: false, ..reading() }, true));
    assert!(!is(Reading { fault: Some("x".into()), ..reading() }, true));
    assert!(is(Reading { best_height: Some(100 + READY_BEHIND_MAX), ..reading() }, false));
    assert!(!is(Reading { best_height: Some(101 + READY_BEHIND_MAX), ..reading() }, true));
    let unknown = Reading { best_height: None, ..reading() };
    assert!(!is(unknown.clone(), false) && is(unknown.clone(), true));
    let cut_off = Reading { peers_consensus: 0, peers_data: 0, ..unknown };
    assert!(!is(cut_off.clone(), true));
    assert!(is(Reading { alone: true, ..cut_off.clone() }, false));
    assert!(!ready(&cut_off, true).body["why"].as_str().unwrap().is_empty());
}
