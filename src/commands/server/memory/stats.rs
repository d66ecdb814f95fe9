//! MEMORY STATS: the use of memory, by what it is for.

use larder_proto::resp::ReplyBuf;

use crate::commands::server::overhead;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl};

pub(crate) static MEMORY_STATS: CommandSpec = CommandSpec {
    name: "stats",
    arity: 2,
    acl: acl::SLOW,
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the use of memory, by what it is for",
        complexity: "O(1)",
        since: "4.0.0",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let memory = overhead::measure(context);
    let reply = &mut *context.reply;
    let number = |reply: &mut ReplyBuf, name: &str, value: i64| {
        reply.bulk(name.as_bytes());
        reply.integer(value);
    };
    let ratio = |reply: &mut ReplyBuf, name: &str, value: f64| {
        reply.bulk(name.as_bytes());
        reply.double(value);
    };
    reply.map(34 + memory.databases.len());
    number(reply, "peak.allocated", memory.peak as i64);
    number(reply, "total.allocated", memory.used as i64);
    number(reply, "startup.allocated", memory.startup as i64);
    for name in ["replication.backlog", "replicas.repl.buffer", "clients.slaves"] {
        number(reply, name, 0);
    }
    number(reply, "clients.normal", memory.clients as i64);
    for name in ["cluster.links", "cluster.slot_import", "cluster.slot_export", "aof.buffer", "lua.caches", "functions.caches"] {
        number(reply, name, 0);
    }
    for database in &memory.databases {
        reply.bulk(format!("db.{}", database.db).as_bytes());
        reply.map(2);
        number(reply, "overhead.hashtable.main", (database.table + database.headers) as i64);
        // Keys with an expiry lie in the same table.
        number(reply, "overhead.hashtable.expires", 0);
    }
    number(reply, "overhead.db.hashtable.lut", memory.databases.iter().map(|database| database.table as i64).sum());
    number(reply, "overhead.db.hashtable.rehashing", 0);
    number(reply, "overhead.total", memory.overhead() as i64);
    number(reply, "db.dict.rehashing.count", 0);
    number(reply, "keys.count", memory.keys as i64);
    number(reply, "keys.bytes-per-key", memory.dataset().checked_div(memory.keys).unwrap_or(0) as i64);
    number(reply, "dataset.bytes", memory.dataset() as i64);
    ratio(reply, "dataset.percentage", memory.dataset_percent());
    ratio(reply, "peak.percentage", memory.peak_percent());
    number(reply, "allocator.allocated", memory.used as i64);
    number(reply, "allocator.active", memory.resident as i64);
    number(reply, "allocator.resident", memory.resident as i64);
    number(reply, "allocator.muzzy", 0);
    let fragmentation = memory.resident as f64 / memory.used.max(1) as f64;
    let beyond = memory.resident as i64 - memory.used as i64;
    ratio(reply, "allocator-fragmentation.ratio", fragmentation);
    number(reply, "allocator-fragmentation.bytes", beyond);
    ratio(reply, "allocator-rss.ratio", 1.0);
    number(reply, "allocator-rss.bytes", 0);
    ratio(reply, "rss-overhead.ratio", 1.0);
    number(reply, "rss-overhead.bytes", 0);
    ratio(reply, "fragmentation", fragmentation);
    number(reply, "fragmentation.bytes", beyond);
    Ok(())
}
