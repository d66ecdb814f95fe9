//! Options of memory: its limit, eviction, expiry, freeing in the background, defragmentation.

use super::shared::{INT_MAX, LONG_MAX, MIB};
use crate::config::row::Storage::Kept;
use crate::config::row::{Row, field, memory, number, word, yes_no};
use crate::config::value::MaxmemoryPolicy;

const DEFRAG_TUNING: &str = "it tunes active defragmentation, which this version does not have yet";

pub(super) static ROWS: &[Row] = &[
    memory("maxmemory", 0, u64::MAX as i128, 0, field!(maxmemory)).example("4gb").doc(
        "Memory for data. When it is reached, keys are evicted as maxmemory-policy says, or writes are refused. 0 sets \
         no limit.",
    ),
    word("maxmemory-policy", MaxmemoryPolicy::WORDS, "noeviction", field!(maxmemory_policy)).doc(
        "Which keys go: allkeys-* chooses among all, volatile-* among those with a time to live; lru evicts what was \
         not used for longest, lfu what is used least often, random any, ttl what expires soonest. noeviction refuses \
         writes instead.",
    ),
    number("maxmemory-samples", 1, 64, 5, field!(maxmemory_samples))
        .doc("Keys looked at for each one evicted: more finds better ones and costs more time."),
    number("maxmemory-eviction-tenacity", 0, 100, 10, field!(maxmemory_eviction_tenacity))
        .doc("How long one round of eviction may delay other work: 0 hardly at all, 100 until memory is below the limit."),
    number("lfu-log-factor", 0, INT_MAX, 10, field!(lfu_log_factor)).doc(
        "How slowly the counter of a key's uses grows, for lfu: a higher factor tells apart keys that are used very \
         often.",
    ),
    number("lfu-decay-time", 0, INT_MAX, 1, field!(lfu_decay_time))
        .doc("Minutes after which an unused key's counter goes down by one. 0 never lets it go down."),
    number("active-expire-effort", 1, 10, 1, field!(active_expire_effort)).doc(
        "How hard the server looks for expired keys that nobody asks for: more keeps less dead data in memory and \
         costs more time.",
    ),
    yes_no("import-mode", false, field!(import_mode)).doc("Leave expired keys alone while another server's data is copied in."),
    yes_no("lazyfree-lazy-eviction", true, field!(lazyfree_lazy_eviction)).doc("Free the values of evicted keys in the background."),
    yes_no("lazyfree-lazy-expire", true, field!(lazyfree_lazy_expire)).doc("Free the values of expired keys in the background."),
    yes_no("lazyfree-lazy-server-del", true, field!(lazyfree_lazy_server_del))
        .doc("Free values in the background when a command such as RENAME overwrites them."),
    yes_no("lazyfree-lazy-user-del", true, field!(lazyfree_lazy_user_del)).doc("Let DEL free in the background, as UNLINK does."),
    yes_no("lazyfree-lazy-user-flush", true, field!(lazyfree_lazy_user_flush))
        .doc("Let FLUSHALL and FLUSHDB free in the background when they say neither SYNC nor ASYNC."),
    yes_no("activerehashing", true, Kept)
        .no_effect("hash tables grow in small steps and never need rehashing in the background")
        .doc("Spend idle time on moving hash tables to their new size."),
    yes_no("jemalloc-bg-thread", true, Kept)
        .no_effect("the memory allocator is not jemalloc")
        .doc("Let a thread of the allocator give memory back."),
    yes_no("activedefrag", false, Kept)
        .later("active defragmentation is not there yet")
        .doc("Move values together so that memory can be given back."),
    memory("active-defrag-ignore-bytes", 1, LONG_MAX, 100 * MIB, Kept).no_effect(DEFRAG_TUNING).doc("Waste below which nothing is moved."),
    number("active-defrag-threshold-lower", 0, 1000, 10, Kept).no_effect(DEFRAG_TUNING).doc("Percentage of waste at which moving starts."),
    number("active-defrag-threshold-upper", 0, 1000, 100, Kept)
        .no_effect(DEFRAG_TUNING)
        .doc("Percentage of waste at which moving takes its full share of time."),
    number("active-defrag-cycle-min", 1, 99, 1, Kept).no_effect(DEFRAG_TUNING).doc("Least share of time for moving, in percent."),
    number("active-defrag-cycle-max", 1, 99, 25, Kept).no_effect(DEFRAG_TUNING).doc("Greatest share of time for moving, in percent."),
    number("active-defrag-cycle-us", 0, 100_000, 500, Kept).no_effect(DEFRAG_TUNING).doc("Microseconds that one round of moving may take."),
    number("active-defrag-max-scan-fields", 1, LONG_MAX, 1000, Kept)
        .no_effect(DEFRAG_TUNING)
        .doc("Size from which a collection is moved in several rounds."),
];
