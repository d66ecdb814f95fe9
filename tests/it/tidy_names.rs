//! What runs commands knows none by its name: how one differs from the others says its specification, where every reader looks for it and
//! no further command is forgotten. Nor does the documentation decide anything: it is prose.

use crate::tidy::{rust_files, without_tests};

/// Where commands run, and what they run on.
const FOLDERS: &[&str] =
    &["src/clients", "src/engine", "src/keyspace", "src/metrics", "src/persist", "src/pubsub", "src/replication", "src/server"];

/// What holds a command's name.
const NAMES: &[&str] = &["full_name", "spec.name", ".called", "command_name()", "words[0]", "args[0]"];

/// How it is compared with one that is written down.
const COMPARISONS: &[&str] = &[
    "== \"",
    "!= \"",
    "== b\"",
    "!= b\"",
    "\" == ",
    "\" != ",
    "match ",
    "matches!(",
    "is_word(",
    "eq_ignore_ascii_case(\"",
    "eq_ignore_ascii_case(b\"",
    "starts_with(\"",
    "starts_with(b\"",
    "ends_with(\"",
    ".contains(&",
];

/// How a command that is written down is looked for.
const LOOKUPS: &[&str] = &[".command(b\"", ".by_full_name(b\"", ".lookup(b\""];

/// What the documentation is read by.
const PROSE: &[&str] = &["docs.", "spec.docs"];

/// Files that may compare names, with as many lines, and why.
const EXCEPTIONS: &[(&str, usize, &str)] = &[
    ("src/engine/gate.rs", 1, "`host:` and `post` are words of another protocol, no commands"),
    ("src/engine/replay.rs", 2, "MULTI, EXEC, SELECT, PING and REPLCONF are how a log is written, and are not run"),
    ("src/engine/table.rs", 1, "it compares names with those of requests: it finds commands"),
];

/// Files that may read documentation: those that show it, and the CLI's own by that name.
const SHOW_PROSE: &[&str] = &["src/commands/server/command/docs.rs", "src/commands/server/command/info.rs", "src/cli/repl.rs"];

fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    without_tests(text).lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Where a command is told by its name.
fn compared_names(text: &str) -> Vec<usize> {
    let has = |line: &str, what: &[&str]| what.iter().any(|part| line.contains(part));
    // Asking the table is no comparison, whatever is done with the answer.
    let compares = |line: &str| has(line, NAMES) && has(line, COMPARISONS) && !line.contains(".lookup(");
    code(text).filter(|(_, line)| compares(line) || has(line, LOOKUPS)).map(|(number, _)| number + 1).collect()
}

/// Where documentation is read.
fn read_prose(text: &str) -> Vec<usize> {
    code(text).filter(|(_, line)| PROSE.iter().any(|part| line.contains(part))).map(|(number, _)| number + 1).collect()
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.ends_with("/testing.rs")
}

#[test]
fn no_command_is_told_by_its_name_where_commands_run() {
    let mut wrong = Vec::new();
    for (name, text) in rust_files(FOLDERS).into_iter().filter(|(name, _)| !is_test(name)) {
        let found = compared_names(&text);
        let allowed = EXCEPTIONS.iter().find(|(file, ..)| *file == name).map_or(0, |(_, lines, _)| *lines);
        if found.len() != allowed {
            wrong.push(format!("{name}: names of commands are compared in lines {found:?}; {allowed} may be"));
        }
    }
    assert!(wrong.is_empty(), "say it in the specification (a flag, `locks`, `place`):\n{}", wrong.join("\n"));
}

#[test]
fn documentation_decides_nothing() {
    let files = rust_files(&["src"]).into_iter().filter(|(name, _)| !is_test(name));
    let readers: Vec<String> = files.filter(|(_, text)| !read_prose(text).is_empty()).map(|(name, _)| name).collect();
    let mut expected = SHOW_PROSE.to_vec();
    expected.sort_unstable();
    assert_eq!(readers, expected, "COMMAND shows what the documentation says, and nobody else reads it");
}

#[test]
fn a_planted_name_is_found() {
    for planted in [
        "if row.full_name == \"exec\" {",
        "let is_exec = \"exec\" == row.full_name;",
        "if row.spec.name != \"multi\" {",
        "match row.full_name.as_str() {",
        "let takes_long = matches!(context.command_name(), \"keys\" | \"scan\");",
        "if words[0].eq_ignore_ascii_case(b\"exec\") {",
        "if is_word(args[0], \"RESET\") {",
        "if [\"watch\", \"multi\"].contains(&row.spec.name) {",
        "let is_cluster = row.full_name.starts_with(\"cluster|\");",
        "let exec = shared.table.command(b\"exec\");",
    ] {
        let text = format!("//! A page.\nfn f() {{\n    {planted}\n}}\n");
        assert_eq!(compared_names(&text), [3], "{planted}");
        let in_test = format!("//! A page.\n\n#[cfg(test)]\nmod tests {{\n{text}\n}}\n");
        assert!(compared_names(&in_test).is_empty(), "tests may: {planted}");
    }
    for harmless in [
        "let found = shared.table.lookup(words[0], words.get(1).copied());",
        "Err(CmdError::arity(&asked.row.full_name).line().to_vec())",
        "// Once `row.full_name == \"exec\"` stood here.",
        "Some(count) if is_word(word, \"COUNT\") => {",
    ] {
        assert!(compared_names(&format!("{harmless}\n")).is_empty(), "{harmless}");
    }
}

#[test]
fn planted_prose_is_found() {
    for planted in [
        "let is_brief = spec.docs.complexity == \"O(1)\";",
        "let is_brief = docs.complexity.starts_with(\"O(1)\");",
        "let Docs { complexity, .. } = row.spec.docs;",
    ] {
        assert_eq!(read_prose(&format!("//! A page.\nfn f() {{\n    {planted}\n}}\n")), [3], "{planted}");
    }
    assert!(read_prose("    docs: Docs { since: \"2.4.0\", ..BASE.docs },\n").is_empty());
}
