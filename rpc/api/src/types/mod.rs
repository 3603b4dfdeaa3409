//! What goes in and what comes out, by group. Field names are the wire's; each answer that was read from the state says at which
//! final height.

mod account;
mod chain;
mod contract;
mod mimei;
mod node;
mod org;
mod state;
mod stream;
mod token;
mod trace;
mod tx;

pub use account::*;
pub use chain::*;
pub use contract::*;
pub use mimei::*;
pub use node::*;
pub use org::*;
pub use state::*;
pub use stream::*;
pub use token::*;
pub use trace::*;
pub use tx::*;

use leither_types::{AccountId, MimeiId, OrgId, TokenId, ValidatorId};

/// An account: a person's, a contract's or a treasury.
pub type Account = crate::Id<AccountId>;
/// An organization.
pub type OrgKey = crate::Id<OrgId>;
/// A token.
pub type TokenKey = crate::Id<TokenId>;
/// A MiMei.
pub type MimeiKey = crate::Id<MimeiId>;
/// A validator.
pub type ValidatorKey = crate::Id<ValidatorId>;
