//! Options of saving to disk: snapshots and the append only file.

use super::shared::{INT_MAX, INT_MIN, LONG_MAX, MIB};
use crate::config::row::Storage::Kept;
use crate::config::row::{Row, custom, field, memory, number, text, word, yes_no};
use crate::config::value::{AppendFsync, RdbFormat, RdbVersionCheck};
use crate::config::{checks, custom};

pub(super) static ROWS: &[Row] = &[
    custom("save", &custom::SAVE).multi_arg().doc(
        "When to save a snapshot by itself: after so many seconds if there were so many changes; several pairs may be \
         given, and \"\" is for never. If there is any, a snapshot is saved at the end, too.",
    ),
    text("dbfilename", "dump.rdb", field!(dbfilename))
        .protected()
        .check(checks::dbfilename)
        .doc("Name of the snapshot's file in dir. It is loaded at start."),
    yes_no("rdbcompression", true, field!(rdbcompression)).doc("Compress long strings in snapshots, and in what DUMP returns."),
    yes_no("rdbchecksum", true, field!(rdbchecksum)).immutable().doc("End a snapshot with a checksum, and check it when loading."),
    word("rdb-format", RdbFormat::WORDS, "auto", field!(rdb_format)).doc(
        "For whom snapshots are written: the oldest version of the format that holds the data (auto), or Redis 7.0 (redis10), \
         Redis 7.2 and Valkey 7.2 and 8 (redis11), Redis 7.4 (redis12) or Valkey 9 (valkey80). A snapshot of data that the version \
         has nothing for fails.",
    ),
    word("rdb-version-check", RdbVersionCheck::WORDS, "strict", field!(rdb_version_check))
        .doc("Whether snapshots, and payloads of RESTORE, of versions that are not known are refused (strict) or tried (relaxed)."),
    yes_no("rdb-save-incremental-fsync", true, field!(rdb_save_incremental_fsync))
        .doc("Flush a growing snapshot to disk in small portions."),
    yes_no("rdb-del-sync-files", false, Kept)
        .no_effect("what is sent to a replica lies in no file that has a name")
        .doc("Delete snapshots that were only needed for a replica."),
    yes_no("stop-writes-on-bgsave-error", true, field!(stop_writes_on_bgsave_error))
        .doc("Refuse writes after a snapshot could not be saved, as long as there are save points."),
    yes_no("appendonly", false, field!(appendonly)).denied_while_loading().doc("Log every write to the append only file."),
    text("appendfilename", "appendonly.aof", field!(appendfilename))
        .immutable()
        .check(checks::appendfilename)
        .doc("Name that the parts of the append only file start with."),
    text("appenddirname", "appendonlydir", field!(appenddirname))
        .immutable()
        .check(checks::appenddirname)
        .doc("Directory of the append only file's parts, in dir."),
    word("appendfsync", AppendFsync::WORDS, "everysec", field!(appendfsync))
        .doc("When the append only file is flushed to disk: each second, at each write, or when the system likes."),
    yes_no("no-appendfsync-on-rewrite", false, field!(no_appendfsync_on_rewrite))
        .doc("Do not flush the append only file while it is rewritten or a snapshot is saved, whatever appendfsync says."),
    number("auto-aof-rewrite-percentage", 0, INT_MAX, 100, field!(auto_aof_rewrite_percentage))
        .doc("Growth since the last rewrite, in percent, that starts another. 0 never does."),
    memory("auto-aof-rewrite-min-size", 0, LONG_MAX, 64 * MIB, field!(auto_aof_rewrite_min_size))
        .doc("Size below which growth starts no rewrite."),
    yes_no("aof-load-truncated", true, field!(aof_load_truncated))
        .doc("Start even when the last record of the append only file is incomplete."),
    yes_no("aof-use-rdb-preamble", true, field!(aof_use_rdb_preamble))
        .doc("Begin a rewritten append only file with a snapshot, which is shorter and loaded faster than requests."),
    yes_no("aof-timestamp-enabled", false, field!(aof_timestamp_enabled))
        .doc("Note times in the append only file, to recover up to a point in time."),
    yes_no("aof-rewrite-incremental-fsync", true, field!(aof_rewrite_incremental_fsync))
        .doc("Flush a rewritten append only file to disk in small portions."),
    yes_no("aof-disable-auto-gc", false, field!(aof_disable_auto_gc))
        .hidden()
        .doc("Keep parts of the append only file that are no longer needed."),
    number("rdb-key-save-delay", INT_MIN, INT_MAX, 0, field!(rdb_key_save_delay))
        .hidden()
        .doc("Microseconds to wait after each key saved, for tests."),
    number("key-load-delay", INT_MIN, INT_MAX, 0, field!(key_load_delay))
        .hidden()
        .doc("Microseconds to wait after each key loaded, for tests."),
    number("loading-process-events-interval-bytes", 1024, INT_MAX, 2 * MIB, field!(loading_process_events_interval_bytes))
        .hidden()
        .doc("Length of a snapshot from which on clients are let in, and told LOADING, while it is loaded at start."),
];
