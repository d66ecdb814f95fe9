//! Which commands random requests leave out that run in the process of the test itself, and why: the one list of them. What the comparison with
//! Valkey leaves out stands with its reasons in `compare.rs`.

/// Whose requests they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// The fuzz target `command_grammar`.
    Grammar,
    /// Histories whose write log is applied again (`tests/it/replay.rs`).
    Log,
}

const BOTH: &[Use] = &[Use::Grammar, Use::Log];

/// Commands, or containers with all that they contain; for whom; and the reason.
const WITHOUT: &[(&str, &[Use], &str)] = &[
    ("shutdown", BOTH, "it ends the process"),
    ("debug", BOTH, "it ends and stalls the process on purpose"),
    ("save", BOTH, "it writes a file, which the tests of snapshots read"),
    ("bgsave", BOTH, "likewise, by a thread that outlives the input"),
    ("bgrewriteaof", BOTH, "likewise"),
    ("config|rewrite", BOTH, "it writes the file that the process was started with, which is none"),
    ("config|set", BOTH, "what it sets stays for the inputs that follow"),
    ("monitor", BOTH, "its connection's task sends what it is told, and here is none"),
    ("quit", BOTH, "its connection's task closes it, and here is none"),
    ("cluster", BOTH, "the node is not part of one: each is the same refusal"),
    ("clusterscan", BOTH, "likewise"),
    ("replicaof", BOTH, "it changes the role of the process for the inputs that follow"),
    ("slaveof", BOTH, "likewise"),
    ("psync", BOTH, "its connection's task hands the connection over, and here is none"),
    ("sync", BOTH, "likewise"),
    ("wait", BOTH, "it waits for replicas that there are not"),
    ("time", BOTH, "no input determines its answer, and it has no arguments"),
    ("lolwut", BOTH, "it is slow, and only computes a picture"),
    ("client|pause", &[Use::Grammar], "those who come later would wait"),
    ("client|reply", &[Use::Grammar], "a request would have no reply"),
    ("client|kill", &[Use::Grammar], "a client that is to end does so by its connection's task, and here is none"),
    ("client", &[Use::Log], "it makes a client another one, which the log does not know"),
    ("reset", &[Use::Log], "likewise"),
    ("hello", &[Use::Log], "likewise"),
    ("pfdebug", &[Use::Log], "Valkey's own log does not have what it changes"),
];

/// True unless a command, or the container it belongs to, is left out.
pub(crate) fn runs_in_process(name: &str, of: Use) -> bool {
    let is = |without: &str| name.strip_prefix(without).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'));
    !WITHOUT.iter().any(|(without, uses, _)| uses.contains(&of) && is(without))
}
