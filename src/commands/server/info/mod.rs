//! INFO: what the server tells about itself, section by section, as `field:value` lines.
//!
//! Fields and their order are Valkey's; what this version does not have is reported as what it truly is: off, zero, none.

mod clients;
mod lines;
mod memory;
mod other;
mod persistence;
mod replication;
mod server;
mod stats;

use lines::Lines;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: -1,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "section", optional: true, multiple: true, ..ARG }],
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns figures about the server, by section",
        complexity: "O(1)",
        since: "1.0.0",
        group: "server",
        history: &[("7.0.0", "Several sections.")],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

/// A section: its name in requests, its title, whether INFO without arguments shows it, and its content.
struct Section {
    name: &'static str,
    title: &'static str,
    is_default: bool,
    /// Shown only when it is named: not by `all`.
    is_hidden: bool,
    write: fn(&mut Context<'_>, &mut Lines),
}

const fn section(name: &'static str, title: &'static str, is_default: bool, write: fn(&mut Context<'_>, &mut Lines)) -> Section {
    Section { name, title, is_default, is_hidden: false, write }
}

static SECTIONS: &[Section] = &[
    section("server", "Server", true, server::server),
    section("tls", "TLS", false, server::tls),
    section("clients", "Clients", true, clients::write),
    section("memory", "Memory", true, memory::write),
    section("persistence", "Persistence", true, persistence::write),
    section("stats", "Stats", true, stats::write),
    section("replication", "Replication", true, replication::write),
    section("cpu", "CPU", true, other::cpu),
    section("module_list", "Modules", true, |_, _| {}),
    section("commandstats", "Commandstats", false, stats::commands),
    section("errorstats", "Errorstats", true, stats::errors),
    section("latencystats", "Latencystats", false, stats::latencies),
    section("cluster", "Cluster", true, other::cluster),
    section("cluster_info", "Cluster Info", false, |_, _| {}),
    section("scriptingengines", "Scripting Engines", false, other::scripting_engines),
    section("keyspace", "Keyspace", true, other::keyspace),
    Section { name: "debug", title: "Debug", is_default: false, is_hidden: true, write: other::debug },
];

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let asked: Vec<String> = args[1..].iter().map(|arg| String::from_utf8_lossy(arg).to_ascii_lowercase()).collect();
    let names = |word: &str| asked.iter().any(|name| name == word);
    let all = names("all") || names("everything");
    let defaults = asked.is_empty() || names("default");
    let mut lines = Lines(String::with_capacity(8 * 1024));
    for section in SECTIONS {
        let named = names(section.name) || (section.name == "module_list" && names("modules"));
        if !(named || (all && !section.is_hidden) || (defaults && section.is_default)) {
            continue;
        }
        if !lines.0.is_empty() {
            lines.0.push_str("\r\n");
        }
        lines.0.push_str("# ");
        lines.0.push_str(section.title);
        lines.0.push_str("\r\n");
        (section.write)(context, &mut lines);
    }
    context.reply.verbatim("txt", lines.0.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_named_once() {
        for (at, section) in SECTIONS.iter().enumerate() {
            assert!(SECTIONS[..at].iter().all(|other| other.name != section.name));
        }
    }
}
