use crate::sign_state::GuardError;
use leither_consensus::ValidatorsError;
use leither_executor::{FormError, Unfit};
use leither_pool::Verdict;
use leither_state::Fault;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The guard beside the consensus key says no.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The state cannot be read.
    #[error("the state cannot be read: {0}")]
    State(#[from] Fault),
    /// The chain's validators cannot run consensus.
    #[error(transparent)]
    Validators(#[from] ValidatorsError),
    /// STAKING-11.
    #[error("the chain plays by rules {version}, this program knows none above {known}; install the current leither")]
    Rules {
        /// Which are in force.
        version: u32,
        /// The newest that it plays by.
        known: u32,
    },
    /// An address that is none, or not of a kind that consensus can use.
    #[error("{field} = {value:?}: {why}")]
    Address {
        /// Which setting.
        field: &'static str,
        /// What it says.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// Somebody else listens there.
    #[error("cannot listen for consensus on {addr}: {source}. Stop the process that does, or choose another consensus port")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A directory or thread cannot be had.
    #[error("{path}: {source}")]
    Io {
        /// What was wanted.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What the BFT engine says.
    #[error("the BFT engine does not start: {0}")]
    Bft(String),
    /// Its former part does not let go of the log.
    #[error("the write-ahead log {} is still held by a part of the BFT engine that was ended; start the node again", wal.display())]
    Held {
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// The same, where its files may be the reason.
    #[error(
        "the BFT engine does not start ({why}). If its write-ahead log {} is damaged, delete it and start again: beside other validators this \
         node then signs nothing before they have passed the height it was in", wal.display()
    )]
    Log {
        /// What it says.
        why: String,
        /// The write-ahead log.
        wal: PathBuf,
    },
}

/// Why the node has to stop: exit code 4. What was committed is whole; the next start goes on from there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NodeFault {
    /// Disk, database, or an invariant.
    #[error("{0}. The last committed height is whole on disk; repair the cause and start again")]
    State(#[from] Fault),
    /// A block was decided that this node does not have.
    #[error(
        "height {height}: block {block} was decided, but is not on this disk. Delete {} and start again: the others send the block, and \
         this node signs nothing before it has passed that height", wal.display()
    )]
    Missing {
        /// Of which height.
        height: u64,
        /// Its id.
        block: leither_types::Hash,
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// Two thirds of the validators made a block final that this node finds invalid.
    #[error(
        "height {height}: more than two thirds of the validators made block {block} final, and this node finds it invalid. Either this \
         program is older than theirs (install the current one), or its database is damaged (move it away and let the node fetch the \
         chain again)"
    )]
    Diverged {
        /// Of which height.
        height: u64,
        /// Its id.
        block: leither_types::Hash,
    },
    /// STAKING-11.
    #[error(
        "from the next height on the chain plays by rules {version}, this program knows none above {known}; install the current leither and \
         start it: nothing is lost"
    )]
    Rules {
        /// Which are in force.
        version: u32,
        /// The newest that it plays by.
        known: u32,
    },
    /// ENGINE-13.
    #[error(
        "height {height}: the peers' chain has block {block}, not the one given with --trust. Either that was mistyped, or the peers' chain is \
         a forged one: then move this node's database away, and join by other peers. It is held to at each start until another one is given with \
         --trust"
    )]
    NotTrusted {
        /// Of which height.
        height: u64,
        /// Theirs.
        block: leither_types::Hash,
    },
    /// The guard beside the consensus key refused a signature.
    #[error("{0}")]
    Guard(String),
    /// The BFT engine hangs on purpose: its write-ahead log failed.
    #[error(
        "the BFT engine has stopped ({why}). Look at the disk that holds {}; if the file is damaged, delete it and start again: this \
         node then signs nothing before the others have passed the height it was in", wal.display()
    )]
    Bft {
        /// What is known.
        why: String,
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// The engine's former part does not end.
    #[error(
        "the BFT engine could not begin anew: a part of it that was ended still holds its write-ahead log {}. Nothing is wrong with the file; \
         start the node again", wal.display()
    )]
    Held {
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// Nothing was committed for far longer than a heartbeat, though no other node is needed for it.
    #[error("no pulse for {seconds} s although this node is the only validator; start it again")]
    Stuck {
        /// For how long.
        seconds: u64,
    },
    /// A part of the node is gone that cannot be.
    #[error("{0} has stopped; start the node again")]
    Stopped(&'static str),
}

/// Why a transaction is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// It can stand in no block of this chain.
    #[error(transparent)]
    Form(#[from] FormError),
    /// It cannot stand in a block now.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The pool does not take it.
    #[error("{}", pool_says(.0))]
    Pool(Verdict),
    /// Too much is waiting already.
    #[error("the node is busy: {0} transactions wait to be looked at; send again in a second")]
    Busy(usize),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl AdmitError {
    /// A word that does not change, for machines.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Form(FormError::Chain { .. }) => "wrong_chain",
            Self::Form(_) => "malformed",
            Self::Unfit(unfit) => match unfit {
                Unfit::Form(FormError::Chain { .. }) => "wrong_chain",
                Unfit::Form(_) => "malformed",
                Unfit::Signature => "bad_signature",
                Unfit::Key | Unfit::WeakKey(_) => "bad_key",
                Unfit::Nonce { .. } => "nonce_used",
                Unfit::Expired { .. } => "expired",
                Unfit::TooLong { .. } => "valid_too_long",
                Unfit::MaxFee { .. } => "fee_too_low",
                Unfit::CannotPay { .. } => "cannot_pay",
                Unfit::Payer => "bad_payer",
            },
            Self::Pool(verdict) => verdict.name(),
            Self::Busy(_) => "busy",
            Self::Stopping => "stopping",
        }
    }
}

fn pool_says(verdict: &Verdict) -> String {
    match verdict {
        Verdict::NonceUsed { next } => format!("the nonce is used; the account's next is {next}"),
        Verdict::NonceTooFar { next } => {
            format!("the nonce is too far ahead; send {next} first, and at most {} together", leither_pool::NONCES_AHEAD_MAX)
        }
        Verdict::FeeTooLow { needs: Some(needs) } => {
            format!("a transaction of this nonce waits already; to take its place, offer a max_fee of at least {needs}")
        }
        Verdict::FeeTooLow { needs: None } => "a transaction of this nonce waits already, and none can take its place".into(),
        Verdict::Full => "the pool is full; send again later, or with a higher max_fee".into(),
        Verdict::TooLong => format!("longer than {} bytes", leither_types::TX_BYTES_MAX),
        Verdict::NoSigner => "signed by nobody".into(),
        Verdict::Admitted | Verdict::Replaced(_) | Verdict::Known => "taken".into(),
    }
}
