//! Whose turn it is: of those that are followed, first who changed, as the chain's pulses say; then, page by page, all of them; then who is new, or
//! failed and is tried again.

use super::super::calls::{Answer, No};
use super::super::chain::Changed;
use super::{Follow, PACE, followed, is_followed};
use crate::backend::Newest;
use leither_kit::Cid;
use leither_storage::ContentStore;
use leither_types::MimeiId;
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};

/// HOLD-6: between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(500);
/// HOLD-6: the same after a start, and where something went by unheard: until all were looked at.
pub(super) const LOOK_SOON: Duration = Duration::from_millis(15);
/// HOLD-6: MiMeis of one look: a thousand a second; of more, some wait for their turn.
const LOOK_MAX: usize = 500;
/// The same where hands are full: a few of those who come next.
const LOOK_FEW: usize = 32;
/// MiMeis that are brought up at once.
pub(super) const JOBS_MAX: usize = 8;

/// HOLD-6: the net: how far the looks at all that are followed are.
#[derive(Default)]
pub(super) struct Sweep {
    /// The last that was looked at; nothing: it begins with the first.
    pub after: Option<MimeiId>,
    /// So often it has to come to the end in haste: what was missed may be before where it is.
    ends: u8,
}

impl Sweep {
    /// All are to be looked at: what is left of this round, and a whole one.
    pub fn hasten(&mut self) {
        self.ends = if self.after.is_none() { 1 } else { 2 };
    }

    /// A look was had, which came to the end of all or did not. Gives the pause before the next: the whole one where it failed, or hands are full; one
    /// that comes free has it go on.
    pub fn looked(&mut self, is_over: bool, is_free: bool, pause: Duration) -> Duration {
        if is_over {
            self.ends = self.ends.saturating_sub(1);
        }
        if self.ends > 0 && is_free { LOOK_SOON } else { pause }
    }
}

/// What came of a MiMei that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It is being brought up, or there is nothing to do.
    Had,
    /// There is, and somebody is at work on it already.
    Busy,
    /// There is, and all hands are full.
    Waits,
}

/// HOLD-6: those of them whose newest or released version is not here as what it is: somebody let go of it since it came.
fn lacking(store: &ContentStore, all: &[(MimeiId, Newest)]) -> Answer<Vec<MimeiId>> {
    let is_here = |id: &MimeiId, number: u64, cid: Option<Cid>| -> Answer<bool> {
        let kept = store.version(id, number)?;
        Ok(kept.is_some_and(|kept| cid.is_none_or(|cid| kept.cid == cid)))
    };
    let mut found = Vec::new();
    for (id, newest) in all {
        let last = newest.last.map(|(number, cid)| (number, Some(cid)));
        for (number, cid) in last.into_iter().chain(newest.release) {
            if !is_here(id, number, cid)? {
                found.push(*id);
                break;
            }
        }
    }
    Ok(found)
}

impl Follow {
    /// Works until the end.
    pub(in super::super) async fn run(self, end: impl Future<Output = ()> + Send) {
        self.run_with(LOOK, end).await;
    }

    pub(super) async fn run_with(self, pause: Duration, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        // Before the first look: what changes from then on is heard.
        let mut changes = self.chain.changes();
        let (mut jobs, mut sweep, mut hears) = (JoinSet::<MimeiId>::new(), Sweep::default(), true);
        let mut next = Instant::now();
        sweep.hasten();
        loop {
            tokio::select! {
                () = &mut end => break,
                Some(ended) = jobs.join_next() => {
                    // The chain may have moved on while it was fetched.
                    ended.iter().for_each(|id| self.book.hear(std::slice::from_ref(id)));
                    if self.book.others_wait() {
                        next = Instant::now();
                    }
                }
                changed = changes.next(), if hears => hears = self.hear(&changed),
                () = self.book.called() => {}
                () = sleep_until(next) => {
                    let looked = self.look(&mut sweep.after, &mut jobs).await;
                    let is_over = looked.as_ref().map_or(sweep.after.is_none(), |is_over| *is_over);
                    next = Instant::now() + sweep.looked(is_over, looked.is_ok() && !self.book.others_wait(), pause);
                    if let Err(no) = looked {
                        tracing::warn!(error = no.message, "what is followed could not be looked at; it is tried again");
                    }
                }
            }
            if self.book.take_missed() {
                sweep.hasten();
                next = next.min(Instant::now() + LOOK_SOON);
            }
            if let Err(no) = self.answer(&mut jobs).await {
                tracing::warn!(error = no.message, "what changed could not be looked at; it is tried again");
            }
        }
        jobs.shutdown().await;
    }

    /// HOLD-6: what the chain says. False where it will say no more.
    pub(super) fn hear(&self, changed: &Changed) -> bool {
        match changed {
            Changed::Heads(ids) => self.book.hear(ids),
            Changed::Missed => self.book.miss(),
            Changed::Ended => return false,
        }
        true
    }

    /// HOLD-6: those of which something was heard, then those that are new or tried again, as far as there are hands.
    pub(super) async fn answer(&self, jobs: &mut JoinSet<MimeiId>) -> Answer<()> {
        while jobs.len() < JOBS_MAX {
            let mut asked = self.book.take_heard(LOOK_MAX);
            let is_heard = !asked.is_empty();
            // Where all that are followed are looked at in turns and some wait for hands, these are among them.
            if !is_heard && !self.book.others_wait() {
                asked = self.book.take_later(LOOK_FEW, Instant::now());
            }
            if asked.is_empty() {
                break;
            }
            let looked = self.newest_followed(&asked).await;
            let looked = looked.inspect_err(|_| self.stand_back(asked, is_heard))?;
            let (mut busy, mut wait) = (Vec::new(), Vec::new());
            for (id, newest) in looked {
                match self.turn(id, newest, jobs) {
                    Turn::Had => {}
                    Turn::Busy => busy.push(id),
                    Turn::Waits => wait.push(id),
                }
            }
            if is_heard && !wait.is_empty() {
                self.book.set_others_wait(true);
            }
            self.stand_back(wait, is_heard);
            // Whoever is at work on it is not done within no time.
            self.stand_back(busy, false);
        }
        Ok(())
    }

    /// These had no turn.
    fn stand_back(&self, ids: Vec<MimeiId>, is_heard: bool) {
        match is_heard {
            true => self.book.put_back(ids),
            false => self.book.put_off(ids, Instant::now() + LOOK),
        }
    }

    /// What the chain says of those of them that are followed; the others are forgotten.
    async fn newest_followed(&self, asked: &[MimeiId]) -> Answer<Vec<(MimeiId, Option<Newest>)>> {
        let (store, ids) = (self.store.clone(), asked.to_vec());
        let work = move || -> Answer<(Vec<MimeiId>, Vec<MimeiId>)> {
            let (mut here, mut gone) = (Vec::new(), Vec::new());
            for id in ids {
                if is_followed(&store, &id)? { here.push(id) } else { gone.push(id) }
            }
            Ok((here, gone))
        };
        let (here, gone) = spawn_blocking(work).await.map_err(No::fault)??;
        gone.iter().for_each(|id| self.book.forget(id));
        if here.is_empty() {
            return Ok(Vec::new());
        }
        self.compared(here).await
    }

    /// HOLD-6: what the chain says of these, which are followed. What was brought up to that and is here no more is due again.
    async fn compared(&self, ids: Vec<MimeiId>) -> Answer<Vec<(MimeiId, Option<Newest>)>> {
        self.book.heed(&ids);
        let newest = self.chain.newest(ids.clone()).await.map_err(No::fault)?;
        let told: Vec<(MimeiId, Option<Newest>)> = ids.into_iter().zip(newest).collect();
        let (store, done) = (self.store.clone(), self.book.done(&told));
        if !done.is_empty() {
            let gone = spawn_blocking(move || lacking(&store, &done)).await.map_err(No::fault)??;
            self.book.reopen(&gone);
        }
        Ok(told)
    }

    /// Brings it up, if that is due and there are hands.
    fn turn(&self, id: MimeiId, newest: Option<Newest>, jobs: &mut JoinSet<MimeiId>) -> Turn {
        let is_due = |newest: &Newest| newest.last.is_some() && self.book.is_due(&id, newest, Instant::now());
        let Some(newest) = newest.filter(is_due) else { return Turn::Had };
        // What is being brought up has its turn.
        let Some(busy) = self.book.enter(id) else { return Turn::Busy };
        if jobs.len() >= JOBS_MAX {
            return Turn::Waits;
        }
        let this = self.clone();
        jobs.spawn(async move {
            this.try_one(id, newest, PACE).await;
            drop(busy);
            id
        });
        Turn::Had
    }

    /// HOLD-6: the next page of those that are followed; what is new is begun with, as far as there are hands. Whether all were looked at by now.
    pub(super) async fn look(&self, after: &mut Option<MimeiId>, jobs: &mut JoinSet<MimeiId>) -> Answer<bool> {
        let (store, from) = (self.store.clone(), *after);
        let most = if self.book.others_wait() { LOOK_FEW } else { LOOK_MAX };
        let work = move || followed(&store, from.as_ref(), most);
        let (ids, more) = spawn_blocking(work).await.map_err(No::fault)??;
        let mut seen = from;
        *after = ids.last().copied().filter(|_| more);
        let mut others_wait = false;
        if !ids.is_empty() {
            for (id, newest) in self.compared(ids).await? {
                if self.turn(id, newest, jobs) == Turn::Waits {
                    // The next look begins with who had no turn.
                    (*after, others_wait) = (seen, true);
                    break;
                }
                seen = Some(id);
            }
        }
        self.book.set_others_wait(others_wait || (jobs.len() >= JOBS_MAX && self.book.is_asked()));
        // Where the first of all had no turn there is nobody to go on behind, either.
        Ok(after.is_none() && !others_wait)
    }
}
