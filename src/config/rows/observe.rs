//! Options of what the server tells about its work: keyspace events, the command log, latency.

use super::shared::LONG_MAX;
use crate::config::custom;
use crate::config::row::{Row, custom, field, number, yes_no};

pub(super) static ROWS: &[Row] = &[
    custom("notify-keyspace-events", &custom::NOTIFY_KEYSPACE_EVENTS).doc(
        "Events to publish. K sends them to __keyspace@<db>__:<key>, E to __keyevent@<db>__:<event>; at least one of \
         the two is needed. Classes: g generic commands, $ strings, l lists, s sets, h hashes, z sorted sets, t \
         streams, x expired keys, e evicted keys, d module types; A stands for all of these. m (a key was not found) \
         and n (a key is new) must be named.",
    ),
    number("commandlog-execution-slower-than", -1, LONG_MAX, 10_000, field!(commandlog_execution_slower_than))
        .alias("slowlog-log-slower-than")
        .doc("Microseconds of execution from which a command enters the slow log. 0 logs every command, -1 none."),
    number("commandlog-slow-execution-max-len", 0, LONG_MAX, 128, field!(commandlog_slow_execution_max_len))
        .alias("slowlog-max-len")
        .doc("Entries of the slow log; the oldest goes first."),
    number("commandlog-request-larger-than", -1, LONG_MAX, 1_048_576, field!(commandlog_request_larger_than))
        .doc("Bytes of a request from which it enters the log of large requests. -1 logs none."),
    number("commandlog-large-request-max-len", 0, LONG_MAX, 128, field!(commandlog_large_request_max_len))
        .doc("Entries of the log of large requests."),
    number("commandlog-reply-larger-than", -1, LONG_MAX, 1_048_576, field!(commandlog_reply_larger_than))
        .doc("Bytes of a reply from which its request enters the log of large replies. -1 logs none."),
    number("commandlog-large-reply-max-len", 0, LONG_MAX, 128, field!(commandlog_large_reply_max_len))
        .doc("Entries of the log of large replies."),
    number("latency-monitor-threshold", 0, LONG_MAX, 0, field!(latency_monitor_threshold))
        .doc("Milliseconds from which LATENCY records what took so long. 0 records nothing."),
    yes_no("latency-tracking", true, field!(latency_tracking))
        .doc("Keep a histogram of each command's latency, for INFO latencystats and LATENCY HISTOGRAM."),
    custom("latency-tracking-info-percentiles", &custom::LATENCY_TRACKING_INFO_PERCENTILES)
        .multi_arg()
        .doc("Percentiles that INFO latencystats shows."),
];
