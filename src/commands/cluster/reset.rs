//! CLUSTER RESET: this node leaves its cluster and is one of its own again, without slots.
//!
//! Differs from Valkey in that the others forget the node, too, and in that HARD, which gives a node a new id, is refused: an id is for
//! life; a node with an empty folder gets a new one.

use super::in_transaction;
use super::own_keys::has_keys;
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_RESET: CommandSpec = CommandSpec {
    name: "reset",
    arity: -2,
    flags: flag::ADMIN | flag::STALE | flag::NOSCRIPT,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "reset-type",
        kind: ArgKind::OneOf(&[
            Arg { name: "hard", kind: ArgKind::PureToken, token: "HARD", ..ARG },
            Arg { name: "soft", kind: ArgKind::PureToken, token: "SOFT", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    place: Place::Async,
    run: Run::Async(exec, Some(in_transaction::refuse)),
    docs: Docs {
        summary: "Makes this node leave its cluster",
        complexity: "O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.",
        since: "3.0.0",
        group: "cluster",
        ..DOCS
    },
    ..SPEC
};

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let cluster = context.cluster()?;
        match args.len() {
            2 => {}
            3 if is_word(args[2], "soft") => {}
            3 if is_word(args[2], "hard") => {
                return Err(CmdError::err(
                    "CLUSTER RESET HARD is not supported: a node keeps its id. Use SOFT, or start it in an empty folder",
                ));
            }
            3 => return Err(CmdError::Syntax),
            _ => return Err(CmdError::subcommand_syntax(args)),
        }
        let is_primary = cluster.topology.load().is_primary(&cluster.me);
        if is_primary && has_keys(context.shared).await {
            return Err(CmdError::err("CLUSTER RESET can't be called with master nodes containing keys"));
        }
        cluster.control.reset().await.map_err(CmdError::err)?;
        context.reply.ok();
        Ok(())
    })
}
