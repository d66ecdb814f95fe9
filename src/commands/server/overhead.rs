//! Where the memory goes: for INFO memory, MEMORY STATS and MEMORY DOCTOR.

use std::sync::atomic::Ordering;

use crate::base::alloc;
use crate::clients::cost;
use crate::engine::context::Context;

/// One database's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Database {
    /// Its number.
    pub(crate) db: u32,
    /// Bytes of the tables, entries excluded.
    pub(crate) table: u64,
    /// Bytes of the entries' headers.
    pub(crate) headers: u64,
}

/// All in bytes unless named otherwise.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// In use.
    pub(crate) used: u64,
    /// Most ever in use.
    pub(crate) peak: u64,
    /// In use after the start.
    pub(crate) startup: u64,
    /// Of the process in physical memory.
    pub(crate) resident: u64,
    /// Of all clients.
    pub(crate) clients: u64,
    /// Number of keys.
    pub(crate) keys: u64,
    /// Databases that were used.
    pub(crate) databases: Vec<Database>,
}

/// Bytes of an entry's header.
const HEADER: u64 = 8;

pub(crate) fn measure(context: &mut Context<'_>) -> Memory {
    let shared = context.shared;
    alloc::flush_thread();
    let used = alloc::used_bytes();
    shared.metrics.memory.note(used);
    let keyspace = context.keys.keyspace();
    let count = keyspace.databases();
    let mut tables = vec![(0u64, 0u64); count];
    for number in 0..keyspace.stripes() as u32 {
        context.keys.with_stripe(number, |access| {
            for (table, keys) in access.stripe(number).tables() {
                let of = &mut tables[keyspace.db_of(table) as usize];
                of.0 += keys.table.overhead_bytes() as u64;
                of.1 += keys.table.len() as u64;
            }
        });
    }
    let databases = tables.iter().enumerate().filter(|(db, (table, _))| *table > 0 || keyspace.was_emptied(*db as u32));
    let mut resident = shared.metrics.memory.resident.load(Ordering::Relaxed);
    if resident == 0 {
        shared.metrics.memory.sample();
        resident = shared.metrics.memory.resident.load(Ordering::Relaxed);
    }
    Memory {
        used: used as u64,
        peak: shared.metrics.memory.peak() as u64,
        startup: shared.metrics.memory.startup.load(Ordering::Relaxed) as u64,
        resident,
        clients: shared.clients.all().iter().map(|client| cost::memory(client).total()).sum(),
        keys: tables.iter().map(|(_, keys)| keys).sum(),
        databases: databases.map(|(db, (table, keys))| Database { db: db as u32, table: *table, headers: keys * HEADER }).collect(),
    }
}

impl Memory {
    /// What is not data.
    pub(crate) fn overhead(&self) -> u64 {
        let tables: u64 = self.databases.iter().map(|database| database.table + database.headers).sum();
        (self.startup + self.clients + tables).min(self.used)
    }

    /// What is data.
    pub(crate) fn dataset(&self) -> u64 {
        self.used - self.overhead()
    }

    /// Data as a percentage of what is in use beyond the start.
    pub(crate) fn dataset_percent(&self) -> f64 {
        self.dataset() as f64 * 100.0 / self.used.saturating_sub(self.startup).max(1) as f64
    }

    /// What is in use as a percentage of the peak.
    pub(crate) fn peak_percent(&self) -> f64 {
        self.used as f64 * 100.0 / self.peak.max(1) as f64
    }
}
