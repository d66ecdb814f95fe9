//! Options of the process: how it starts, runs, logs and ends.

use super::shared::{INT_MAX, IO_THREADS_MAX};
use crate::config::row::Storage::Kept;
use crate::config::row::{Row, custom, field, number, text, word, word_set, yes_no};
use crate::config::value::{LogFormat, LogLevel, LogTimestampFormat, OomScoreAdj, ShutdownFlags, Supervised};
use crate::config::{checks, custom};

const SYSLOG_TUNING: &str = "logs go to a file or to standard output, not to syslog";
const CPU_LIST: &str = "pin the process from outside, with taskset, systemd's CPUAffinity or a cpuset";

pub(super) static ROWS: &[Row] = &[
    number("io-threads", 1, IO_THREADS_MAX, 1, field!(io_threads)).example("4").default_found_out().doc(
        "Worker threads. Each serves its own share of the connections, and every worker executes commands. Without the \
         option there is one per core that the process may use, but at most 8.",
    ),
    number("databases", 1, INT_MAX, 16, field!(databases))
        .immutable()
        .doc("Databases that SELECT can choose from, counted from 0. A cluster has cluster-databases instead."),
    custom("dir", &custom::DIR).protected().denied_while_loading().example("./").default_found_out().doc(
        "Working directory: what the server writes lands here, and relative paths start here. Without the option it is \
         the directory the server was started in.",
    ),
    yes_no("daemonize", false, Kept)
        .immutable()
        .later("the server stays in the foreground: run it under systemd, a container or another supervisor")
        .doc("Detach and run in the background."),
    word("supervised", Supervised::WORDS, "no", field!(supervised)).immutable().doc(
        "Supervisor to notify when the server is up: systemd through its notification socket, upstart by a stop \
         signal, auto for whichever of the two left its mark in the environment.",
    ),
    text("pidfile", "", field!(pidfile))
        .unset_when_empty()
        .immutable()
        .example("/run/larder.pid")
        .doc("File that holds the process id while the server runs. Failing to write it is not fatal."),
    yes_no("always-show-logo", false, field!(always_show_logo))
        .immutable()
        .doc("Print the banner at start even when the log goes to a file."),
    yes_no("set-proc-title", true, field!(set_proc_title)).immutable().doc("Show address and mode in the process list."),
    text("proc-title-template", "{title} {listen-addr} {server-mode}", field!(proc_title_template)).check(checks::title_template).doc(
        "What the process list shows. Variables: {title} (the program as it was called), {listen-addr}, {server-mode}, \
         {port}, {tls-port}, {unixsocket}, {config-file}.",
    ),
    text("locale-collate", "", Kept)
        .check(checks::locale)
        .no_effect("strings are compared byte by byte, as in the C locale")
        .doc("Locale by which SORT ALPHA orders. Only names of the C locale are accepted."),
    number("hz", 0, INT_MAX, 10, field!(hz)).check(checks::hz).doc(
        "Rounds of background work per second: expiring keys, closing idle clients, collecting statistics. A value \
         outside 1 to 500 is brought into that range.",
    ),
    yes_no("extended-redis-compatibility", false, field!(extended_redis_compatibility))
        .doc("Name Redis instead of Valkey in a few replies, for clients that look for it."),
    number("shutdown-timeout", 0, INT_MAX, 10, field!(shutdown_timeout))
        .doc("Seconds that a shutdown waits for replicas that lag behind. 0 does not wait."),
    word_set("shutdown-on-sigint", ShutdownFlags::WORDS, field!(shutdown_on_sigint)).check(checks::shutdown).doc(
        "How SIGINT shuts down, in the words of SHUTDOWN. Requests that were received are answered in any case. By \
         default a snapshot is saved first if there are save points; save and nosave say so either way. This version has nobody to \
         hand over to, and takes neither safe nor failover.",
    ),
    word_set("shutdown-on-sigterm", ShutdownFlags::WORDS, field!(shutdown_on_sigterm))
        .check(checks::shutdown)
        .doc("How SIGTERM shuts down, as shutdown-on-sigint."),
    yes_no("disable-thp", false, field!(disable_thp)).immutable().doc(
        "Use no transparent huge pages. Valkey's default is yes, because its child that saves shares memory page by page, and \
         every write then copies a whole one. Larder does not fork. Once it holds 32 MB it has the kernel join small pages that are \
         all in use, which takes no memory and saves a tenth of a command's time.",
    ),
    word("oom-score-adj", OomScoreAdj::WORDS, "no", field!(oom_score_adj)).synonyms(&[("relative", "yes")]).doc(
        "Tell the kernel how ready to kill this process when memory runs out: yes adds one of the values below to the score \
         that the process was started with, absolute sets it. Lowering the score needs privileges.",
    ),
    custom("oom-score-adj-values", &custom::OOM_SCORE_ADJ_VALUES)
        .multi_arg()
        .doc("The values for a primary, a replica and a saving child process. The kernel knows -1000 to 1000."),
    text("server-cpulist", "", Kept)
        .alias("server_cpulist")
        .unset_when_empty()
        .immutable()
        .no_effect(CPU_LIST)
        .doc("Cores of the server's threads."),
    text("bio-cpulist", "", Kept)
        .alias("bio_cpulist")
        .unset_when_empty()
        .immutable()
        .no_effect(CPU_LIST)
        .doc("Cores of background threads."),
    text("aof-rewrite-cpulist", "", Kept)
        .alias("aof_rewrite_cpulist")
        .unset_when_empty()
        .immutable()
        .no_effect(CPU_LIST)
        .doc("Cores of the process that rewrites the append only file."),
    text("bgsave-cpulist", "", Kept)
        .alias("bgsave_cpulist")
        .unset_when_empty()
        .immutable()
        .no_effect(CPU_LIST)
        .doc("Cores of the process that saves a snapshot."),
    text("ignore-warnings", "", Kept)
        .no_effect("no check of the system at start can be switched off")
        .doc("Names of start-up checks to pass over."),
    text("hash-seed", "", field!(hash_seed)).unset_when_empty().immutable().check(checks::hash_seed).doc(
        "Seed of the hash function, for the same order of keys in SCAN on several servers with the same keyspace-stripes. \
         Without it the seed is random at each start. Whoever knows it can choose keys that slow the server down.",
    ),
    yes_no("enable-debug-assert", false, Kept).immutable().hidden().no_effect("assertions are always on").doc("Check debug assertions."),
    yes_no("use-exit-on-panic", false, Kept)
        .hidden()
        .no_effect("a bug found at run time always aborts the process")
        .doc("Exit instead of aborting when a bug is found."),
    number("watchdog-period", 0, INT_MAX, 0, Kept)
        .hidden()
        .no_effect("there is no watchdog: the latency monitor and the command log show slow work")
        .doc("Milliseconds after which a stuck event loop is logged."),
    text("debug-context", "", Kept).hidden().no_effect("a crash report does not show it").doc("Note to print in a crash report."),
    yes_no("io-threads-always-active", false, Kept)
        .hidden()
        .no_effect("workers sleep only when they have nothing to do")
        .doc("Keep I/O threads spinning."),
];

pub(super) static LOG_ROWS: &[Row] = &[
    word("loglevel", LogLevel::WORDS, "notice", field!(loglevel)).doc(
        "How much is logged: debug (everything), verbose (much, but nothing per request), notice (what an operator \
         wants to know), warning (only what needs attention), nothing.",
    ),
    text("logfile", "", field!(logfile))
        .immutable()
        .example("/var/log/larder.log")
        .doc("File to append the log to. An empty name logs to standard output."),
    word("log-format", LogFormat::WORDS, "legacy", field!(log_format)).doc(
        "Shape of a log line: legacy as Valkey writes it by default, logfmt (key=value pairs), or json, one object \
         per line.",
    ),
    word("log-timestamp-format", LogTimestampFormat::WORDS, "legacy", field!(log_timestamp_format))
        .doc("Time of a log line: legacy (day, month, local time), iso8601, or milliseconds since 1970."),
    yes_no("hide-user-data-from-log", true, field!(hide_user_data_from_log))
        .doc("Keep keys, values and arguments out of the log, crash reports included."),
    yes_no("crash-log-enabled", true, field!(crash_log_enabled)).doc("Log what the server was doing when it crashes."),
    yes_no("crash-memcheck-enabled", true, Kept)
        .no_effect("a crash ends the process at once, without a memory test")
        .doc("Test the memory after a crash."),
    yes_no("syslog-enabled", false, Kept).immutable().later("the log cannot be sent to syslog yet").doc("Log to syslog."),
    text("syslog-ident", "valkey", Kept).immutable().no_effect(SYSLOG_TUNING).doc("Name of the server in syslog."),
    word("syslog-facility", &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"], "local0", Kept)
        .immutable()
        .no_effect(SYSLOG_TUNING)
        .doc("Facility in syslog."),
];
