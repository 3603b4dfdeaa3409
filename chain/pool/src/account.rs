use leither_types::AccountId;

/// An account's transactions in the pool have nonces in a window of this length, which begins at its next one.
pub const NONCES_AHEAD_MAX: u64 = 16;

/// One account's window of nonces: each has a seat with the arrival number of its transaction, or 0.
pub(crate) struct Account {
    pub id: AccountId,
    /// The nonce that the next committed transaction must have.
    pub next: u64,
    /// By nonce modulo the window's length, which names each nonce of the window once.
    seats: [u64; NONCES_AHEAD_MAX as usize],
}

impl Account {
    pub fn new(id: AccountId, next: u64) -> Self {
        Self { id, next, seats: [0; NONCES_AHEAD_MAX as usize] }
    }

    fn index(nonce: u64) -> usize {
        (nonce % NONCES_AHEAD_MAX) as usize
    }

    fn window(&self) -> impl Iterator<Item = u64> {
        (0..NONCES_AHEAD_MAX).map_while({
            let next = self.next;
            move |ahead| next.checked_add(ahead)
        })
    }

    /// The arrival of the transaction with this nonce.
    pub fn seat(&self, nonce: u64) -> Option<u64> {
        nonce.checked_sub(self.next).filter(|ahead| *ahead < NONCES_AHEAD_MAX)?;
        self.seats.get(Self::index(nonce)).copied().filter(|arrival| *arrival != 0)
    }

    pub fn sit(&mut self, nonce: u64, arrival: u64) {
        if let Some(seat) = self.seats.get_mut(Self::index(nonce)) {
            *seat = arrival;
        }
    }

    /// Frees the seat if it is still this transaction's.
    pub fn rise(&mut self, nonce: u64, arrival: u64) {
        if let Some(seat) = self.seats.get_mut(Self::index(nonce)).filter(|seat| **seat == arrival) {
            *seat = 0;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.seats.iter().all(|seat| *seat == 0)
    }

    /// The seats taken, by nonce.
    pub fn taken(&self) -> Vec<(u64, u64)> {
        self.window().filter_map(|nonce| Some((nonce, self.seat(nonce)?))).collect()
    }

    /// The first nonce of the window without a transaction, or the first after it.
    pub fn first_gap(&self) -> u64 {
        self.window().find(|nonce| self.seat(*nonce).is_none()).unwrap_or(self.next.saturating_add(NONCES_AHEAD_MAX))
    }

    /// Moves the window up to `next`; says whose seats fell out of it.
    pub fn advance(&mut self, next: u64) -> Vec<u64> {
        let stale: Vec<_> = self.taken().into_iter().filter(|(nonce, _)| *nonce < next).collect();
        // Before the window moves: afterwards these seats are other nonces'.
        stale.iter().for_each(|(nonce, arrival)| self.rise(*nonce, *arrival));
        self.next = next;
        stale.into_iter().map(|(_, arrival)| arrival).collect()
    }
}
