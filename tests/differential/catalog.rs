//! The commands as requests name them, from the families' specifications.

use larder::commands::FAMILIES;
use larder::engine::spec::{CommandSpec, Run, flag};

use super::values;

/// A command or subcommand.
pub(crate) struct Command {
    pub(crate) spec: &'static CommandSpec,
    /// `get`, `object|encoding`.
    pub(crate) name: String,
    /// The words that a request begins with.
    pub(crate) words: Vec<&'static str>,
    /// The type that its keys have, as TYPE says it; `None` if any will do.
    pub(crate) key_type: Option<&'static str>,
    /// An argument may make a key go by itself.
    pub(crate) sets_expiry: bool,
    /// It changes keys as chance or the clock has it, so that they are taken away after it, and that it has no place in transactions.
    pub(crate) is_random: bool,
    /// Its arguments may hold zero bytes.
    pub(crate) may_have_zeros: bool,
    /// Of which family it is.
    family: usize,
    /// How often it is taken, relative to others.
    pub(crate) weight: u64,
}

/// Which type of key the commands of a group work on.
const GROUP_TYPES: &[(&str, &str)] = &[
    ("string", "string"),
    ("bitmap", "string"),
    ("hyperloglog", "string"),
    ("list", "list"),
    ("set", "set"),
    ("sorted-set", "zset"),
    ("sorted_set", "zset"),
    ("geo", "zset"),
    ("hash", "hash"),
    ("stream", "stream"),
];

/// Commands on keys are what most requests are.
const WEIGHT_KEYS: u64 = 40;
const WEIGHT_OTHERS: u64 = 6;
/// Commands that change whole databases: often they would leave little to work on.
const WEIGHT_SWEEPING: u64 = 1;
/// Commands with weights of their own: what many others need, and what takes it away. Without them a stream hardly ever had a group.
const WEIGHTS: &[(&str, u64)] = &[("xgroup|create", 120), ("xreadgroup", 120), ("xgroup|destroy", 10)];

/// All commands that `is_used` accepts by their full names.
pub(crate) fn catalog(is_used: impl Fn(&str) -> bool) -> Vec<Command> {
    let mut commands = Vec::new();
    for (family, specs) in FAMILIES.iter().enumerate() {
        for spec in *specs {
            if !matches!(spec.run, Run::Container) {
                commands.push(command(spec, None, family));
            }
            commands.extend(spec.subcommands.iter().map(|sub| command(sub, Some(spec), family)));
        }
    }
    commands.retain(|command| is_used(&command.name));
    commands
}

fn command(spec: &'static CommandSpec, container: Option<&'static CommandSpec>, family: usize) -> Command {
    let words: Vec<&'static str> = container.map(|container| container.name).into_iter().chain([spec.name]).collect();
    let group = if spec.docs.group.is_empty() { container.map_or("", |container| container.docs.group) } else { spec.docs.group };
    let has_keys = !spec.keys.is_empty() || spec.keys_by_hand.is_some();
    let name = words.join("|");
    let weight = match WEIGHTS.iter().find(|(of, _)| *of == name) {
        Some((_, weight)) => *weight,
        None if has_keys => WEIGHT_KEYS,
        None if spec.flags & flag::WRITE != 0 => WEIGHT_SWEEPING,
        None => WEIGHT_OTHERS,
    };
    Command {
        spec,
        name,
        words,
        key_type: GROUP_TYPES.iter().find(|(name, _)| *name == group).map(|(_, key_type)| *key_type),
        sets_expiry: values::sets_expiry(spec.args),
        is_random: false,
        may_have_zeros: true,
        family,
        weight,
    }
}

impl Command {
    /// True if it may change keys.
    pub(crate) fn is_write(&self) -> bool {
        self.spec.is_write()
    }
}

/// Leaves a command and its neighbours: those of its family, and what works on keys of any type. Half of all requests are then of this
/// command. False if there is no such command.
pub(crate) fn narrow(commands: &mut Vec<Command>, name: &str) -> bool {
    let Some(family) = commands.iter().find(|command| command.name == name).map(|command| command.family) else { return false };
    let is_generic = |command: &Command| command.key_type.is_none() && command.weight == WEIGHT_KEYS;
    commands.retain(|command| command.family == family || is_generic(command));
    let others: u64 = commands.iter().filter(|command| command.name != name).map(|command| command.weight).sum();
    if let Some(command) = commands.iter_mut().find(|command| command.name == name) {
        command.weight = others.max(1);
    }
    true
}
