use std::fmt;

/// What names code: sha256 of its bytes, as all tools of this ABI reckon it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum(pub [u8; 32]);

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a contract is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Entry {
    /// Once, at its beginning.
    Instantiate,
    /// By a message.
    Execute,
    /// To be asked; it writes nothing.
    Query,
    /// With new code.
    Migrate,
    /// By the chain itself.
    Sudo,
    /// With the outcome of a message that it sent.
    Reply,
}

impl Entry {
    /// All, in order.
    pub const ALL: [Entry; 6] = [Entry::Instantiate, Entry::Execute, Entry::Query, Entry::Migrate, Entry::Sudo, Entry::Reply];

    /// The name of the export.
    pub fn name(self) -> &'static str {
        match self {
            Entry::Instantiate => "instantiate",
            Entry::Execute => "execute",
            Entry::Query => "query",
            Entry::Migrate => "migrate",
            Entry::Sudo => "sudo",
            Entry::Reply => "reply",
        }
    }
}

/// What is to be known of code without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// What names it.
    pub code: Checksum,
    /// A bit for each [`Entry`] that it has.
    pub entries: u8,
    /// What its author calls the version of its stored data: `migrate` is left out between equal ones.
    pub migrate_version: Option<u64>,
    /// About how many bytes the compiled module has, reckoned from its instructions: the same on every machine.
    pub compiled: u32,
}

impl Module {
    /// Whether it can be entered there.
    pub fn has(&self, entry: Entry) -> bool {
        self.entries & (1 << entry as u8) != 0
    }
}

/// The parts of a contract's data in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The lowest key first.
    Ascending,
    /// The highest key first.
    Descending,
}

/// A key and its value, if there is one, and gas beside that of a step.
pub type Passed = (Option<(Vec<u8>, Vec<u8>)>, u64);

/// Why the chain gives a contract nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// The contract's own fault: too long a key, say. It ends.
    Refused,
    /// The question costs more than is left.
    OutOfGas,
    /// This machine's.
    Broken(String),
}

/// What a running contract holds on to: its own data, and questions to the chain. Keys are the contract's own; none is longer than 1,024 bytes.
pub trait Host {
    /// A value.
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError>;
    /// Sets it; says by how many bytes its data grows.
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<usize, HostError>;
    /// Removes it, if it is there.
    fn remove(&mut self, key: &[u8]) -> Result<(), HostError>;
    /// The first key and value from `start` on and before `end`, in this order, and gas for what was passed on the way. What was written is
    /// seen.
    fn first(&mut self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> Result<Passed, HostError>;
    /// Answers a question ([`crate::abi::Query`] in JSON) within so much gas; says what it used, in any case.
    fn query(&mut self, request: &[u8], gas: u64) -> (Result<crate::abi::QueryAnswer, HostError>, u64);

    /// Whether somebody watches: a trace, on this node alone. It changes neither answers nor gas.
    fn is_watched(&self) -> bool {
        false
    }
    /// A line that the contract writes for its author.
    fn debug(&mut self, _line: &str) {}
    /// VM-1: how the engine words a failure. For who watches, and for nobody else.
    fn failed(&mut self, _words: &str) {}
}

/// One entry into a contract.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Which code.
    pub code: &'a Checksum,
    /// Where.
    pub entry: Entry,
    /// Block, transaction and contract, in JSON.
    pub env: &'a [u8],
    /// Who calls with what funds, or who migrates, in JSON; nothing for other entries.
    pub info: &'a [u8],
    /// The message, in JSON.
    pub msg: &'a [u8],
    /// The most gas.
    pub gas: u64,
}

/// How an entry failed: one of these words is all that state and receipts get to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It used all its gas.
    #[error("it ran out of gas")]
    OutOfGas,
    /// It panicked, trapped, broke the ABI, or asked for what there is not.
    #[error("it came to a bad end")]
    Trap,
    /// It wrote where it may only read.
    #[error("it wrote where it may only read")]
    ReadOnly,
    /// Its answer is longer than [`crate::ANSWER_BYTES_MAX`].
    #[error("its answer is too long")]
    TooLong,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// What it used, at most what was given.
    pub gas: u64,
    /// What it answered, in JSON, which may be its own error.
    pub answer: Result<Vec<u8>, Failure>,
}

/// This machine cannot go on (VM-2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The code was stored once, and the cache has lost it: give it again, then ask again.
    #[error("the code {0} is not in the cache of modules")]
    Missing(Checksum),
    /// Anything else.
    #[error("the engine of contracts failed: {0}")]
    Machine(String),
}

/// Code that is none. The text is for its author: it is no part of any state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Why code is not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Whoever asks.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// This machine.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// What runs contracts.
pub trait Engine: Send + Sync {
    /// Checks code and keeps it compiled. Equal bytes are judged equally, always and everywhere.
    fn store(&self, wasm: &[u8]) -> Result<Module, StoreError>;

    /// Judges code as [`Engine::store`] does, as far as that can be done without compiling it, and keeps nothing: for a trial.
    fn judge(&self, wasm: &[u8]) -> Result<Module, StoreError>;

    /// Keeps code that was judged good before: the cache may have been lost.
    fn restore(&self, wasm: &[u8]) -> Result<(), Broken>;

    /// Enters a contract. The host is dropped when it returns.
    fn call(&self, call: &Call<'_>, host: Box<dyn Host>) -> Result<Called, Broken>;
}

/// For whoever has no contracts: every question is a failure of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEngine;

impl NoEngine {
    fn broken<T>() -> Result<T, Broken> {
        Err(Broken::Machine("this program was put together without an engine for contracts".into()))
    }
}

impl Engine for NoEngine {
    fn store(&self, _: &[u8]) -> Result<Module, StoreError> {
        Ok(Self::broken()?)
    }
    fn judge(&self, _: &[u8]) -> Result<Module, StoreError> {
        Ok(Self::broken()?)
    }
    fn restore(&self, _: &[u8]) -> Result<(), Broken> {
        Self::broken()
    }
    fn call(&self, _: &Call<'_>, _: Box<dyn Host>) -> Result<Called, Broken> {
        Self::broken()
    }
}
