//! Integration tests: one binary, since every further one would link the whole library again.

mod cli;
mod cluster;
mod command_table;
mod differential_strings;
mod support;
mod tidy;
