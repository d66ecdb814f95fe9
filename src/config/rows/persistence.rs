//! Options of saving to disk: snapshots and the append only file.

use super::shared::{INT_MAX, INT_MIN, LONG_MAX, MIB, PERSISTENCE, PERSISTENCE_TUNING};
use crate::config::row::Storage::Kept;
use crate::config::row::{Row, custom, field, memory, number, text, word, yes_no};
use crate::config::value::{AppendFsync, RdbVersionCheck};
use crate::config::{checks, custom};

pub(super) static ROWS: &[Row] = &[
    custom("save", &custom::SAVE).multi_arg().not_yet(PERSISTENCE).doc(
        "When to save a snapshot by itself: after so many seconds if there were so many changes; several pairs may be \
         given. Valkey saves by default; this version cannot, so its default is to save nothing.",
    ),
    text("dbfilename", "dump.rdb", Kept)
        .protected()
        .check(checks::dbfilename)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Name of the snapshot's file in dir."),
    yes_no("rdbcompression", true, field!(rdbcompression)).doc("Compress long strings in what DUMP returns."),
    yes_no("rdbchecksum", true, Kept)
        .immutable()
        .no_effect(PERSISTENCE_TUNING)
        .doc("End a snapshot with a checksum, and check it when loading."),
    word("rdb-version-check", RdbVersionCheck::WORDS, "strict", field!(rdb_version_check))
        .doc("Whether RESTORE refuses payloads of versions that are not known (strict), or tries them (relaxed)."),
    yes_no("rdb-save-incremental-fsync", true, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Flush a growing snapshot to disk in small portions."),
    yes_no("rdb-del-sync-files", false, Kept).no_effect(PERSISTENCE_TUNING).doc("Delete snapshots that were only needed for a replica."),
    yes_no("stop-writes-on-bgsave-error", true, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Refuse writes after a snapshot could not be saved."),
    yes_no("appendonly", false, field!(appendonly))
        .denied_while_loading()
        .doc("Log every write to the append only file. This version can switch it on at the start only, and off at any time."),
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
    yes_no("no-appendfsync-on-rewrite", false, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Do not flush while the append only file is rewritten."),
    number("auto-aof-rewrite-percentage", 0, INT_MAX, 100, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Growth since the last rewrite, in percent, that starts another. 0 never does."),
    memory("auto-aof-rewrite-min-size", 0, LONG_MAX, 64 * MIB, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Size below which growth starts no rewrite."),
    yes_no("aof-load-truncated", true, field!(aof_load_truncated))
        .doc("Start even when the last record of the append only file is incomplete."),
    yes_no("aof-use-rdb-preamble", true, Kept).no_effect(PERSISTENCE_TUNING).doc("Begin a rewritten append only file with a snapshot."),
    yes_no("aof-timestamp-enabled", false, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Note times in the append only file, to recover up to a point in time."),
    yes_no("aof-rewrite-incremental-fsync", true, Kept)
        .no_effect(PERSISTENCE_TUNING)
        .doc("Flush a rewritten append only file to disk in small portions."),
    yes_no("aof-disable-auto-gc", false, Kept)
        .hidden()
        .no_effect(PERSISTENCE_TUNING)
        .doc("Keep parts of the append only file that are no longer needed."),
    number("rdb-key-save-delay", INT_MIN, INT_MAX, 0, Kept)
        .hidden()
        .no_effect(PERSISTENCE_TUNING)
        .doc("Microseconds to wait after each key saved, for tests."),
    number("key-load-delay", INT_MIN, INT_MAX, 0, Kept)
        .hidden()
        .no_effect(PERSISTENCE_TUNING)
        .doc("Microseconds to wait after each key loaded, for tests."),
    number("loading-process-events-interval-bytes", 1024, INT_MAX, 2 * MIB, Kept)
        .hidden()
        .no_effect(PERSISTENCE_TUNING)
        .doc("Bytes loaded between two looks at clients."),
];
