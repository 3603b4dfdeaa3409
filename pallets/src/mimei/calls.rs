use super::types::{MARK_AUTO, Mask, Right, Version};
use super::views::{self, View};
use super::{Error, Event, Head, Rights, keys};
use crate::{Ctx, Stop, accounts};
use leither_types::{AccountId, Amount, ContentId, Hash, MimeiId, Text, Weight};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// What can be done with MiMeis.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// MIMEI-1: makes one, or finds the one that is there.
    #[codec(index = 0)]
    Create {
        /// Which app it belongs to.
        app: Text<64>,
        /// `file`, `dir`, `db`, …
        kind: Text<16>,
        /// Tells this author's apart; `{{auto}}`: a new one each time.
        mark: Text<128>,
    },
    /// MIMEI-2: a new newest version.
    #[codec(index = 1)]
    Backup {
        /// Of which.
        mimei: MimeiId,
        /// The newest version that the writer has seen; none before the first.
        base: Option<u64>,
        /// What it holds.
        content: ContentId,
    },
    /// MIMEI-4.
    #[codec(index = 2)]
    Release {
        /// Of which.
        mimei: MimeiId,
        /// Which version.
        number: u64,
    },
    /// MIMEI-5: a variation of the newest version, with that content as its version 0.
    #[codec(index = 3)]
    Fork {
        /// Of which.
        parent: MimeiId,
        /// The newest version that the forker has seen.
        number: u64,
        /// The new one's mark.
        mark: Text<128>,
    },
    /// MIMEI-3, MIMEI-9: the owner grants, denies (0), or takes the entry away (none).
    #[codec(index = 4)]
    Grant {
        /// On which.
        mimei: MimeiId,
        /// To whom.
        who: AccountId,
        /// What, whatever the account's groups may; none: what they may.
        rights: Option<Rights>,
    },
    /// MIMEI-7: adds or removes a reference.
    #[codec(index = 5)]
    Refer {
        /// Which one refers.
        from: MimeiId,
        /// To which.
        to: MimeiId,
        /// One more or one less.
        add: bool,
    },
    /// Another owner, an organization for instance. All grants end.
    #[codec(index = 6)]
    Give {
        /// Which.
        mimei: MimeiId,
        /// To whom.
        to: AccountId,
    },
    /// MIMEI-8: the owner says what whole groups may.
    #[codec(index = 7)]
    SetMask {
        /// On which.
        mimei: MimeiId,
        /// All of it.
        mask: Mask,
    },
}

impl Call {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fine = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        match self {
            Call::Create { app, kind, mark } if !(fine(app) && fine(kind) && fine(mark)) => Err(Error::Form),
            Call::Fork { mark, .. } if !fine(mark) => Err(Error::Form),
            Call::Backup { content, .. } if content.0.is_empty() => Err(Error::NoContent),
            Call::SetMask { mask, .. } if !mask.is_sound() => Err(Error::Mask),
            _ => Ok(()),
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        match self {
            Call::Create { .. } | Call::Fork { .. } => 120_000,
            _ => 60_000,
        }
    }
}

/// Does a call.
pub fn apply(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Stop> {
    match call {
        Call::Create { app, kind, mark } => create(ctx, app, kind, mark).map(drop),
        Call::Backup { mimei, base, content } => backup(ctx, mimei, *base, content),
        Call::Release { mimei, number } => release(ctx, mimei, *number),
        Call::Fork { parent, number, mark } => fork(ctx, parent, *number, mark),
        Call::Grant { mimei, who, rights } => grant(ctx, mimei, who, *rights),
        Call::Refer { from, to, add } => refer(ctx, from, to, *add),
        Call::Give { mimei, to } => give(ctx, mimei, to),
        Call::SetMask { mimei, mask } => set_mask(ctx, mimei, *mask),
    }
}

fn require(ctx: &Ctx<'_>, id: &MimeiId) -> Result<Head, Stop> {
    keys::HEAD.get(ctx.state, id)?.ok_or(Error::Unknown.into())
}

fn require_right(ctx: &Ctx<'_>, id: &MimeiId, head: &Head, right: Right) -> Result<(), Stop> {
    let may = views::may(View::Now(ctx.state), id, head, &ctx.actor(), right)?;
    if may { Ok(()) } else { Err(Error::NotAllowed.into()) }
}

fn require_owner(ctx: &Ctx<'_>, id: &MimeiId) -> Result<Head, Stop> {
    let head = require(ctx, id)?;
    if ctx.actor() == head.owner { Ok(head) } else { Err(Error::NotAllowed.into()) }
}

/// MIMEI-1.
fn create(ctx: &mut Ctx<'_>, app: &Text<64>, kind: &Text<16>, mark: &Text<128>) -> Result<MimeiId, Stop> {
    let author = ctx.actor();
    let mark = if &**mark == MARK_AUTO {
        let index = ctx.next_index();
        // The transaction's id makes it new; proposal and index tell apart what one transaction makes or opens.
        Text::new(format!("auto:{}:{}:{index}", ctx.tx.id, ctx.proposal)).ok_or(Error::Form)?
    } else {
        mark.clone()
    };
    let id = MimeiId::derive(&author, app, kind, &mark);
    if keys::HEAD.has(ctx.state, &id)? {
        ctx.emit(Event::Created { mimei: id, author, existed: true });
        return Ok(id);
    }
    let mut head = Head {
        author,
        app: app.clone(),
        kind: kind.clone(),
        mark,
        owner: author,
        last: None,
        release: None,
        history: Hash::ZERO,
        parent: None,
        referenced: 0,
        height: ctx.block.height,
        deposit: Amount::ZERO,
        generation: 0,
        mask: Mask::default(),
    };
    // A head with a version is longer by about this; the deposit is asked once.
    let bytes = head.encoded_size() + 96;
    head.deposit = accounts::deposit(ctx.state, &author, bytes, ctx.block.params.byte_deposit)?;
    keys::HEAD.put(ctx.state, &id, &head);
    keys::BY_AUTHOR.put(ctx.state, &(author, id), &());
    ctx.emit(Event::Created { mimei: id, author, existed: false });
    Ok(id)
}

/// MIMEI-2, MIMEI-6.
fn backup(ctx: &mut Ctx<'_>, id: &MimeiId, base: Option<u64>, content: &ContentId) -> Result<(), Stop> {
    let mut head = require(ctx, id)?;
    require_right(ctx, id, &head, Right::Backup)?;
    let last = head.last.as_ref().map(|v| v.number);
    if last != base {
        return Err(Error::HeadMoved { last }.into());
    }
    let number = match last {
        None => 0,
        Some(n) => n.checked_add(1).ok_or(Error::NoVersion)?,
    };
    let version = Version { number, content: content.clone(), height: ctx.block.height, time: ctx.block.time };
    let previous = head.last.as_ref().map(|v| v.height);
    head.history = head.history_after(&version);
    head.last = Some(version);
    keys::HEAD.put(ctx.state, id, &head);
    ctx.emit(Event::BackedUp { mimei: *id, number, content: content.clone(), previous });
    Ok(())
}

/// MIMEI-4.
fn release(ctx: &mut Ctx<'_>, id: &MimeiId, number: u64) -> Result<(), Stop> {
    let mut head = require(ctx, id)?;
    require_right(ctx, id, &head, Right::Release)?;
    if head.last.as_ref().is_none_or(|last| number > last.number) {
        return Err(Error::NoVersion.into());
    }
    head.release = Some(number);
    keys::HEAD.put(ctx.state, id, &head);
    ctx.emit(Event::Released { mimei: *id, number });
    Ok(())
}

/// MIMEI-5: the chain knows the content of the newest version alone, so that one is forked.
fn fork(ctx: &mut Ctx<'_>, parent: &MimeiId, number: u64, mark: &Text<128>) -> Result<(), Stop> {
    let origin = require(ctx, parent)?;
    let last = origin.last.clone().ok_or(Error::NoVersion)?;
    if last.number != number {
        return Err(Error::HeadMoved { last: Some(last.number) }.into());
    }
    let id = create(ctx, &origin.app, &origin.kind, mark)?;
    // What its author gave away is another's.
    let mut head = require_owner(ctx, &id)?;
    if head.last.is_some() || head.parent.is_some() || id == *parent {
        return Err(Error::HeadMoved { last: head.last.map(|v| v.number) }.into());
    }
    head.parent = Some((*parent, number));
    keys::HEAD.put(ctx.state, &id, &head);
    ctx.emit(Event::Forked { parent: *parent, number, fork: id });
    backup(ctx, &id, None, &last.content)
}

/// MIMEI-3, MIMEI-9: the owner alone.
fn grant(ctx: &mut Ctx<'_>, id: &MimeiId, who: &AccountId, rights: Option<Rights>) -> Result<(), Stop> {
    let head = require_owner(ctx, id)?;
    let key = (*id, head.generation, *who);
    match &rights {
        None => keys::GRANT.remove(ctx.state, &key),
        Some(rights) => keys::GRANT.put(ctx.state, &key, rights),
    }
    ctx.emit(Event::Granted { mimei: *id, who: *who, rights });
    Ok(())
}

/// MIMEI-7.
fn refer(ctx: &mut Ctx<'_>, from: &MimeiId, to: &MimeiId, add: bool) -> Result<(), Stop> {
    let head = require(ctx, from)?;
    require_right(ctx, from, &head, Right::Refer)?;
    let mut target = require(ctx, to)?;
    let key = (*from, *to);
    let was = keys::REFERENCE.get(ctx.state, &key)?.unwrap_or(0);
    let step = |n: u32| if add { n.checked_add(1) } else { n.checked_sub(1) };
    let count = step(was).ok_or(Error::Reference)?;
    target.referenced = step(target.referenced).ok_or(Error::Reference)?;
    if count == 0 {
        keys::REFERENCE.remove(ctx.state, &key);
    } else {
        keys::REFERENCE.put(ctx.state, &key, &count);
    }
    keys::HEAD.put(ctx.state, to, &target);
    ctx.emit(Event::Referred { from: *from, to: *to, count });
    Ok(())
}

/// MIMEI-8: the owner alone.
fn set_mask(ctx: &mut Ctx<'_>, id: &MimeiId, mask: Mask) -> Result<(), Stop> {
    let mut head = require_owner(ctx, id)?;
    head.mask = mask;
    keys::HEAD.put(ctx.state, id, &head);
    ctx.emit(Event::MaskSet { mimei: *id, mask });
    Ok(())
}

/// The owner alone; author and id stay. What the old owner allowed would otherwise bind the new one, who may not even know of it.
fn give(ctx: &mut Ctx<'_>, id: &MimeiId, to: &AccountId) -> Result<(), Stop> {
    let mut head = require_owner(ctx, id)?;
    head.owner = *to;
    head.mask = Mask::default();
    head.generation = head.generation.checked_add(1).ok_or(Error::Generation)?;
    keys::HEAD.put(ctx.state, id, &head);
    ctx.emit(Event::Given { mimei: *id, to: *to });
    Ok(())
}
