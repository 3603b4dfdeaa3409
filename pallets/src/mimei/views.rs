//! What the chain knows of MiMeis.

use super::{Head, Rights, keys};
use leither_state::{Fault, Read};
use leither_types::{AccountId, MimeiId};

/// A head in a committed state.
pub fn head(state: &dyn Read, id: &MimeiId) -> Result<Option<Head>, Fault> {
    keys::HEAD.read(state, id)
}

/// An author's MiMeis in id order.
pub fn by_author(state: &dyn Read, author: &AccountId, after: Option<&MimeiId>, limit: usize) -> Result<Vec<MimeiId>, Fault> {
    let after = after.map(|id| (*author, *id));
    Ok(keys::BY_AUTHOR.list(state, author, after.as_ref(), limit)?.into_iter().map(|((_, id), ())| id).collect())
}

/// Who may write beside the owner.
pub fn grants(state: &dyn Read, id: &MimeiId, limit: usize) -> Result<Vec<(AccountId, Rights)>, Fault> {
    Ok(keys::GRANT.list(state, id, None, limit)?.into_iter().map(|((_, who), rights)| (who, rights)).collect())
}

/// What a MiMei refers to, and how often.
pub fn references(state: &dyn Read, id: &MimeiId, limit: usize) -> Result<Vec<(MimeiId, u32)>, Fault> {
    Ok(keys::REFERENCE.list(state, id, None, limit)?.into_iter().map(|((_, to), count)| (to, count)).collect())
}

/// The record's key behind a head, for a proof.
pub fn head_key(id: &MimeiId) -> Vec<u8> {
    keys::HEAD.key(id)
}
