//! The rules of the tree that neither the compiler nor clippy knows.
//!
//! - A module of `src/` imports only lower ranks; the same rank only where [`SAME_RANK`] says so.
//! - A source file has at most [`LINES_MAX`] lines without its tests.
//! - Every module says at its top what it is.
//! - Nothing names a path of somebody's machine.
//!
//! The tables are here to be edited: a new module gets its rank, an exception its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every folder or file directly under `src/` with its rank. The lower ranks know nothing of the higher.
const RANKS: &[(&str, u8)] = &[
    ("base", 0),
    ("performance", 0),
    ("config", 1),
    ("metrics", 1),
    ("acl", 1),
    ("datatypes", 1),
    ("topology", 1),
    ("keyspace", 2),
    ("persist", 3),
    ("clients", 3),
    ("pubsub", 3),
    ("tracking", 3),
    ("engine", 4),
    ("commands", 5),
    ("script", 6),
    ("replication", 6),
    ("cluster", 6),
    ("server", 7),
    ("admin", 7),
    ("node", 8),
    ("cli", 8),
];

/// Imports between modules of one rank: (who, whom). They must not form a circle, which is tested.
const SAME_RANK: &[(&str, &str)] = &[("pubsub", "clients"), ("tracking", "clients")];

/// Most lines of a source file, not counting the `#[cfg(test)] mod tests` at its end.
const LINES_MAX: usize = 600;

/// Files that may be longer, with the number of lines they have now. A number may only shrink.
const LINES_EXCEPTIONS: &[(&str, usize)] = &[];

/// Starts of paths that exist on one machine only, in two halves so that this file does not name one.
const MACHINE_PATHS: &[(&str, &str)] = &[("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/")];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files under the given folders and files of the repository, with their path from its root, in order.
fn files(starts: &[&str]) -> Vec<(String, PathBuf)> {
    let root = root();
    let mut pending: Vec<PathBuf> = starts.iter().map(|start| root.join(start)).filter(|path| path.exists()).collect();
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
        if path.is_dir() {
            // What fuzzing leaves behind, fetched packages and caches are not part of the tree.
            let generated =
                ["tests/loom/target", "tests/fuzz/target", "tests/fuzz/corpus", "tests/fuzz/artifacts", "tests/clients/redis-rs/target"]
                    .contains(&name.as_str());
            if !generated && !name.ends_with("node_modules") && !name.ends_with("__pycache__") {
                pending.extend(fs::read_dir(&path).expect("folder can be listed").map(|entry| entry.expect("entry can be read").path()));
            }
        } else {
            found.push((name, path));
        }
    }
    found.sort();
    found
}

pub(crate) fn rust_files(starts: &[&str]) -> Vec<(String, String)> {
    let rust = files(starts).into_iter().filter(|(name, _)| name.ends_with(".rs"));
    rust.map(|(name, path)| (name, fs::read_to_string(path).expect("source is UTF-8"))).collect()
}

/// The text without the tests at its end.
pub(crate) fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod tests {").map_or(text, |end| &text[..=end])
}

/// The modules of this crate that a source text names: `crate::name` in paths and `crate::{a::X, b}` in imports.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let follows_name = code[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_');
        if follows_name {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => found.extend([head(rest)]),
        }
    }
    found.remove("");
    found
}

/// The first name of a path.
fn head(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names of the paths in `a::X, b::{c, d}, e}`, up to the brace that closes the group.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut heads = vec![head(group)];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

/// The module of `src/` a file belongs to; None for `lib.rs` and the binaries, which may name everything.
fn module_of(name: &str) -> Option<&str> {
    let inside = name.strip_prefix("src/")?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (module != "lib" && module != "bin").then_some(module)
}

#[test]
fn modules_import_only_lower_ranks() {
    let ranks: BTreeMap<&str, u8> = RANKS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, text) in rust_files(&["src"]) {
        let Some(module) = module_of(&name) else { continue };
        let Some(&rank) = ranks.get(module) else {
            wrong.push(format!("{name}: {module} has no rank in tests/it/tidy.rs"));
            continue;
        };
        for import in imports(&text) {
            // What is not a module is a name at the crate's root, such as a macro.
            let Some(&imported) = ranks.get(import.as_str()) else { continue };
            let allowed = import == module || imported < rank || imported == rank && SAME_RANK.contains(&(module, import.as_str()));
            if !allowed {
                wrong.push(format!("{name} (rank {rank}) imports crate::{import} (rank {imported})"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the ranks:\n{}", wrong.join("\n"));
}

#[test]
fn same_rank_imports_form_no_circle() {
    let mut left: BTreeSet<&(&str, &str)> = SAME_RANK.iter().collect();
    loop {
        let importers: BTreeSet<&str> = left.iter().map(|(who, _)| *who).collect();
        let before = left.len();
        left.retain(|(_, whom)| importers.contains(whom));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "a circle among {left:?}");
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for (name, text) in rust_files(&["src", "proto/src", "benches", "tests/differential", "tests/it", "tests/sim"]) {
        let lines = without_tests(&text).lines().count();
        let exception = LINES_EXCEPTIONS.iter().find(|(file, _)| *file == name).map(|(_, lines)| *lines);
        match exception {
            None if lines > LINES_MAX => wrong.push(format!("{name} has {lines} lines, at most {LINES_MAX} are allowed: split it")),
            Some(most) if lines > most => wrong.push(format!("{name} has {lines} lines, its exception says {most}: it may only shrink")),
            Some(most) if lines < most => wrong.push(format!("{name} has {lines} lines now: lower its exception from {most}")),
            _ => {}
        }
    }
    for (file, _) in LINES_EXCEPTIONS {
        if !root().join(file).exists() {
            wrong.push(format!("{file} has an exception and is gone"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_say_what_they_are() {
    let sources = rust_files(&["src", "proto/src", "benches", "tests/differential", "tests/it", "tests/sim", "tests/fuzz"]);
    let silent: Vec<String> =
        sources.into_iter().filter(|(_, text)| !text.starts_with("//!") && !text.starts_with("#![doc")).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "the first line must be `//! ...`, what the module is:\n{}", silent.join("\n"));
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let mut wrong = Vec::new();
    let places = [
        "src",
        "proto",
        "config",
        "tests",
        "benches",
        "scripts",
        ".ci",
        "Cargo.toml",
        "README.md",
        "CONTRIBUTING.md",
        "deny.toml",
        "clippy.toml",
    ];
    for (name, path) in files(&places) {
        // Golden files and other binaries are not text.
        let Ok(text) = fs::read_to_string(path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if MACHINE_PATHS.iter().any(|(start, end)| line.contains(&format!("{start}{end}"))) {
                wrong.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "paths of one machine:\n{}", wrong.join("\n"));
}

#[test]
fn imports_are_read_from_every_form() {
    let check = |text: &str, expected: &[&str]| {
        let found: Vec<String> = imports(text).into_iter().collect();
        assert_eq!(found, expected, "{text}");
    };
    check("use crate::base::clock;\n", &["base"]);
    check("use crate::{base::clock, keyspace::{self, table::Table}, config};\n", &["base", "config", "keyspace"]);
    check("use crate::{\n    base::{a, b},\n    metrics::Counter,\n};\nuse std::fmt;\n", &["base", "metrics"]);
    check("fn f() -> crate::server::Worker { g() }\n", &["server"]);
    check("// crate::node is composed later\n/// See [`crate::node`].\n", &[]);
    check("use larder_crate::x;\n", &[]);
}

#[test]
fn tests_at_the_end_of_a_file_do_not_count() {
    assert_eq!(without_tests("a\nb\n\n#[cfg(test)]\nmod tests {\n}\n").lines().count(), 3);
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod helpers;\nb\n").lines().count(), 4);
}

/// Scripts are started by people and by CI: they must be executable and say their interpreter.
#[cfg(unix)]
#[test]
fn scripts_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    for (name, path) in files(&["scripts", ".ci"]).into_iter().filter(|(name, _)| is_script(Path::new(name))) {
        let mode = fs::metadata(&path).expect("file exists").permissions().mode();
        assert!(mode & 0o111 != 0, "{name} is not executable");
        assert!(fs::read_to_string(&path).expect("script is text").starts_with("#!"), "{name} does not say its interpreter");
    }
}

fn is_script(path: &Path) -> bool {
    path.extension().is_none()
}
