//! BITSWAP-8: threads that read the store, so that a slow disk never holds up the swarm.

use crate::store::{BlockStore, StoreError};
use crate::wire::{Ask, BLOCK_BYTES_MAX};
use bytes::Bytes;
use cid::Cid;
use libp2p::PeerId;
use libp2p::futures::StreamExt;
use libp2p::futures::channel::mpsc as results;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

/// Lookups that wait or are being made.
pub const JOBS_MAX: usize = 16;
/// A job ends when its blocks have so many bytes together: what is left of it waits for its peer's next turn.
pub const JOB_BYTES: usize = 1 << 20;
/// A block as small as this is sent where HAVE was asked, as kubo and Helia do.
pub const INSTEAD_OF_HAVE_BYTES: usize = 1024;

/// What one peer wants to know.
pub(crate) struct Job {
    pub number: u64,
    pub peer: PeerId,
    pub wants: VecDeque<(Cid, Ask)>,
}

pub(crate) enum Answer {
    Block(Bytes),
    Have,
    Absent,
}

/// A job's answers, and the part of it that is still to be done.
pub(crate) struct Done {
    pub number: u64,
    pub peer: PeerId,
    pub answers: Vec<(Cid, Answer)>,
    pub rest: VecDeque<(Cid, Ask)>,
    pub fault: Option<StoreError>,
}

/// The threads. Dropping this waits for them: whoever has dropped the swarm may close what the store stands on.
pub(crate) struct Workers {
    /// Taken when it is over.
    jobs: Option<mpsc::SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    done: results::UnboundedReceiver<Done>,
    running: usize,
}

impl Workers {
    pub fn new(store: Arc<dyn BlockStore>, threads: usize) -> std::io::Result<Self> {
        let (jobs, todo) = mpsc::sync_channel::<Job>(JOBS_MAX);
        let todo = Arc::new(Mutex::new(todo));
        // As long as the jobs that run, which are counted.
        let (answers, done) = results::unbounded();
        let mut all = Vec::new();
        for n in 0..threads.max(1) {
            let (store, todo, answers) = (store.clone(), todo.clone(), answers.clone());
            let work = move || {
                loop {
                    let next = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = next else { return };
                    if answers.unbounded_send(look_up(&*store, job)).is_err() {
                        return;
                    }
                }
            };
            all.push(std::thread::Builder::new().name(format!("bitswap-store-{n}")).spawn(work)?);
        }
        Ok(Self { jobs: Some(jobs), threads: all, done, running: 0 })
    }

    pub fn has_room(&self) -> bool {
        self.running < JOBS_MAX
    }

    /// Takes a job; gives it back where there is no room.
    pub fn submit(&mut self, job: Job) -> Result<(), Job> {
        if !self.has_room() {
            return Err(job);
        }
        let Some(jobs) = &self.jobs else { return Err(job) };
        match jobs.try_send(job) {
            Ok(()) => {
                self.running = self.running.saturating_add(1);
                Ok(())
            }
            Err(mpsc::TrySendError::Full(job) | mpsc::TrySendError::Disconnected(job)) => Err(job),
        }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        match self.done.poll_next_unpin(cx) {
            Poll::Ready(Some(done)) => {
                self.running = self.running.saturating_sub(1);
                Poll::Ready(done)
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // What a store panics with is caught before.
            let _ = thread.join();
        }
    }
}

fn look_up(store: &dyn BlockStore, mut job: Job) -> Done {
    let (mut answers, mut bytes, mut fault) = (Vec::with_capacity(job.wants.len()), 0usize, None);
    while bytes < JOB_BYTES {
        let Some((cid, ask)) = job.wants.pop_front() else { break };
        // A store that panics has failed; the thread and the other peers go on.
        let answer = catch_unwind(AssertUnwindSafe(|| one(store, &cid, ask)))
            .unwrap_or_else(|_| Err(StoreError { cid: Box::new(cid), why: "it panicked".into() }));
        let answer = answer.unwrap_or_else(|error| {
            fault.get_or_insert(error);
            Answer::Absent
        });
        if let Answer::Block(data) = &answer {
            bytes = bytes.saturating_add(data.len());
        }
        answers.push((cid, answer));
    }
    Done { number: job.number, peer: job.peer, answers, rest: job.wants, fault }
}

fn one(store: &dyn BlockStore, cid: &Cid, ask: Ask) -> Result<Answer, StoreError> {
    if ask == Ask::Have {
        match store.size(cid)? {
            None => return Ok(Answer::Absent),
            Some(size) if size > BLOCK_BYTES_MAX => return Ok(Answer::Absent),
            Some(size) if size > INSTEAD_OF_HAVE_BYTES => return Ok(Answer::Have),
            Some(_) => {}
        }
    }
    // One that nobody would take is not offered.
    let block = store.get(cid)?.filter(|data| data.len() <= BLOCK_BYTES_MAX);
    Ok(block.map_or(Answer::Absent, Answer::Block))
}
