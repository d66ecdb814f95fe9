//! Options that decide who may do what.

use super::shared::{ACL_TUNING, LONG_MAX};
use crate::config::row::Storage::Kept;
use crate::config::row::{Row, field, number, text, word, yes_no};
use crate::config::value::{AclPubsubDefault, ProtectedAction};

pub(super) static ROWS: &[Row] = &[
    text("requirepass", "", field!(requirepass)).unset_when_empty().sensitive().example("a-long-secret").doc(
        "Password of the default user: clients must AUTH before anything else. Thousands of passwords can be tried \
         per second, so make it long.",
    ),
    word("enable-protected-configs", ProtectedAction::WORDS, "no", field!(enable_protected_configs)).immutable().doc(
        "Who may change options that decide where files are written (dir, dbfilename): nobody, everybody, or \
             clients on this machine.",
    ),
    word("enable-debug-command", ProtectedAction::WORDS, "no", field!(enable_debug_command))
        .immutable()
        .doc("Who may use DEBUG, in the same words."),
    word("enable-module-command", ProtectedAction::WORDS, "no", field!(enable_module_command))
        .immutable()
        .doc("Who may use MODULE, in the same words. It can list modules, of which there are none."),
    text("aclfile", "", Kept).immutable().later("access control lists are not there yet").doc("File with users and their rights."),
    word("acl-pubsub-default", AclPubsubDefault::WORDS, "resetchannels", field!(acl_pubsub_default))
        .no_effect(ACL_TUNING)
        .doc("Channels that a new user may use: all or none."),
    number("acllog-max-len", 0, LONG_MAX, 128, field!(acllog_max_len))
        .no_effect(ACL_TUNING)
        .doc("Refused requests that ACL LOG remembers."),
    yes_no("lua-enable-insecure-api", false, Kept)
        .alias("lua-enable-deprecated-api")
        .hidden()
        .protected()
        .later("scripts are not there yet")
        .doc("Give scripts functions that are no longer considered safe."),
];
