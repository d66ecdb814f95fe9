//! Commands of Valkey 9.1 that this version does not have yet. They are answered as unknown commands, as clients expect who look for what
//! a server can do, but by name: it is no typing mistake. A test compares the list with a real Valkey's.

/// Their full names, sorted.
pub static TO_COME: &[&str] = &[
    "acl",
    "cluster|cancelslotmigrations",
    "cluster|failover",
    "cluster|flushslot",
    "cluster|getslotmigrations",
    "cluster|migrateslots",
    "cluster|replicate",
    "cluster|setslot",
    "cluster|slot-stats",
    "cluster|syncslots",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
    "function|dump",
    "migrate",
    "script",
];
