//! What the chain knows of MiMeis.

use super::{Event, Group, Head, Right, Rights, Version, keys};
use crate::orgs;
use leither_state::{Fault, Overlay, Read, WriteSet};
use leither_types::{AccountId, EventBytes, Hash, Header, MimeiId, OrgId, Receipt, codec};

/// A committed state, or one under construction.
#[derive(Clone, Copy)]
pub enum View<'a> {
    /// Committed.
    Final(&'a dyn Read),
    /// Under construction.
    Now(&'a Overlay),
}

impl View<'_> {
    fn grant(self, key: &(MimeiId, u32, AccountId)) -> Result<Option<Rights>, Fault> {
        match self {
            View::Final(state) => keys::GRANT.read(state, key),
            View::Now(state) => keys::GRANT.get(state, key),
        }
    }

    fn is_member(self, org: &OrgId, who: &AccountId) -> Result<bool, Fault> {
        let member = match self {
            View::Final(state) => orgs::views::member(state, org, who),
            View::Now(state) => orgs::views::member_now(state, org, who),
        };
        Ok(member?.is_some())
    }

    fn supervises(self, org: &OrgId, who: &AccountId) -> Result<bool, Fault> {
        let org = match self {
            View::Final(state) => orgs::views::org(state, org),
            View::Now(state) => orgs::views::get(state, org),
        };
        Ok(org?.is_some_and(|org| org.charter.supervisors.contains(who)))
    }
}

/// A head in a committed state.
pub fn head(state: &dyn Read, id: &MimeiId) -> Result<Option<Head>, Fault> {
    keys::HEAD.read(state, id)
}

/// A head under construction.
pub(crate) fn head_now(state: &Overlay, id: &MimeiId) -> Result<Option<Head>, Fault> {
    keys::HEAD.get(state, id)
}

/// MIMEI-3, MIMEI-8, MIMEI-9, MIMEI-10: whether somebody may do this; whoever writes is asked here and nowhere else.
///
/// It costs one read for all but the owner, and one more where the mask says anything to it that is not for anybody.
pub fn may(view: View<'_>, id: &MimeiId, head: &Head, who: &AccountId, right: Right) -> Result<bool, Fault> {
    if *who == head.owner {
        return Ok(true);
    }
    if let Some(rights) = view.grant(&(*id, head.generation, *who))? {
        return Ok(rights.has(right));
    }
    let given = |group| head.mask.of(group).has(right);
    // A treasury has its organization's 160 bits; under those of a person or a contract there is none, and so no member.
    let org = OrgId(head.owner.0);
    match () {
        () if given(Group::Guests) => Ok(true),
        // Every supervisor is a member (ORG-1, ORG-14), so that what members may needs no second look.
        () if given(Group::Members) => view.is_member(&org, who),
        () if given(Group::Supervisors) => view.supervises(&org, who),
        () => Ok(false),
    }
}

/// All that somebody may.
pub fn rights(view: View<'_>, id: &MimeiId, head: &Head, who: &AccountId) -> Result<Rights, Fault> {
    let mut all = Rights::default();
    for right in Right::ALL {
        if may(view, id, head, who, right)? {
            all = all.with(right);
        }
    }
    Ok(all)
}

/// MIMEI-9: what was granted to this account by itself; nothing where its groups decide.
pub fn grant(state: &dyn Read, id: &MimeiId, head: &Head, who: &AccountId) -> Result<Option<Rights>, Fault> {
    View::Final(state).grant(&(*id, head.generation, *who))
}

/// An author's MiMeis in id order.
pub fn by_author(state: &dyn Read, author: &AccountId, after: Option<&MimeiId>, limit: usize) -> Result<Vec<MimeiId>, Fault> {
    let after = after.map(|id| (*author, *id));
    Ok(keys::BY_AUTHOR.list(state, author, after.as_ref(), limit)?.into_iter().map(|((_, id), ())| id).collect())
}

/// What single accounts may, in account order: grants and denials in force alone.
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

/// MIMEI-6: the versions that a block made, in order. A head tells the newest alone; where a block made several, its receipts tell the others.
/// Where it changed no head nothing is read.
pub fn backed_up(header: &Header, writes: &WriteSet, receipts: &[Receipt]) -> Vec<(MimeiId, Version)> {
    let first = keys::HEAD.key(&MimeiId([0; 20]));
    let last = keys::HEAD.key(&MimeiId([u8::MAX; 20]));
    if writes.records.range(first..=last).next().is_none() {
        return Vec::new();
    }
    let (height, time) = (header.height, header.time);
    let one = |bytes: &EventBytes| match crate::describe_event(bytes) {
        Some(crate::Event::Mimei(Event::BackedUp { mimei, number, content, .. })) => {
            Some((mimei, Version { number, content, height, time }))
        }
        _ => None,
    };
    receipts.iter().flat_map(|receipt| &receipt.events).filter_map(one).collect()
}

/// MIMEI-6: the newest version's number and the history up to it, of a head's record; nothing where it is none, or has no version.
pub fn stated_history(record: &[u8]) -> Option<(u64, Hash)> {
    let head: Head = codec::decode(record).ok()?;
    Some((head.last?.number, head.history))
}

/// MIMEI-6: the history with one version more; nothing where the bytes are not the version of this number.
pub fn history_with(before: &Hash, number: u64, bytes: &[u8]) -> Option<Hash> {
    let version: Version = codec::decode(bytes).ok()?;
    (version.number == number).then(|| version.history_after(before))
}
