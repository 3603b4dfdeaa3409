use std::collections::BTreeMap;

/// SIM-8: virtual time and everything that is still to happen, in the order of (time, sequence): a plan has one order, always.
pub struct Clock<E> {
    now: u64,
    sequence: u64,
    events: BTreeMap<(u64, u64), E>,
}

impl<E> Default for Clock<E> {
    fn default() -> Self {
        Self { now: 0, sequence: 0, events: BTreeMap::new() }
    }
}

impl<E> Clock<E> {
    /// Milliseconds since the run began.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Lets `event` happen so many milliseconds from now.
    pub fn after(&mut self, ms: u64, event: E) {
        self.sequence += 1;
        self.events.insert((self.now.saturating_add(ms), self.sequence), event);
    }

    /// Moves time on to the next event.
    pub fn next(&mut self) -> Option<E> {
        let ((at, _), event) = self.events.pop_first()?;
        self.now = at;
        Some(event)
    }
}
