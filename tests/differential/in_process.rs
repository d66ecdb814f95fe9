//! Which commands random requests leave out that run in the process of the test itself.

/// They end or stall the process, write files, or work by their connection's task.
const WITHOUT: &[&str] = &[
    "shutdown",
    "save",
    "bgsave",
    "bgrewriteaof",
    "debug",
    "config|set",
    "config|rewrite",
    "monitor",
    "cluster",
    "quit",
    "time",
    "lolwut",
];

/// True unless a command, or the container it belongs to, is one of these or in the list.
pub(crate) fn runs_in_process(name: &str, nor: &[&str]) -> bool {
    !WITHOUT.iter().chain(nor).any(|without| name.strip_prefix(without).is_some_and(|rest| rest.is_empty() || rest.starts_with('|')))
}
