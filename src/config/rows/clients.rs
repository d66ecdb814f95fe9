//! Options that bound what one client, or all clients together, may cost.

use super::shared::{INT_MAX, LONG_MAX, MIB};
use crate::config::custom;
use crate::config::row::{Form, Row, custom, field, in_form, memory, number};

const TRACKING: &str = "it tunes client-side caching, which this version does not have yet";

pub(super) static ROWS: &[Row] = &[
    memory("client-query-buffer-limit", MIB, LONG_MAX, 1024 * MIB, field!(client_query_buffer_limit))
        .doc("Bytes of unprocessed requests that one client may pile up before it is disconnected."),
    custom("client-output-buffer-limit", &custom::CLIENT_OUTPUT_BUFFER_LIMIT).multi_arg().doc(
        "Bytes of replies that a client may leave unread: above the hard limit it is disconnected at once, above the \
         soft limit after that many seconds. A limit of 0 is none. A line sets the classes it names.",
    ),
    memory("proto-max-bulk-len", MIB, LONG_MAX, 512 * MIB, field!(proto_max_bulk_len))
        .doc("Largest single argument of a request, and so the largest string value."),
    in_form("maxmemory-clients", -100, LONG_MAX, 0, Form::MemoryOrPercent, field!(maxmemory_clients)).doc(
        "Memory that all clients' buffers together may take; above it the clients that take most are disconnected. \
         0 sets no limit; a percentage is of maxmemory.",
    ),
    number("tracking-table-max-keys", 0, LONG_MAX, 1_000_000, field!(tracking_table_max_keys)).no_effect(TRACKING).doc(
        "Keys that the server remembers for clients that cache them (CLIENT TRACKING). Above it, clients are told to \
         drop keys early. 0 sets no limit.",
    ),
    number("busy-reply-threshold", 0, LONG_MAX, 5000, field!(busy_reply_threshold))
        .alias("lua-time-limit")
        .no_effect("it tunes scripts, which this version does not have yet")
        .doc("Milliseconds after which a running script lets other clients be told that the server is busy."),
    number("prefetch-batch-max-size", 0, 128, 16, field!(prefetch_batch_max_size))
        .no_effect("the number of requests looked up ahead is fixed")
        .doc("Requests whose keys are fetched from memory ahead of executing them."),
    number("min-io-threads-avoid-copy-reply", 0, INT_MAX, 7, field!(min_io_threads_avoid_copy_reply))
        .hidden()
        .doc("I/O threads from which every string of more than 16 KB is sent without a copy. 0 leaves that to its size."),
    number("min-string-size-avoid-copy-reply", 0, INT_MAX, 16_384, field!(min_string_size_avoid_copy_reply))
        .hidden()
        .doc("Size from which a string of more than 16 KB is sent without a copy. 0 copies all."),
    number("min-string-size-avoid-copy-reply-threaded", 0, INT_MAX, 65_536, field!(min_string_size_avoid_copy_reply_threaded))
        .hidden()
        .doc(
            "The same with several workers, where it is less: a worker writes its replies itself, so that what pays for one pays for \
                several. 0 copies all.",
        ),
];
