use super::Reading;
use super::table::{Kind, Metric, Source, TABLE};
use leither_engine::Committed;
use leither_types::{Height, Millis};
use parity_scale_codec::Encode;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Seconds between pulses: 200 ms is the least that the chain allows, a heartbeat a minute the most that goes well.
const INTERVALS: [f64; 14] = [0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Up to `BLOCK_TXS_MAX`; those with none are heartbeats.
const TRANSACTIONS: [f64; 10] = [0.0, 1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 16_384.0];
/// Up to `BLOCK_BYTES_MAX`.
const BYTES: [f64; 8] = [512.0, 2_048.0, 8_192.0, 32_768.0, 131_072.0, 524_288.0, 1_048_576.0, 2_097_152.0];
/// Pulses unheard that are looked up afterwards. More go by only where a node jumps ahead, by a snapshot: it never had them.
const MISSED_MAX: u64 = 16_384;

/// What is measured of a final pulse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Its number.
    pub height: Height,
    /// Its block time.
    pub time: Millis,
    /// The round in which it was decided.
    pub round: u32,
    /// Its transactions.
    pub txs: usize,
    /// Its bytes.
    pub bytes: usize,
}

impl Pulse {
    /// Of one that was heard.
    pub fn of(committed: &Committed) -> Self {
        Self {
            height: committed.height,
            time: committed.header.time,
            round: committed.certificate.round,
            txs: committed.block.txs.len(),
            bytes: committed.block.encoded_size(),
        }
    }
}

/// What is counted from pulse to pulse, since the node's start.
pub struct Meters {
    registry: Registry,
    round: Gauge,
    rounds: Counter,
    transactions: Counter,
    block_transactions: Histogram,
    block_bytes: Histogram,
    intervals: Histogram,
    last: Mutex<Last>,
}

struct Last {
    height: Height,
    time: Millis,
    /// Pulses heard since the start.
    heard: u64,
    /// When the newest was, or else the start.
    at: Instant,
}

impl Meters {
    /// For a node that starts at this height, whose pulse has this block time.
    pub fn new(height: Height, time: Millis) -> Self {
        let mut meters = Self {
            registry: Registry::default(),
            round: Gauge::default(),
            rounds: Counter::default(),
            transactions: Counter::default(),
            block_transactions: Histogram::new(TRANSACTIONS),
            block_bytes: Histogram::new(BYTES),
            intervals: Histogram::new(INTERVALS),
            last: Mutex::new(Last { height, time, heard: 0, at: Instant::now() }),
        };
        for metric in TABLE.iter().filter(|metric| matches!(metric.source, Source::Pulses)) {
            let (name, about) = (family(metric), metric.about);
            match metric.name {
                "leither_round" => meters.registry.register(name, about, meters.round.clone()),
                "leither_rounds_total" => meters.registry.register(name, about, meters.rounds.clone()),
                "leither_transactions_total" => meters.registry.register(name, about, meters.transactions.clone()),
                "leither_block_transactions" => meters.registry.register(name, about, meters.block_transactions.clone()),
                "leither_block_bytes" => meters.registry.register(name, about, meters.block_bytes.clone()),
                "leither_commit_interval_seconds" => meters.registry.register(name, about, meters.intervals.clone()),
                // A test compares the table with what is exposed.
                _ => {}
            }
        }
        meters
    }

    /// Counts a pulse; one that was counted already, or is older than the newest, changes nothing.
    pub fn record(&self, pulse: &Pulse) {
        let mut last = self.last();
        if pulse.height <= last.height {
            return;
        }
        // The genesis has no clock to be measured by, and after a gap the one before is not known.
        if last.height > 0 && pulse.height - last.height == 1 {
            let interval = Duration::from_millis(pulse.time.saturating_sub(last.time));
            self.intervals.observe(interval.as_secs_f64());
        }
        self.round.set(pulse.round.into());
        self.rounds.inc_by(u64::from(pulse.round).saturating_add(1));
        self.transactions.inc_by(pulse.txs as u64);
        self.block_transactions.observe(pulse.txs as f64);
        self.block_bytes.observe(pulse.bytes as f64);
        *last = Last { height: pulse.height, time: pulse.time, heard: last.heard.saturating_add(1), at: Instant::now() };
    }

    /// The heights before this one that were not counted.
    pub fn missed_before(&self, height: Height) -> Range<Height> {
        let next = self.last().height.saturating_add(1);
        next.max(height.saturating_sub(MISSED_MAX))..height
    }

    /// How long nothing was committed: since the newest pulse that was heard, or since the start.
    pub fn idle(&self) -> Duration {
        self.last().at.elapsed()
    }

    /// Whether a pulse was committed since the start.
    pub fn has_heard(&self) -> bool {
        self.last().heard > 0
    }

    /// All metrics in Prometheus's text form, version 0.0.4.
    pub fn text(&self, reading: &Reading) -> Result<String, fmt::Error> {
        let mut now = Registry::default();
        for metric in TABLE {
            let (name, about) = (family(metric), metric.about);
            match (metric.source, metric.kind) {
                (Source::Reading(read), Kind::Counter) => now.register(name, about, ConstCounter::new(read(reading))),
                (Source::Reading(read), _) => now.register(name, about, ConstGauge::new(signed(read(reading)))),
                (Source::Labelled(read), _) => {
                    let values = Family::<[(&str, &str); 1], Gauge>::default();
                    for (value, number) in read(reading) {
                        values.get_or_create(&[(metric.label, value)]).set(signed(number));
                    }
                    now.register(name, about, values);
                }
                (Source::Machine(read), _) => {
                    if let Some(number) = read() {
                        now.register(name, about, ConstGauge::new(signed(number)));
                    }
                }
                (Source::Pulses, _) => {}
            }
        }
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &now)?;
        classic(&text)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gauge's number is a signed one; what does not fit is shown as the greatest.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The name that the library registers: it appends a counter's `_total` itself.
fn family(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Counter => metric.name.strip_suffix("_total").unwrap_or(metric.name),
        Kind::Gauge | Kind::Histogram => metric.name,
    }
}

/// The library writes OpenMetrics, which describes a counter by its name without `_total`. Prometheus's own form wants the whole name.
fn classic(open: &str) -> Result<String, fmt::Error> {
    let mut out = String::with_capacity(open.len() + 256);
    for line in open.lines() {
        let described = line.strip_prefix("# ").and_then(|rest| {
            let (what, rest) = rest.split_once(' ')?;
            let (name, about) = rest.split_once(' ')?;
            let counter = TABLE.iter().find(|metric| metric.kind == Kind::Counter && family(metric) == name)?;
            Some((what, counter.name, about))
        });
        match described {
            Some((what, name, about)) => writeln!(out, "# {what} {name} {about}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(out)
}
