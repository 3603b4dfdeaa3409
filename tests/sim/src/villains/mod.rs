//! Validators that do not follow the rules. Each is small, has a name, and can be put on any seat of any plan.

mod censor;
mod liar;

use leither_types::{AccountId, Block, SignedTx};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Where a villain may meddle. What it leaves as it is, an honest node does.
pub trait Villain {
    /// What it puts into a block that it proposes.
    fn choose(&mut self, candidates: Vec<Arc<SignedTx>>) -> Vec<Arc<SignedTx>> {
        candidates
    }

    /// What it makes of the block that it proposes.
    fn bend(&mut self, block: Block) -> Block {
        block
    }
}

/// The cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cast {
    /// Leaves one person's transactions out of every block that it proposes.
    Censor,
    /// Proposes blocks whose state root is not what they do.
    Liar,
}

impl Cast {
    /// The actor. `victim` is whom a villain with a victim picks on.
    pub fn act(self, victim: AccountId) -> Box<dyn Villain> {
        match self {
            Self::Censor => Box::new(censor::Censor { victim }),
            Self::Liar => Box::new(liar::Liar),
        }
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Censor => "censor",
            Self::Liar => "liar",
        })
    }
}

impl FromStr for Cast {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "censor" => Ok(Self::Censor),
            "liar" => Ok(Self::Liar),
            _ => Err(format!("no villain is called {text:?}; there are censor and liar")),
        }
    }
}
