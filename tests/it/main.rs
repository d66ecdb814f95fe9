//! Integration tests: one binary, since every further one would link the whole library again.
#![allow(clippy::print_stderr, reason = "a test that is skipped says why, and one that measures what it saw")]

mod announce;
mod append_only;
mod append_only_files;
mod blocking;
mod cli;
mod cli_manager;
mod cluster;
mod cluster_script;
mod command_table;
mod crowd;
mod differential_dump;
mod differential_lists;
mod differential_requests;
mod differential_sorted_sets;
mod differential_strings;
mod files;
mod import_graph;
mod isolation;
mod kills;
mod large_values;
mod linearizability;
mod other_servers;
mod rdb;
mod replay;
mod replica_aof;
mod replication;
mod robustness;
mod snapshot;
mod start;
mod storm;
mod support;
mod tidy;
mod tidy_calls;
mod tidy_circles;
mod tidy_options;
