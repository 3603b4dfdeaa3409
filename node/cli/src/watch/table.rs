use super::{Reading, machine};

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up; begins anew when the node does.
    Counter,
    /// A distribution: `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// Where a metric's value is taken from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// One number of the reading.
    Reading(fn(&Reading) -> u64),
    /// One number for each value of the label.
    Labelled(fn(&Reading) -> Vec<(&'static str, u64)>),
    /// The operating system, where it tells.
    Machine(fn() -> Option<u64>),
    /// The pulses that were heard.
    Pulses,
}

/// One metric.
pub struct Metric {
    /// Its name, `_total` included.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// In what it is measured.
    pub unit: &'static str,
    /// Its label; empty: none.
    pub label: &'static str,
    /// What it says.
    pub about: &'static str,
    pub(super) source: Source,
}

const fn gauge(name: &'static str, unit: &'static str, about: &'static str, read: fn(&Reading) -> u64) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, label: "", about, source: Source::Reading(read) }
}

const fn counter(name: &'static str, unit: &'static str, about: &'static str, read: fn(&Reading) -> u64) -> Metric {
    Metric { name, kind: Kind::Counter, unit, label: "", about, source: Source::Reading(read) }
}

const fn machine(name: &'static str, unit: &'static str, about: &'static str, read: fn() -> Option<u64>) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, label: "", about, source: Source::Machine(read) }
}

const fn pulses(name: &'static str, kind: Kind, unit: &'static str, about: &'static str) -> Metric {
    Metric { name, kind, unit, label: "", about, source: Source::Pulses }
}

/// WATCH-4: every metric there is, under names that stay. The page spec/metrics.md says the same.
pub const TABLE: &[Metric] = &[
    gauge("leither_height", "pulses", "Height of the newest final pulse", |r| r.height),
    gauge("leither_final_lag_pulses", "pulses", "Pulses that the best known peer is ahead of this node", Reading::behind),
    gauge("leither_last_commit_timestamp_seconds", "seconds", "Block time of the newest final pulse, since 1970", |r| {
        r.head_time / 1_000
    }),
    pulses(
        "leither_commit_interval_seconds",
        Kind::Histogram,
        "seconds",
        "Block time between a pulse and the one before it",
    ),
    pulses("leither_round", Kind::Gauge, "rounds", "Round in which the newest pulse heard was decided, from 0"),
    pulses(
        "leither_rounds_total",
        Kind::Counter,
        "rounds",
        "Rounds that deciding took, one for a pulse that all goes well with",
    ),
    pulses("leither_transactions_total", Kind::Counter, "transactions", "Transactions in final pulses since the start"),
    pulses("leither_block_transactions", Kind::Histogram, "transactions", "Transactions of a pulse"),
    pulses("leither_block_bytes", Kind::Histogram, "bytes", "Bytes of a pulse"),
    Metric {
        name: "leither_peers",
        kind: Kind::Gauge,
        unit: "peers",
        label: "swarm",
        about: "Connected peers, by swarm",
        source: Source::Labelled(|r| vec![("consensus", r.peers_consensus), ("data", r.peers_data)]),
    },
    gauge("leither_validators", "validators", "Validators that vote on the next pulse", |r| r.validators),
    gauge("leither_validator_active", "0 or 1", "Whether this node votes on the next pulse", |r| {
        r.validator_active.into()
    }),
    gauge("leither_validator_power", "power", "Voting power of this node", |r| r.validator_power),
    counter("leither_validator_missed_total", "pulses", "Pulses that this node missed as a validator", |r| {
        r.validator_missed
    }),
    gauge("leither_validator_jailed", "0 or 1", "Whether this node is jailed", |r| r.validator_jailed.into()),
    gauge("leither_abstaining", "0 or 1", "Whether this validator signs nothing, lest it sign twice", |r| {
        r.abstaining.into()
    }),
    counter("leither_sign_refused_total", "signatures", "Signatures that the double-sign guard refused", |r| {
        r.sign_refused
    }),
    gauge("leither_election_term", "epochs", "Number of the present epoch", |r| r.epoch),
    gauge("leither_mempool_transactions", "transactions", "Transactions that wait in the pool", |r| r.pool_txs),
    gauge("leither_mempool_bytes", "bytes", "Bytes of the transactions that wait in the pool", |r| r.pool_bytes),
    Metric {
        name: "leither_disk_bytes",
        kind: Kind::Gauge,
        unit: "bytes",
        label: "store",
        about: "Bytes on disk, by what they are kept for",
        source: Source::Labelled(|r| r.disk.clone()),
    },
    gauge("leither_disk_cap_bytes", "bytes", "The most that all on disk may take, as set by disk.cap", |r| r.disk_cap),
    machine("leither_process_resident_bytes", "bytes", "Memory of the process that is in RAM", machine::resident_bytes),
    machine("leither_process_open_fds", "files", "Files and sockets that the process has open", machine::open_fds),
];
