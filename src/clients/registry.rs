//! All connected clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::client::Client;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>, foldhash::fast::RandomState>,
    last_id: AtomicU64,
    memory: AtomicU64,
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

    /// Removes a client.
    pub fn remove(&self, id: u64) {
        self.clients.remove(&id);
    }

    /// Asks a client to close, and removes it at once: from here on nobody sees it.
    pub fn kill(&self, client: &Client) {
        client.close_asap();
        self.remove(client.id);
    }

    /// Memory of all connections, in bytes, as each last reported it.
    #[inline]
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Notes that a connection which reported `before` bytes now takes `now`.
    pub fn report_memory(&self, before: u64, now: u64) {
        self.memory.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
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
