//! `--cluster`: looks after a cluster by the CLUSTER commands of its nodes. Subcommands, their arguments and what they print are those of
//! `valkey-cli`; what needs to move slots or data says by name that it is not there.
//!
//! [`nodes`] knows the nodes, [`check`] looks at them, [`create`] and [`change`] do something to them.

mod change;
mod check;
mod create;
mod nodes;
mod options;
mod shown;

use std::io::Write;

use super::settings::Settings;
use super::stop::{Stop, fail};
pub(super) use options::{ManagerOptions, Wish};

/// How many arguments a subcommand takes.
enum Arity {
    Exactly(usize),
    AtLeast(usize),
}

/// What carries a subcommand out. `false`: it has said what is wrong.
enum Act {
    Run(fn(&Settings, &Wish) -> Result<bool, Stop>),
    /// It cannot be carried out: why not.
    Missing(&'static str),
}

struct Subcommand {
    name: &'static str,
    arity: Arity,
    args: &'static str,
    options: &'static [&'static str],
    act: Act,
}

const NODE: &str = "<host:port> or <host> <port> - separated by either colon or space";
const NO_MOVES: &str = "slots cannot be moved with their keys yet";

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "create",
        arity: Arity::AtLeast(1),
        args: "host1:port1 ... hostN:portN",
        options: &["replicas <arg>"],
        act: Act::Run(create::create),
    },
    Subcommand { name: "check", arity: Arity::AtLeast(1), args: NODE, options: &[], act: Act::Run(check::check) },
    Subcommand { name: "info", arity: Arity::AtLeast(1), args: NODE, options: &[], act: Act::Run(check::info) },
    Subcommand {
        name: "fix",
        arity: Arity::AtLeast(1),
        args: NODE,
        options: &[],
        act: Act::Missing("slots cannot be moved with their keys yet; one without owner is taken by CLUSTER ADDSLOTS"),
    },
    Subcommand { name: "reshard", arity: Arity::AtLeast(1), args: NODE, options: &[], act: Act::Missing(NO_MOVES) },
    Subcommand { name: "rebalance", arity: Arity::AtLeast(1), args: NODE, options: &[], act: Act::Missing(NO_MOVES) },
    Subcommand {
        name: "add-node",
        arity: Arity::Exactly(2),
        args: "new_host:new_port existing_host:existing_port",
        options: &[],
        act: Act::Run(change::add_node),
    },
    Subcommand { name: "del-node", arity: Arity::Exactly(2), args: "host:port node_id", options: &[], act: Act::Run(change::del_node) },
    Subcommand {
        name: "call",
        arity: Arity::AtLeast(2),
        args: "host:port command arg arg .. arg",
        options: &["only-primaries", "only-replicas"],
        act: Act::Run(change::call),
    },
    Subcommand {
        name: "set-timeout",
        arity: Arity::Exactly(2),
        args: "host:port milliseconds",
        options: &[],
        act: Act::Run(change::set_timeout),
    },
    Subcommand {
        name: "import",
        arity: Arity::Exactly(1),
        args: "host:port",
        options: &[],
        act: Act::Missing("keys cannot be moved between servers yet"),
    },
    Subcommand {
        name: "backup",
        arity: Arity::Exactly(2),
        args: "host:port backup_directory",
        options: &[],
        act: Act::Missing("nodes cannot write their keys to a file yet"),
    },
    Subcommand { name: "help", arity: Arity::AtLeast(0), args: "", options: &[], act: Act::Run(help) },
];

/// Carries out what was asked for.
pub(super) fn run(settings: &Settings, wish: &Wish) -> Result<(), Stop> {
    let Some(subcommand) = SUBCOMMANDS.iter().find(|subcommand| subcommand.name == wish.name) else {
        return Err(fail("Unknown --cluster subcommand"));
    };
    let run = match subcommand.act {
        Act::Run(run) => run,
        Act::Missing(why) => return Err(fail(format_args!("larder-cli --cluster {} is not available: {why}", subcommand.name))),
    };
    let fits = match subcommand.arity {
        Arity::Exactly(count) => wish.args.len() == count,
        Arity::AtLeast(count) => wish.args.len() >= count,
    };
    if !fits {
        return Err(fail("[ERR] Wrong number of arguments for specified --cluster sub command"));
    }
    if run(settings, wish)? { Ok(()) } else { Err(Stop::Exit(1)) }
}

fn help(_: &Settings, _: &Wish) -> Result<bool, Stop> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Cluster Manager Commands:")?;
    let is_there = |subcommand: &&Subcommand| matches!(subcommand.act, Act::Run(_));
    for subcommand in SUBCOMMANDS.iter().filter(is_there) {
        writeln!(out, "  {:<15}{}", subcommand.name, subcommand.args)?;
        for option in subcommand.options {
            writeln!(out, "{:<17}--cluster-{option}", "")?;
        }
    }
    let missing: Vec<_> = SUBCOMMANDS.iter().filter(|subcommand| !is_there(subcommand)).map(|subcommand| subcommand.name).collect();
    writeln!(out, "\nNot available yet: {}.", missing.join(", "))?;
    writeln!(out, "\nFor check, del-node, set-timeout, info, call you can specify the host and port of any working node in the cluster.")?;
    writeln!(out, "\nCluster Manager Options:\n  --cluster-yes  Automatic yes to cluster commands prompts\n")?;
    Ok(true)
}
