//! All connected clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::client::Client;
use super::cost;

/// What [`Client::dying`] says of a client that has ended: nothing of it is there any more.
const ENDED: u64 = u64::MAX;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>, foldhash::fast::RandomState>,
    last_id: AtomicU64,
    reported: AtomicU64,
    dying: AtomicU64,
}

impl Registry {
    /// A number for a new client: from 1, ascending.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a client.
    pub fn add(&self, client: Arc<Client>) {
        self.clients.insert(client.id, client);
    }

    /// Asks a client to close, and removes it at once: from here on nobody sees it. Its memory becomes free when its task gets to
    /// it; until then it counts as dying. False if somebody else was first, or it has ended already.
    pub fn kill(&self, client: &Client) -> bool {
        let bytes = cost::memory(client).total();
        // Counted before others find that it is dying: they look for memory elsewhere then.
        self.dying.fetch_add(bytes, Ordering::AcqRel);
        let is_first = client.dying.compare_exchange(0, bytes, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if !is_first {
            self.dying.fetch_sub(bytes, Ordering::Relaxed);
        }
        client.close_asap();
        self.remove(client.id);
        is_first
    }

    /// Removes a client that is about to end: from here on nobody sees it.
    pub fn remove(&self, id: u64) {
        self.clients.remove(&id);
    }

    /// Removes a client that has ended. Called when all memory of its own is free.
    pub fn end(&self, client: &Client) {
        self.remove(client.id);
        self.reported.fetch_sub(client.figures.reported.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        self.dying.fetch_sub(client.dying.swap(ENDED, Ordering::AcqRel), Ordering::AcqRel);
    }

    /// Notes what a client takes now. True if that is more than before. Called by its connection.
    pub fn report(&self, client: &Client) -> bool {
        let now = cost::memory(client).total();
        let before = client.figures.reported.swap(now, Ordering::Relaxed);
        if now != before {
            self.reported.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        }
        now > before
    }

    /// Memory of the connections that stay, in bytes, as each last reported it.
    #[inline]
    pub fn memory(&self) -> u64 {
        self.reported.load(Ordering::Relaxed).saturating_sub(self.dying())
    }

    /// Memory of those that were asked to close and are not gone yet, in bytes.
    #[inline]
    pub fn dying(&self) -> u64 {
        self.dying.load(Ordering::Relaxed)
    }

    /// The client with this number.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.clients.get(&id).map(|client| Arc::clone(&client))
    }

    /// Number of clients.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// True if nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// All clients, in the order in which they connected.
    pub fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.clients.iter().map(|client| Arc::clone(&client)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_clients_which_stay() {
        let registry = Registry::default();
        let clients: Vec<_> = (1..=3).map(|id| Client::new(id, String::new(), String::new(), 0, 0, 0)).collect();
        let empty = cost::memory(&clients[0]).total();
        for client in &clients {
            registry.add(Arc::clone(client));
            client.figures.query_buffer.store(client.id * 1000, Ordering::Relaxed);
            assert!(registry.report(client), "it is new");
            assert!(!registry.report(client), "nothing has changed");
        }
        let check =
            |memory: u64, dying: u64, len: usize| assert_eq!((registry.memory(), registry.dying(), registry.len()), (memory, dying, len));
        check(3 * empty + 6000, 0, 3);
        assert!(registry.kill(&clients[1]));
        check(2 * empty + 4000, empty + 2000, 2);
        assert!(!registry.kill(&clients[1]), "it is dying");
        check(2 * empty + 4000, empty + 2000, 2);
        registry.end(&clients[1]);
        check(2 * empty + 4000, 0, 2);
        registry.end(&clients[2]);
        assert!(!registry.kill(&clients[2]), "it has ended");
        check(empty + 1000, 0, 1);
    }
}
