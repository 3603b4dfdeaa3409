//! GW-13: one address has a share of the connections, and not all of them.

use crate::core::asker::Asker;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections by address: so many entries at most as there are connections.
#[derive(Clone)]
pub(super) struct Shares {
    held: Arc<Mutex<HashMap<Asker, usize>>>,
    max: usize,
}

/// The place of one connection in its address's share; given back when it is dropped.
pub(super) struct Share {
    shares: Shares,
    asker: Asker,
}

impl Shares {
    /// A quarter of so many for each address, one at least.
    pub(super) fn new(connections_max: usize) -> Self {
        Self { held: Arc::default(), max: (connections_max / 4).max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Asker, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more; nothing where its address has all of its share.
    pub(super) fn take(&self, asker: Asker) -> Option<Share> {
        let mut held = self.lock();
        let count = held.get(&asker).copied().unwrap_or(0);
        if count >= self.max {
            return None;
        }
        held.insert(asker, count.saturating_add(1));
        Some(Share { shares: self.clone(), asker })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        match held.get_mut(&self.asker) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                held.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_13_an_address_has_a_quarter_of_the_connections_and_a_network_one_share() {
        let shares = Shares::new(12);
        let ask = |address: &str| shares.take(Asker::of(address.parse().unwrap()));
        let mut held: Vec<Share> = ["2001:db8::1", "2001:db8::2", "2001:db8::1"].into_iter().filter_map(ask).collect();
        assert_eq!(held.len(), 3);
        assert!(ask("2001:db8::3").is_none(), "one network, one share");
        assert!(ask("2001:db8:0:1::3").is_some() && ask("192.0.2.1").is_some());
        assert_eq!(shares.lock().len(), 1, "what has ended is forgotten");
        drop(held.pop());
        assert!(ask("2001:db8::3").is_some());
        drop(held);
        assert!(shares.lock().is_empty());
        assert!(Shares::new(1).take(Asker::of([192, 0, 2, 1].into())).is_some());
    }
}
