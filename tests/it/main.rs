//! Integration tests: one binary, since every further one would link the whole library again.

mod cli;
mod differential_strings;
mod support;
mod tidy;
