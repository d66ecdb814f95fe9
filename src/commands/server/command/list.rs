//! COMMAND LIST: names of commands and subcommands, all or those that match.

use crate::base::glob::Glob;
use crate::base::limits::PATTERN_LEN_MAX;
use crate::engine::context::{Args, CmdResult, Context, check_pattern, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::engine::table::Row;

pub(crate) static COMMAND_LIST: CommandSpec = CommandSpec {
    name: "list",
    arity: -2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg {
        name: "filterby",
        kind: ArgKind::OneOf(&[
            Arg { name: "module-name", token: "MODULE", ..ARG },
            Arg { name: "category", token: "ACLCAT", ..ARG },
            Arg { name: "pattern", kind: ArgKind::Pattern, token: "PATTERN", ..ARG },
        ]),
        token: "FILTERBY",
        optional: true,
        ..ARG
    }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the names of commands",
        complexity: "O(N) where N is the total number of commands",
        since: "7.0.0",
        group: "server",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

enum Filter {
    All,
    /// No command comes from a module.
    Module,
    /// Bits of the category; 0 if there is none of that name.
    Category(u32),
    Pattern(Glob),
}

impl Filter {
    fn parse(args: &[&[u8]]) -> Result<Filter, CmdError> {
        match args {
            [] => Ok(Filter::All),
            [filter, kind, value] if is_word(filter, "FILTERBY") => match *kind {
                kind if is_word(kind, "MODULE") => Ok(Filter::Module),
                kind if is_word(kind, "ACLCAT") => {
                    let named = acl::NAMES.iter().find(|(_, name)| value.eq_ignore_ascii_case(name.as_bytes()));
                    Ok(Filter::Category(named.map_or(0, |(bit, _)| *bit)))
                }
                kind if is_word(kind, "PATTERN") => Ok(Filter::Pattern(Glob::ignoring_case(check_pattern(value, PATTERN_LEN_MAX)?))),
                _ => Err(CmdError::Syntax),
            },
            _ => Err(CmdError::Syntax),
        }
    }

    fn takes(&self, row: &Row) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(bits) => row.spec.acl & bits != 0,
            Filter::Pattern(pattern) => pattern.matches(row.full_name.as_bytes()),
        }
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let filter = Filter::parse(&args[2..])?;
    let table = &context.shared.table;
    let with_subs = table.top_level().flat_map(|row| std::iter::once(row).chain(row.subcommands.iter().map(|sub| table.row(*sub))));
    let names: Vec<&Row> = with_subs.filter(|row| filter.takes(row)).collect();
    context.reply.array(names.len());
    names.iter().for_each(|row| context.reply.bulk(row.full_name.as_bytes()));
    Ok(())
}
