//! Connections to the bus whose other side has not proved itself yet. There are few places for them, and strangers cannot keep nodes from
//! getting one: who comes when all are taken gets the place of the one that has waited longest among those of the address with the most.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::base::clock;
use crate::base::limits::BUS_STRANGERS_MAX;
use crate::base::repeated::{Repeated, and_before};

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    places: Mutex<Places>,
    refused: Repeated,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    /// Those who came first stand first.
    taken: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    number: u64,
    address: IpAddr,
    /// Dropped with the place, which its holder notices.
    _holder: oneshot::Sender<()>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Stay {
    strangers: Arc<Strangers>,
    number: u64,
    lost: oneshot::Receiver<()>,
}

impl Strangers {
    /// Gives a place to a connection from this address.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Stay {
        let mut places = self.places.lock();
        if places.taken.len() >= BUS_STRANGERS_MAX {
            places.evict();
        }
        let number = places.next;
        places.next += 1;
        let (holder, lost) = oneshot::channel();
        places.taken.push(Place { number, address, _holder: holder });
        Stay { strangers: Arc::clone(self), number, lost }
    }

    /// Tells the log of a connection that was refused, but not of each in a flood.
    pub(super) fn refused(&self, from: &str, why: &dyn std::fmt::Display) {
        if let Some(before) = self.refused.happened(clock::monotonic_ms()) {
            tracing::warn!("cluster bus: connection from {from} refused: {why}{}", and_before(before));
        }
    }

    /// Tells of those that the log does not know of although the flood is over.
    pub(super) fn tell_overdue(&self) {
        if let Some(times) = self.refused.overdue(clock::monotonic_ms()) {
            tracing::warn!("cluster bus: {times} more connections were refused");
        }
    }
}

impl Places {
    fn evict(&mut self) {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        self.taken.iter().for_each(|place| *counts.entry(place.address).or_default() += 1);
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address);
        if let Some(at) = self.taken.iter().position(|place| Some(place.address) == most) {
            self.taken.remove(at);
        }
    }
}

impl Stay {
    /// Waits until somebody else got the place.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent: only the end counts.
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.strangers.places.lock().taken.retain(|place| place.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_lost(stay: &mut Stay) -> bool {
        !matches!(stay.lost.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }

    #[test]
    fn a_flood_takes_only_its_own_places() {
        let strangers = Arc::new(Strangers::default());
        let [flood, node] = [[10, 0, 0, 9], [10, 0, 0, 1]].map(IpAddr::from);
        let mut stays: Vec<Stay> = (1..BUS_STRANGERS_MAX).map(|_| strangers.enter(flood)).collect();
        let mut peer = strangers.enter(node);
        stays.extend((0..10).map(|_| strangers.enter(flood)));
        assert_eq!(strangers.places.lock().taken.len(), BUS_STRANGERS_MAX);
        assert!(!is_lost(&mut peer));
        let lost: Vec<bool> = stays.iter_mut().map(is_lost).collect();
        assert!(lost[..10].iter().all(|lost| *lost) && !lost[10..].iter().any(|lost| *lost), "the oldest go: {lost:?}");
        drop((stays, peer));
        assert_eq!(strangers.places.lock().taken.len(), 0);
    }
}
