//! What the chain knows of MiMeis.

use super::{Head, Rights, keys};
use leither_state::{Fault, Overlay, Read};
use leither_types::{AccountId, MimeiId};

/// A head in a committed state.
pub fn head(state: &dyn Read, id: &MimeiId) -> Result<Option<Head>, Fault> {
    keys::HEAD.read(state, id)
}

/// A head under construction.
pub(crate) fn head_now(state: &Overlay, id: &MimeiId) -> Result<Option<Head>, Fault> {
    keys::HEAD.get(state, id)
}

/// What was granted to somebody, in a state under construction.
pub(crate) fn rights_now(state: &Overlay, id: &MimeiId, head: &Head, who: &AccountId) -> Result<Rights, Fault> {
    Ok(keys::GRANT.get(state, &(*id, head.generation, *who))?.unwrap_or_default())
}

/// An author's MiMeis in id order.
pub fn by_author(state: &dyn Read, author: &AccountId, after: Option<&MimeiId>, limit: usize) -> Result<Vec<MimeiId>, Fault> {
    let after = after.map(|id| (*author, *id));
    Ok(keys::BY_AUTHOR.list(state, author, after.as_ref(), limit)?.into_iter().map(|((_, id), ())| id).collect())
}

/// Who may write beside the owner, in account order: grants in force alone.
pub fn grants(
    state: &dyn Read,
    id: &MimeiId,
    after: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<(AccountId, Rights)>, Fault> {
    let Some(head) = head(state, id)? else { return Ok(Vec::new()) };
    let after = after.map(|who| (*id, head.generation, *who));
    let rows = keys::GRANT.list(state, &(*id, head.generation), after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, _, who), rights)| (who, rights)).collect())
}

/// What a MiMei refers to, and how often, in id order.
pub fn references(state: &dyn Read, id: &MimeiId, after: Option<&MimeiId>, limit: usize) -> Result<Vec<(MimeiId, u32)>, Fault> {
    let after = after.map(|to| (*id, *to));
    let rows = keys::REFERENCE.list(state, id, after.as_ref(), limit)?;
    Ok(rows.into_iter().map(|((_, to), count)| (to, count)).collect())
}

/// The record's key behind a head, for a proof.
pub fn head_key(id: &MimeiId) -> Vec<u8> {
    keys::HEAD.key(id)
}
