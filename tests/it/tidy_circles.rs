//! No files import each other in a circle: what files share lies in a file below them.

use std::collections::BTreeMap;

use crate::import_graph::{Circle, ImportGraph};
use crate::tidy::rust_files;

/// Folders whose files form circles: how many files are in them, which may only shrink, and why.
const CIRCLES: &[(&str, usize, &str)] = &[("src/cluster", 7, "the control plane is about to be rebuilt around a pure core")];

/// What is wrong with the circles of a crate: those that no exception allows, and exceptions that have become too large.
fn faults(graph: &ImportGraph, source_folder: &str, exceptions: &[(&str, usize, &str)]) -> Vec<String> {
    let mut by_folder: BTreeMap<String, Vec<Circle>> = BTreeMap::new();
    for circle in graph.circles() {
        by_folder.entry(circle.folder().to_owned()).or_default().push(circle);
    }
    for (folder, ..) in exceptions.iter().filter(|(folder, ..)| folder.starts_with(source_folder)) {
        by_folder.entry((*folder).to_owned()).or_default();
    }
    let mut faults = Vec::new();
    for (folder, circles) in by_folder {
        let most = exceptions.iter().find(|(name, ..)| *name == folder).map_or(0, |(_, most, _)| *most);
        let now = circles.iter().map(|circle| circle.files.len()).sum::<usize>();
        if now > most {
            faults.push(format!("{folder}: {now} files in circles, {most} are allowed"));
            faults.extend(circles.iter().map(|circle| format!("  {}\n", circle.imports.join("\n  "))));
        } else if now < most {
            faults.push(format!("{folder}: {now} files in circles now: lower its exception from {most}"));
        }
    }
    faults
}

#[test]
fn files_form_no_circles() {
    let mut found = Vec::new();
    for source_folder in ["src", "proto/src"] {
        let graph = ImportGraph::of(&format!("{source_folder}/lib.rs"), &rust_files(&[source_folder]));
        found.extend(faults(&graph, source_folder, CIRCLES));
    }
    assert!(found.is_empty(), "what these files share belongs into a file below them:\n{}", found.join("\n"));
}

fn graph(files: &[(&str, &str)]) -> ImportGraph {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    ImportGraph::of("src/lib.rs", &files)
}

#[test]
fn a_file_imports_the_file_that_defines_a_name() {
    let lib = "mod a; mod dir; mod low;";
    let dir = "
        mod one; mod two;
        mod three;
        pub use one::One;
        pub(crate) use one::{first, second as renamed};
        pub use two::*;
        use crate::low::hidden;
        pub const SIZE: usize = 1;
        fn three() {}
        pub mod flag { pub const ON: u8 = 1; }
    ";
    let cases: &[(&str, &[&str])] = &[
        ("use crate::low;", &[]),
        ("use crate::low; fn f() { low::g() }", &["src/low.rs"]),
        ("use crate::low::g;", &["src/low.rs"]),
        ("fn f() { let x = crate::low::g(); }", &["src/low.rs"]),
        ("use crate::{low::{g, h}, dir::SIZE};", &["src/dir/mod.rs", "src/low.rs"]),
        ("use crate::{dir::{self, one::{first, deep::Deep}}}; fn f() { dir::two::pair() }", &["src/dir/one.rs", "src/dir/two.rs"]),
        ("use super::dir::One;", &["src/dir/one.rs"]),
        ("use super::dir::renamed as other;", &["src/dir/one.rs"]),
        ("use crate::dir::pair;", &["src/dir/two.rs"]),
        ("use crate::dir::Missing;", &["src/dir/mod.rs"]),
        ("use crate::dir::hidden;", &["src/low.rs"]),
        ("use crate::dir::flag; const X: u8 = flag::ON;", &["src/dir/mod.rs"]),
        ("use crate::dir::{one::Kind, Kind::*};", &["src/dir/mod.rs", "src/dir/one.rs"]),
        ("use crate::dir::one::*;", &["src/dir/one.rs"]),
        ("use std::fmt; use bytes::Bytes; fn f() { fmt::low(); other::g() }", &[]),
        ("// use crate::low::g;\n/* crate::low::g */ fn f() { x(\"crate::low::g\", '\"', b'\\'', r#\"crate::low\"#, 'c') }", &[]),
        ("fn f<'a>(x: &'a str) { crate::low::g('\\'') }", &["src/low.rs"]),
        (
            "#[cfg(test)]\nuse crate::low::g;\n#[cfg(test)]\n#[allow(x)]\nmod tests { use crate::low::g; }\nuse crate::dir::One;",
            &["src/dir/one.rs"],
        ),
        ("mod inner { use super::super::low::g; }", &["src/low.rs"]),
    ];
    for (a, imports) in cases {
        let one = "pub mod deep; pub struct One; pub fn first() {} pub fn second() {} pub enum Kind { A }";
        let files = [
            ("src/lib.rs", lib),
            ("src/a.rs", *a),
            ("src/low.rs", "pub fn g() {} pub fn hidden() {}"),
            ("src/dir/mod.rs", dir),
            ("src/dir/one.rs", one),
            ("src/dir/one/deep.rs", "use super::{Kind, One}; pub struct Deep;"),
            ("src/dir/two.rs", "use super::SIZE; pub fn pair() { super::first(); super::three(); super::three::x() }"),
            ("src/dir/three.rs", "pub fn x() {}"),
        ];
        let graph = graph(&files);
        let found: Vec<&str> = graph.imports("src/a.rs").into_iter().filter(|file| !file.ends_with("deep.rs")).collect();
        assert_eq!(found, *imports, "{a}");
        assert_eq!(graph.imports("src/dir/mod.rs"), ["src/low.rs"], "declarations and re-exports of children are no imports");
        assert_eq!(graph.imports("src/dir/one/deep.rs"), ["src/dir/one.rs"]);
        assert_eq!(graph.imports("src/dir/two.rs"), ["src/dir/mod.rs", "src/dir/one.rs", "src/dir/three.rs"]);
    }
}

#[test]
fn circles_are_found_with_their_imports() {
    let lib = ("src/lib.rs", "mod family; mod a; mod b;");
    let get = ("src/family/get.rs", "pub static GET: u8 = super::SIZE;");
    let check = |family: &str, a: &str, b: &str, expected: &[&[&str]]| {
        let files = [lib, get, ("src/family/mod.rs", family), ("src/a.rs", a), ("src/b.rs", b)];
        let found: Vec<_> = graph(&files).circles().into_iter().map(|circle| circle.imports).collect();
        assert_eq!(found, expected, "{family} {a} {b}");
    };
    check("mod get; pub const SIZE: u8 = 1;", "use crate::b::B;", "use crate::family::SIZE;", &[]);
    check("mod get; pub use get::GET; pub const SIZE: u8 = 1;", "", "", &[]);
    let both: &[&str] = &["src/family/get.rs -> src/family/mod.rs: SIZE", "src/family/mod.rs -> src/family/get.rs: GET"];
    check("mod get; pub const SIZE: u8 = 1; pub static COMMANDS: &[&u8] = &[&get::GET];", "", "", &[both]);
    check("mod get; pub use get::GET; pub const SIZE: u8 = 1; fn f() -> u8 { GET }", "", "", &[both]);
    check("mod get; use get::GET; pub const SIZE: u8 = 1;", "", "", &[both]);
    let two: &[&str] = &["src/a.rs -> src/b.rs: B, C", "src/b.rs -> src/a.rs: A"];
    check("mod get; use crate::a::A;", "use crate::b::{B, C};", "fn f() { super::a::A }", &[two]);
}

#[test]
fn exceptions_may_only_shrink() {
    let files = [
        ("src/lib.rs", "mod dir;"),
        ("src/dir/mod.rs", "mod a; mod b;"),
        ("src/dir/a.rs", "use super::b::B;"),
        ("src/dir/b.rs", "use super::a::A;"),
    ];
    let graph = graph(&files);
    let check = |exceptions: &[(&str, usize, &str)], expected: &[&str]| {
        let found = faults(&graph, "src", exceptions);
        assert_eq!(found, expected, "{exceptions:?}");
    };
    let imports = "  src/dir/a.rs -> src/dir/b.rs: B\n  src/dir/b.rs -> src/dir/a.rs: A\n";
    check(&[], &["src/dir: 2 files in circles, 0 are allowed", imports]);
    check(&[("src/dir", 1, "")], &["src/dir: 2 files in circles, 1 are allowed", imports]);
    check(&[("src/dir", 2, "")], &[]);
    check(&[("src/dir", 3, "")], &["src/dir: 2 files in circles now: lower its exception from 3"]);
    check(&[("src/dir", 2, ""), ("src/gone", 2, "")], &["src/gone: 0 files in circles now: lower its exception from 2"]);
    check(&[("src/dir", 2, ""), ("proto/src/dir", 2, "")], &[]);
}
