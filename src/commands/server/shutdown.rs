//! SHUTDOWN: waits for replicas, saves what is to be saved, and ends the node. The node's main thread does all of it; the client waits, and
//! hears only if the node does not end.

use crate::clients::Session;
use crate::config::ShutdownFlags;
use crate::engine::blocking::CountsAsBlocked;
use crate::engine::context::{Args, AsyncResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};

pub(crate) static SHUTDOWN: CommandSpec = CommandSpec {
    name: "shutdown",
    arity: -1,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::NO_MULTI | flag::SENTINEL | flag::ALLOW_BUSY,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "abort-selector",
        kind: ArgKind::OneOf(&[
            Arg {
                name: "save-selector-block",
                kind: ArgKind::Block(&[
                    Arg {
                        name: "save-selector",
                        kind: ArgKind::OneOf(&[
                            Arg { name: "nosave", kind: ArgKind::PureToken, token: "NOSAVE", ..ARG },
                            Arg { name: "save", kind: ArgKind::PureToken, token: "SAVE", ..ARG },
                        ]),
                        optional: true,
                        ..ARG
                    },
                    Arg { name: "now", kind: ArgKind::PureToken, token: "NOW", optional: true, since: "7.0.0", ..ARG },
                    Arg { name: "force", kind: ArgKind::PureToken, token: "FORCE", optional: true, since: "7.0.0", ..ARG },
                    Arg { name: "safe", kind: ArgKind::PureToken, token: "SAFE", optional: true, since: "9.0.0", ..ARG },
                    Arg { name: "failover", kind: ArgKind::PureToken, token: "FAILOVER", optional: true, since: "9.0.0", ..ARG },
                ]),
                ..ARG
            },
            Arg { name: "abort", kind: ArgKind::PureToken, token: "ABORT", since: "7.0.0", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    place: Place::Async,
    run: Run::Async(exec, None),
    docs: Docs {
        summary: "Ends the server",
        complexity: "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
        since: "1.0.0",
        group: "server",
        history: &[("7.0.0", "`NOW`, `FORCE` and `ABORT`."), ("9.0.0", "`SAFE` and `FAILOVER`.")],
        ..DOCS
    },
    ..SPEC
};

/// The words that may follow.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    flags: ShutdownFlags,
    abort: bool,
}

impl Options {
    fn parse(args: &[&[u8]]) -> Result<Options, CmdError> {
        let mut options = Options::default();
        for arg in args {
            let flag = match *arg {
                arg if is_word(arg, "SAVE") => ShutdownFlags::SAVE,
                arg if is_word(arg, "NOSAVE") => ShutdownFlags::NOSAVE,
                arg if is_word(arg, "FAILOVER") => ShutdownFlags::FAILOVER,
                arg if is_word(arg, "NOW") => ShutdownFlags::NOW,
                arg if is_word(arg, "FORCE") => ShutdownFlags::FORCE,
                arg if is_word(arg, "SAFE") => ShutdownFlags::SAFE,
                arg if is_word(arg, "ABORT") => {
                    options.abort = true;
                    continue;
                }
                _ => return Err(CmdError::Syntax),
            };
            options.flags = options.flags.with(flag);
        }
        let is_alone = options.flags == ShutdownFlags::default();
        let is_both = options.flags.contains(ShutdownFlags::SAVE) && options.flags.contains(ShutdownFlags::NOSAVE);
        if (options.abort && !is_alone) || is_both {
            return Err(CmdError::Syntax);
        }
        Ok(options)
    }
}

fn exec<'c>(context: &'c mut Context<'_>, session: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let options = Options::parse(&args[1..])?;
        if options.flags.contains(ShutdownFlags::FAILOVER) && !context.config.cluster_enabled {
            return Err(CmdError::err("SHUTDOWN FAILOVER is only supported in cluster mode."));
        }
        if options.abort {
            if !context.shared.stop.abort() {
                return Err(CmdError::err("No shutdown in progress."));
            }
            context.reply.ok();
            return Ok(());
        }
        if options.flags.contains(ShutdownFlags::FAILOVER) {
            return Err(CmdError::err("this server cannot hand over before it ends yet"));
        }
        let refused = context.shared.stop.ask(options.flags, context.caller.client.addr.to_string());
        let is_refused = {
            let _waits = CountsAsBlocked::new(context.shared, &context.caller.client, 0);
            refused.await.is_ok()
        };
        if is_refused {
            return Err(CmdError::err("Errors trying to SHUTDOWN. Check logs."));
        }
        // The connection closes unanswered.
        session.close_after_reply(&context.caller.client);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations() {
        let valid = |words: &str| Options::parse(&words.split_ascii_whitespace().map(str::as_bytes).collect::<Vec<_>>()).is_ok();
        for words in ["", "nosave", "SAVE now", "now force safe", "abort", "failover force"] {
            assert!(valid(words), "{words}");
        }
        for words in ["save nosave", "abort now", "abort save", "later"] {
            assert!(!valid(words), "{words}");
        }
    }
}
