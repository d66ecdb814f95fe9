//! CONFIG SET: changes options, all of those given or none.

use crate::commands::server::apply;
use crate::config::{Refusal, SetContext, SetError, UNKNOWN_OPTION};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::gate::loading_text;
use crate::engine::rewriting;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CONFIG_SET: CommandSpec = CommandSpec {
    name: "set",
    arity: -4,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg {
        name: "data",
        kind: ArgKind::Block(&[Arg { name: "parameter", ..ARG }, Arg { name: "value", ..ARG }]),
        multiple: true,
        ..ARG
    }],
    run: Run::Data(exec),
    is_secret: Some(|args, at| at >= 3 && at % 2 == 1 && crate::config::is_sensitive(args[at - 1])),
    docs: Docs {
        summary: "Changes options of the running server",
        complexity: "O(N) when N is the number of configuration parameters provided",
        since: "2.0.0",
        group: "server",
        history: &[("7.0.0", "Several options at once.")],
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if args.len() % 2 == 1 {
        return Err(CmdError::Syntax);
    }
    let pairs: Vec<(&[u8], &[u8])> = args[2..].chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let shared = context.shared;
    let whom = SetContext { is_local: context.caller.client.is_local(), is_loading: shared.saving.is_loading() };
    let before = shared.config.load();
    let (is_later, mut prepared) = (context.caller.in_exec, None);
    let applied = shared.config.set_as(whom, &pairs, &mut |old, new| {
        prepared = apply::apply(shared, old, new, is_later)?;
        Ok::<_, Refusal>(())
    });
    match applied {
        Ok(()) => {
            rewriting::apply(shared, &before, &shared.config.load(), prepared);
            context.reply.ok();
            Ok(())
        }
        Err(SetError::Loading) => Err(CmdError::Text(loading_text(context.config).into_bytes().into())),
        Err(SetError::Unknown(name)) => Err(CmdError::naming(UNKNOWN_OPTION, &name)),
        Err(SetError::Message(message)) => Err(CmdError::err(message)),
    }
}
