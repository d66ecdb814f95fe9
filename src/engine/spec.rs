//! Everything that a command's file needs for its specification.

pub use super::command::{Attempt, CommandSpec, Effort, Execute, ExecuteAsync, ExecuteInSession, Locks, Log, Place, Run, SPEC, StartSweep};
pub use super::grammar::{ARG, Arg, ArgKind, BeginSearch, DOCS, Docs, FindKeys, KeySpec, KeysAndFlags, acl, flag, key_flag};
