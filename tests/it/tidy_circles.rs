//! No circles among the files of a folder: who reads one file must not have to read another that needs the first.
//!
//! A file imports another when it names a path that leads there: in a `use`, or in place; through what a module re-exports to where it is
//! defined. `mod` lines and re-exports are no imports, so that a folder's `mod.rs` may list and re-export its children, which may not use
//! what it defines itself. Paths are read as text, without macros.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::{rust_files, without_tests};

/// Folders in which files form circles, why, and how many files are in them. A number may only shrink.
const EXCEPTIONS: &[(&str, usize, &str)] = &[
    ("cluster", 6, "the control plane is about to be rebuilt around a pure core"),
    ("commands", 54, "helpers that stand in the files that list the commands"),
];

/// A module path, below the crate's root.
type Path = Vec<String>;

/// A source file: its module path, and its code without comments and tests.
struct File {
    module: Path,
    code: String,
}

fn path(text: &str) -> Path {
    text.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn file(name: &str, text: &str) -> File {
    let mut module = path(&name.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::"));
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let lines = without_tests(text).lines().filter(|line| !line.trim_start().starts_with("//"));
    File { module, code: lines.map(|line| format!("{line}\n")).collect() }
}

/// The paths of a `use` tree: `a::{b, c::d as e}` names `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &Path, found: &mut Vec<Path>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        found.push([prefix.clone(), path(name)].concat());
        return;
    };
    let prefix = [prefix.clone(), path(&tree[..open])].concat();
    let (mut depth, mut from) = (0, open + 1);
    for (at, c) in tree.char_indices().skip(open + 1) {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                if !tree[from..at].trim().is_empty() {
                    expand(&tree[from..at], &prefix, found);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The statements `use ...;` with whether they are public, and the code without them.
fn uses(code: &str) -> (Vec<(Path, bool)>, String) {
    let (mut found, mut rest) = (Vec::new(), String::new());
    let mut statement: Option<(String, bool)> = None;
    for line in code.lines() {
        let trimmed = line.trim_start();
        if statement.is_none() {
            let after_pub = trimmed.strip_prefix("pub").map(|rest| rest.trim_start_matches(|c| c != ' ').trim_start());
            if let Some(tree) = trimmed.strip_prefix("use ") {
                statement = Some((tree.to_owned(), false));
            } else if let Some(tree) = after_pub.and_then(|rest| rest.strip_prefix("use ")) {
                statement = Some((tree.to_owned(), true));
            } else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            }
        } else if let Some((tree, _)) = &mut statement {
            tree.push_str(trimmed);
        }
        if let Some((tree, is_public)) = statement.take() {
            match tree.strip_suffix(';') {
                Some(whole) => {
                    let mut paths = Vec::new();
                    expand(whole, &Path::new(), &mut paths);
                    found.extend(paths.into_iter().map(|path| (path, is_public)));
                }
                None => statement = Some((tree, is_public)),
            }
        }
    }
    (found, rest)
}

/// The paths of more than one part that stand in the code.
fn paths_in_place(code: &str) -> Vec<Path> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c| !is_part(c)).filter(|word| word.contains("::"));
    words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).map(path).filter(|path| path.len() > 1).collect()
}

/// Where a path leads, from the crate's root; `None` outside the crate.
fn absolute(module: &Path, modules: &BTreeSet<Path>, named: &Path) -> Option<Path> {
    let mut base = module.clone();
    let mut rest = &named[..];
    match rest.first()?.as_str() {
        "crate" => return Some(rest[1..].to_vec()),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        child => {
            let is_child = modules.contains(&[base.clone(), vec![child.to_owned()]].concat());
            if !is_child {
                return None;
            }
        }
    }
    Some([base, rest.to_vec()].concat())
}

/// Who imports whom, within each folder directly under the root.
fn imports(files: &[File]) -> BTreeMap<Path, BTreeSet<Path>> {
    let modules: BTreeSet<Path> = files.iter().map(|file| file.module.clone()).collect();
    let mut named: BTreeMap<&Path, Vec<Path>> = BTreeMap::new();
    let mut exported: BTreeMap<(Path, String), Path> = BTreeMap::new();
    for file in files {
        let (used, rest) = uses(&file.code);
        let list = named.entry(&file.module).or_default();
        for (named, is_public) in used {
            let Some(to) = absolute(&file.module, &modules, &named) else { continue };
            match to.last() {
                Some(name) if is_public => drop(exported.insert((file.module.clone(), name.clone()), to)),
                _ => list.push(to),
            }
        }
        list.extend(paths_in_place(&rest).iter().filter_map(|named| absolute(&file.module, &modules, named)));
    }
    let resolve = |mut to: Path| -> Option<Path> {
        for _ in 0..8 {
            let len = (1..=to.len()).rev().find(|len| modules.contains(&to[..*len]))?;
            let next = to.get(len).and_then(|name| exported.get(&(to[..len].to_vec(), name.clone())));
            match next {
                Some(next) if *next != to => to = [next.clone(), to[len + 1..].to_vec()].concat(),
                _ => return Some(to[..len].to_vec()),
            }
        }
        None
    };
    let same_folder = |one: &Path, other: &Path| one != other && one.first() == other.first();
    let edges = named.into_iter().map(|(module, list)| {
        let to = list.into_iter().filter_map(&resolve).filter(|to| same_folder(module, to)).collect();
        (module.clone(), to)
    });
    edges.collect()
}

/// All modules that each module leads to, by however many imports.
fn circles(edges: &BTreeMap<Path, BTreeSet<Path>>) -> Vec<BTreeSet<Path>> {
    let reach = |from: &Path| {
        let (mut seen, mut pending) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = pending.pop() {
            let to = edges.get(&at).into_iter().flatten().filter(|to| !seen.contains(*to)).cloned().collect::<Vec<_>>();
            seen.extend(to.iter().cloned());
            pending.extend(to);
        }
        seen
    };
    let reached: BTreeMap<&Path, BTreeSet<Path>> = edges.keys().map(|module| (module, reach(module))).collect();
    let mut found: BTreeSet<BTreeSet<Path>> = BTreeSet::new();
    for (module, to) in reached.iter().filter(|(module, to)| to.contains(**module)) {
        let members = to.iter().filter(|other| reached.get(other).is_some_and(|back| back.contains(*module)));
        found.insert(members.cloned().collect());
    }
    found.into_iter().collect()
}

#[test]
fn files_form_no_circles() {
    let is_test = |name: &str| name.ends_with("/tests.rs") || name.ends_with("/testing.rs");
    let skipped = |name: &str| is_test(name) || name.starts_with("src/bin/") || name == "src/lib.rs";
    let files: Vec<File> = rust_files(&["src"]).iter().filter(|(name, _)| !skipped(name)).map(|(name, text)| file(name, text)).collect();
    let edges = imports(&files);
    let mut wrong = Vec::new();
    let mut excepted: BTreeMap<&str, usize> = BTreeMap::new();
    for circle in circles(&edges) {
        let folder = circle.first().and_then(|module| module.first()).cloned().unwrap_or_default();
        if let Some((name, ..)) = EXCEPTIONS.iter().find(|(name, ..)| *name == folder) {
            *excepted.entry(name).or_default() += circle.len();
            continue;
        }
        for module in &circle {
            let to: Vec<String> = edges[module].intersection(&circle).map(|to| to.join("::")).collect();
            wrong.push(format!("{} imports {}", module.join("::"), to.join(", ")));
        }
        wrong.push(String::new());
    }
    for (name, most, _) in EXCEPTIONS {
        let now = excepted.get(name).copied().unwrap_or(0);
        if now != *most {
            wrong.push(format!("{name}: {now} files in circles, its exception says {most}: it may only shrink"));
        }
    }
    assert!(
        wrong.is_empty(),
        "files that import each other in circles (what they share belongs in a file below them):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn circles_are_found_in_every_form_of_import() {
    let check = |sources: &[(&str, &str)], expected: &[&str]| {
        let files: Vec<File> = sources.iter().map(|(name, text)| file(name, text)).collect();
        let found: Vec<String> = circles(&imports(&files)).iter().flatten().map(|module| module.join("::")).collect();
        assert_eq!(found, expected, "{sources:?}");
    };
    check(&[("src/a/b.rs", "use super::c::X;\n"), ("src/a/c.rs", "use crate::a::b;\n")], &["a::b", "a::c"]);
    check(&[("src/a/b.rs", "use super::{c::{X,\n    Y}, d};\n"), ("src/a/c.rs", "fn f() { super::b::g() }\n")], &["a::b", "a::c"]);
    check(&[("src/a/mod.rs", "mod b;\npub use b::X;\n"), ("src/a/b.rs", "use super::c::Y;\n"), ("src/a/c.rs", "")], &[]);
    // A list of children makes a parent depend on them; then they may use nothing of its own.
    check(&[("src/a/mod.rs", "mod b;\nstatic ALL: &[u8] = &[b::X];\n"), ("src/a/b.rs", "fn f() { super::help() }\n")], &["a", "a::b"]);
    // A name that is re-exported leads to where it is defined.
    check(
        &[("src/a/mod.rs", "pub use b::X;\n"), ("src/a/b.rs", "use crate::a::c::Y;\n"), ("src/a/c.rs", "use crate::a::X;\n")],
        &["a::b", "a::c"],
    );
    check(&[("src/a/b.rs", "use crate::d::e::X;\n"), ("src/d/e.rs", "use crate::a::b::Y;\n")], &[]);
    check(
        &[("src/a/b.rs", "// use super::c;\n\n#[cfg(test)]\nmod tests { use super::super::c; }\n"), ("src/a/c.rs", "use super::b::X;\n")],
        &[],
    );
}
