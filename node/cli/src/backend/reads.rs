//! What keeps reads bounded and cheap.

use leither_rpc_api::{ApiError, Reason};
use leither_rpc_server::Answer;
use leither_types::Height;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Questions that are worked on at one time. More would only wait for the same disk and the same cores.
pub(super) const AT_ONCE: usize = 16;

/// Questions to contracts and trials at one time: each may take a fifth of a second of a core, which the node needs for its blocks.
pub(super) const RUNS_AT_ONCE: usize = 1;

/// Threads on which questions are answered: only so many at once. A client that gives up frees no thread, so its question keeps its
/// place until it is answered; else whoever asks and hangs up could pile up work without end.
#[derive(Clone)]
pub(super) struct Readers {
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)) }
    }

    /// Waits for a place, and for the answer.
    pub(super) async fn ask<T: Send + 'static>(&self, question: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
        let Ok(place) = self.places.clone().acquire_owned().await else {
            return Err(ApiError::new(Reason::NotReady, "the node is stopping"));
        };
        let work = move || {
            let answer = question();
            drop(place);
            answer
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(_) => Err(ApiError::new(Reason::Internal, "the question failed inside the node; its log says more")),
        }
    }
}

/// What was read of the height last asked for: the rows of a list come in the order of their blocks, and each block is decoded once.
pub(super) struct LastRead<T>(Option<(Height, T)>);

impl<T> LastRead<T> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// What `read` gives for this height, asked only where the height is another than before.
    pub(super) fn at(&mut self, height: Height, read: impl FnOnce() -> Answer<T>) -> Answer<&T> {
        let kept = match self.0.take().filter(|(of, _)| *of == height) {
            Some(kept) => kept,
            None => (height, read()?),
        };
        Ok(&self.0.insert(kept).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_keeps_its_place() {
        let readers = Readers::new(1);
        let (go, gate) = mpsc::channel::<()>();
        let slow = readers.ask(move || {
            let _opened = gate.recv();
            Ok(1)
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), slow).await.is_err());
        let early = tokio::time::timeout(Duration::from_millis(100), readers.ask(|| Ok(2))).await;
        assert!(early.is_err(), "the only place is taken");
        go.send(()).unwrap();
        let late = tokio::time::timeout(Duration::from_secs(30), readers.ask(|| Ok(3))).await;
        assert_eq!(late.unwrap(), Ok(3));
    }

    #[tokio::test]
    async fn a_question_that_panics_gives_its_place_back() {
        let readers = Readers::new(1);
        let failed: Answer<u8> = readers.ask(|| panic!("on purpose")).await;
        assert_eq!(failed.unwrap_err().reason, Reason::Internal);
        assert_eq!(readers.ask(|| Ok(1)).await, Ok(1));
    }

    #[test]
    fn rows_of_one_block_read_it_once() {
        let reads = Cell::new(0);
        let mut last = LastRead::new();
        for height in [9, 9, 9, 7, 7, 9] {
            let read = || {
                reads.set(reads.get() + 1);
                Ok(height * 10)
            };
            assert_eq!(last.at(height, read), Ok(&(height * 10)));
        }
        assert_eq!(reads.get(), 3);
        assert!(last.at(8, || Err(ApiError::params("no"))).is_err());
    }
}
