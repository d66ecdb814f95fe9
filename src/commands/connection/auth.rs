//! AUTH: proves who the client is. There is one user, `default`, whose password is `requirepass`.

use super::login;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static AUTH: CommandSpec = CommandSpec {
    name: "auth",
    arity: -2,
    flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH | flag::SENTINEL | flag::ALLOW_BUSY,
    acl: acl::CONNECTION | acl::FAST,
    args: &[Arg { name: "username", optional: true, since: "6.0.0", ..ARG }, Arg { name: "password", ..ARG }],
    run: Run::Data(exec),
    is_secret: Some(|_, at| at >= 1),
    docs: Docs {
        summary: "Authenticates the connection",
        complexity: "O(N) where N is the number of passwords defined for the user",
        since: "1.0.0",
        group: "connection",
        history: &[("6.0.0", "A user's name before the password.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (user, password): (&[u8], &[u8]) = match args[1..] {
        [password] => {
            if context.config.requirepass.is_empty() {
                return Err(CmdError::err(
                    "AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
                ));
            }
            (login::DEFAULT_USER, password)
        }
        [user, password] => (user, password),
        _ => return Err(CmdError::Syntax),
    };
    login::authenticate(context, user, password)?;
    context.reply.ok();
    Ok(())
}
