//! INFO memory.

use super::lines::{Lines, human};
use crate::base::process;
use crate::commands::server::overhead;
use crate::engine::context::Context;

pub(super) fn write(context: &mut Context<'_>, lines: &mut Lines) {
    let memory = overhead::measure(context);
    let maxmemory = context.config.maxmemory;
    // What this very reply takes is gone with it: a client that compares with `maxmemory` wants the rest.
    let used = memory.used.saturating_sub(lines.0.capacity() as u64);
    lines.add_bytes("used_memory", used);
    lines.add_bytes("used_memory_rss", memory.resident);
    lines.add_bytes("used_memory_peak", memory.peak);
    lines.add("used_memory_peak_perc", format_args!("{:.2}%", memory.peak_percent()));
    lines.add("used_memory_overhead", memory.overhead());
    lines.add("used_memory_startup", memory.startup);
    lines.add("used_memory_dataset", memory.dataset());
    lines.add("used_memory_dataset_perc", format_args!("{:.2}%", memory.dataset_percent()));
    // The allocator does not tell what it holds back: what is in use and what is resident bound it.
    lines.add("allocator_allocated", used);
    lines.add("allocator_active", memory.resident);
    lines.add("allocator_resident", memory.resident);
    lines.add("allocator_muzzy", 0);
    let total = process::total_memory();
    lines.add_bytes("total_system_memory", total);
    // Scripts and functions are not there yet: no memory of theirs.
    lines.add("used_memory_lua", 0);
    lines.add("used_memory_vm_eval", 0);
    lines.add("used_memory_lua_human", human(0));
    lines.add("used_memory_scripts_eval", 0);
    lines.add("number_of_cached_scripts", 0);
    lines.add("number_of_functions", 0);
    lines.add("number_of_libraries", 0);
    lines.add("used_memory_vm_functions", 0);
    lines.add_bytes("used_memory_vm_total", 0);
    lines.add("used_memory_functions", 0);
    lines.add_bytes("used_memory_scripts", 0);
    lines.add_bytes("maxmemory", maxmemory);
    lines.add("maxmemory_policy", context.config.maxmemory_policy.as_str());
    let ratio = memory.resident as f64 / used.max(1) as f64;
    let beyond = memory.resident as i64 - used as i64;
    lines.add("allocator_frag_ratio", format_args!("{ratio:.2}"));
    lines.add("allocator_frag_bytes", beyond);
    lines.add("allocator_rss_ratio", format_args!("{:.2}", 1.0));
    lines.add("allocator_rss_bytes", 0);
    lines.add("rss_overhead_ratio", format_args!("{:.2}", 1.0));
    lines.add("rss_overhead_bytes", 0);
    lines.add("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    lines.add("mem_fragmentation_bytes", beyond);
    lines.add("mem_not_counted_for_evict", 0);
    // Replicas and backlog share the bytes of the log.
    let log = &context.shared.write_log;
    let backlog = context.shared.replication.look().backlog.map_or(0, |from| log.end().saturating_sub(from));
    lines.add("mem_replication_backlog", backlog);
    lines.add("mem_total_replication_buffers", if context.shared.replication.count() > 0 { log.kept_bytes() } else { backlog });
    lines.add("mem_replicas_repl_buffer", 0);
    lines.add("mem_clients_slaves", 0);
    lines.add("mem_clients_normal", memory.clients);
    lines.add("mem_cluster_links", 0);
    lines.add("mem_cluster_slot_import", 0);
    lines.add("mem_cluster_slot_export", 0);
    lines.add("mem_aof_buffer", 0);
    lines.add("mem_allocator", "mimalloc");
    // Tables grow bucket by bucket: there is no second table to rehash into.
    lines.add("mem_overhead_db_hashtable_rehashing", 0);
    lines.add("active_defrag_running", 0);
    let lazyfree = &context.shared.keyspace.lazyfree;
    lines.add("lazyfree_pending_objects", lazyfree.pending());
    lines.add("lazyfreed_objects", lazyfree.freed());
}
