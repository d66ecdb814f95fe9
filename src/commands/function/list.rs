//! FUNCTION LIST: the libraries, of which there are none.

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static FUNCTION_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: -2,
    flags: flag::NOSCRIPT,
    acl: acl::SCRIPTING | acl::SLOW,
    args: &[
        Arg { name: "library-name-pattern", token: "LIBRARYNAME", optional: true, ..ARG },
        Arg { name: "withcode", kind: ArgKind::PureToken, token: "WITHCODE", optional: true, ..ARG },
    ],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the libraries",
        complexity: "O(N) where N is the number of functions",
        since: "7.0.0",
        group: "scripting",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rest = &args[2..];
    let (mut has_code, mut has_name) = (false, false);
    while let [word, more @ ..] = rest {
        rest = match more {
            _ if is_word(word, "WITHCODE") && !has_code => {
                has_code = true;
                more
            }
            [_, more @ ..] if is_word(word, "LIBRARYNAME") && !has_name => {
                has_name = true;
                more
            }
            [] if is_word(word, "LIBRARYNAME") && !has_name => return Err(CmdError::err("library name argument was not given")),
            _ => return Err(CmdError::naming("Unknown argument {}", word)),
        };
    }
    context.reply.empty_array();
    Ok(())
}
