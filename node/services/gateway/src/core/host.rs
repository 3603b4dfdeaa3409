//! Whose origin a Host header names.

/// GW-2: the longest label of a host's name.
pub const LABEL_BYTES_MAX: usize = 63;
/// The longest name of a host, with its port.
const HOST_BYTES_MAX: usize = 260;

/// What a root is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Immutable content.
    Ipfs,
    /// A key's record, or a DNS name's.
    Ipns,
    /// A MiMei.
    Mm,
}

impl Namespace {
    /// As paths and hosts spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipfs => "ipfs",
            Self::Ipns => "ipns",
            Self::Mm => "mm",
        }
    }

    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Ipfs, Self::Ipns, Self::Mm].into_iter().find(|namespace| namespace.name() == name)
    }
}

/// What a Host header means to this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One of ours: paths are led to origins of their own. With the port, as it was asked.
    Gateway(String),
    /// An origin of its own below one of ours.
    Own {
        /// Of what.
        namespace: Namespace,
        /// The id, in lower case.
        label: String,
        /// Ours, with the port.
        base: String,
    },
    /// Anything else, an address for instance: paths are served as they are. The name without its port.
    Other(String),
}

/// GW-2
pub fn place(hosts: &[String], host: &str) -> Place {
    let host = host.trim().to_ascii_lowercase();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (name, host.get(name.len()..).unwrap_or_default())
        }
        _ => (host.as_str(), ""),
    };
    let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if name.len() > HOST_BYTES_MAX || !name.bytes().all(known) {
        return Place::Other(String::new());
    }
    for base in hosts {
        if name == base {
            return Place::Gateway(format!("{name}{port}"));
        }
        let own = name.strip_suffix(base.as_str()).and_then(|rest| rest.strip_suffix('.'));
        if let Some((label, namespace)) = own.and_then(|own| own.rsplit_once('.'))
            && let Some(namespace) = Namespace::of(namespace)
            && !label.is_empty()
        {
            return Place::Own { namespace, label: label.into(), base: format!("{base}{port}") };
        }
    }
    Place::Other(name.into())
}

/// A DNS name as one label: `-` becomes `--`, `.` becomes `-`.
pub fn inline_name(name: &str) -> String {
    name.replace('-', "--").replace('.', "-")
}

/// The DNS name behind such a label.
pub fn outline_name(label: &str) -> String {
    // A character that no label has stands in for the pair meanwhile.
    label.replace("--", "\u{1}").replace('-', ".").replace('\u{1}', "-")
}
