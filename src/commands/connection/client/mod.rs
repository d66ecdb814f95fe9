//! CLIENT: a connection's own properties, and what an operator does with connections.

mod caching;
mod capa;
mod filter;
mod getname;
mod getredir;
mod help;
mod id;
mod import_source;
mod info;
mod kill;
mod list;
pub(super) mod name;
mod no_evict;
mod no_touch;
mod pause;
mod reply;
mod setinfo;
mod setname;
mod tracking;
mod trackinginfo;
mod unblock;
mod unpause;

use crate::engine::context::is_word;
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CLIENT: CommandSpec = CommandSpec {
    name: "client",
    arity: -2,
    flags: flag::SENTINEL,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[
        &caching::CLIENT_CACHING,
        &capa::CLIENT_CAPA,
        &getname::CLIENT_GETNAME,
        &getredir::CLIENT_GETREDIR,
        &help::CLIENT_HELP,
        &id::CLIENT_ID,
        &import_source::CLIENT_IMPORT_SOURCE,
        &info::CLIENT_INFO,
        &kill::CLIENT_KILL,
        &list::CLIENT_LIST,
        &no_evict::CLIENT_NO_EVICT,
        &no_touch::CLIENT_NO_TOUCH,
        &pause::CLIENT_PAUSE,
        &reply::CLIENT_REPLY,
        &setinfo::CLIENT_SETINFO,
        &setname::CLIENT_SETNAME,
        &tracking::CLIENT_TRACKING,
        &trackinginfo::CLIENT_TRACKINGINFO,
        &unblock::CLIENT_UNBLOCK,
        &unpause::CLIENT_UNPAUSE,
    ],
    docs: Docs {
        summary: "Looks at connections and changes them",
        complexity: "Depends on subcommand.",
        since: "2.4.0",
        group: "connection",
        ..DOCS
    },
    ..SPEC
};

/// `ON` or `OFF`.
fn on_or_off(word: &[u8]) -> Result<bool, CmdError> {
    match word {
        word if is_word(word, "ON") => Ok(true),
        word if is_word(word, "OFF") => Ok(false),
        _ => Err(CmdError::Syntax),
    }
}
