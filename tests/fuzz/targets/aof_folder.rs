//! Folders of append only files: a manifest and up to three parts, loaded as by a node at its start.
//!
//! * No panic, and no memory for lengths that are only announced.
//! * An error says which file is wrong, and where if it is a request. Nobody sees anything of the data then.
//! * Nothing that was there is lost, whatever the outcome: what is cut off is kept beside.
//! * After a success the node goes on writing, and another one that loads what is there then has the same data. Memory does not grow.
//!
//! The input is a byte that chooses the options, the manifest, and the parts, with [`SEPARATOR`] between them. The parts have the names that
//! the manifest has, in its order, so that a name that has changed still finds its file.

#![no_main]

#[path = "../bounded_alloc.rs"]
mod bounded_alloc;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder::base::alloc;
use larder::engine::aof_loading::LoadError;
use larder::engine::shared::Shared;
use larder::node::in_process;
use larder::persist::aof::manifest::Manifest;
use larder::persist::files::Files as _;
use larder::persist::files::faulty::FaultyFiles;
use larder::server::in_process::Peer;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: bounded_alloc::Bounded = bounded_alloc::Bounded;

const SEPARATOR: &[u8] = b"=====\n";
const PARTS_MAX: usize = 3;
const DIR: &str = "appendonlydir";
const MANIFEST: &str = "appendonly.aof.manifest";
/// An append only file of old, which is one file beside the folder.
const OLD: &str = "appendonly.aof";
/// Bytes of the first record of a part, which is corrected in place.
const HEADER_LEN: usize = 81;
/// Times that an input is run again to see whether the memory grows each time: what is cached grows once.
const REPETITIONS: usize = 3;
/// Bytes that a run may keep for good: what is counted for threads that have ended, and what a process sets aside once for its node.
const KEPT_MAX: usize = 4096;
/// Words of requests that make something else each time: by chance or by the time. Logs have none of them, or with other arguments.
const INCONSTANT: [&str; 14] = [
    "SPOP",
    "*",
    "EX",
    "PX",
    "EXPIRE",
    "PEXPIRE",
    "SETEX",
    "PSETEX",
    "HEXPIRE",
    "HPEXPIRE",
    "RESTORE",
    "XCLAIM",
    "XAUTOCLAIM",
    "XREADGROUP",
];

/// What the first byte chooses.
struct Control(u8);

impl Control {
    fn options(&self) -> Vec<&'static str> {
        let choose = |bit: u8, name: &'static str, (set, clear)| [name, if self.0 & bit == 0 { clear } else { set }];
        let chosen = [
            choose(1, "--aof-load-truncated", ("no", "yes")),
            choose(2, "--rdbchecksum", ("yes", "no")),
            choose(4, "--aof-use-rdb-preamble", ("no", "yes")),
            choose(8, "--rdb-version-check", ("relaxed", "strict")),
            choose(16, "--aof-timestamp-enabled", ("yes", "no")),
        ];
        // A flush happens when it is asked for, and no value is longer than a megabyte.
        let fixed = ["--appendonly", "yes", "--appendfsync", "everysec", "--proto-max-bulk-len", "1mb", "--databases", "4"];
        chosen.as_flattened().iter().copied().chain(fixed).collect()
    }

    /// True if there is no folder yet, but the file of a server of old.
    fn is_old(&self) -> bool {
        self.0 & 32 != 0
    }
}

/// What is there at first: names of files with their contents.
struct Content {
    manifest: Vec<u8>,
    parts: Vec<(PathBuf, Vec<u8>)>,
}

/// The pieces between separators: all of it if there is none.
fn split(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while pieces.len() < PARTS_MAX
        && let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)
    {
        pieces.push(rest[..at].to_vec());
        rest = &rest[at + SEPARATOR.len()..];
    }
    pieces.push(rest.to_vec());
    pieces
}

impl Content {
    fn of(control: &Control, input: &[u8]) -> Content {
        let mut pieces = split(input);
        if control.is_old() {
            return Content { manifest: Vec::new(), parts: vec![(Path::new(DIR).join(OLD), pieces.pop().unwrap_or_default())] };
        }
        let manifest = pieces.remove(0);
        let mut names = names(&manifest);
        names.retain(|name| name != MANIFEST);
        Content { parts: names.into_iter().map(|name| Path::new(DIR).join(name)).zip(pieces).collect(), manifest }
    }

    fn files(&self, control: &Control) -> FaultyFiles {
        let files = FaultyFiles::default();
        if control.is_old() {
            files.put(OLD, &self.parts[0].1);
            return files;
        }
        files.create_dir(Path::new(DIR)).expect("no fault is planned");
        files.put(Path::new(DIR).join(MANIFEST), &self.manifest);
        self.parts.iter().for_each(|(path, bytes)| files.put(path, bytes));
        files
    }

    fn is_inconstant(&self) -> bool {
        let has = |word: &str, bytes: &[u8]| {
            let line = [b"\n", word.as_bytes(), b"\r"].concat();
            bytes.windows(line.len()).any(|window| window.eq_ignore_ascii_case(&line))
        };
        self.parts.iter().any(|(_, bytes)| INCONSTANT.iter().any(|word| has(word, bytes)))
    }
}

/// The names in a manifest, in its order, each once; of what is none as well.
fn names(manifest: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for line in manifest.split_inclusive(|byte| *byte == b'\n') {
        let Ok(manifest) = Manifest::parse(line) else { continue };
        let parts = manifest.base.into_iter().chain(manifest.increments).chain(manifest.history);
        names.extend(parts.map(|part| part.name));
    }
    let all = names.clone();
    let mut number = 0;
    names.retain(|name| {
        number += 1;
        !all[..number - 1].contains(name)
    });
    names
}

/// An error names a file, and a place in it that there is.
fn check_error(error: &LoadError, content: &Content) {
    let text = error.to_string();
    let is_named = |path: &PathBuf| path.file_name().is_some_and(|name| text.contains(&*name.to_string_lossy()));
    let mut names = names(&content.manifest).into_iter().map(PathBuf::from).chain(content.parts.iter().map(|(path, _)| path.clone()));
    assert!(text.contains(MANIFEST) || names.any(|name| is_named(&name)), "no file is named: {text}");
    let (LoadError::Malformed { name, offset, .. }
    | LoadError::Refused { name, offset, .. }
    | LoadError::CutShort { name, len: offset, .. }) = error
    else {
        return;
    };
    let path = Path::new(DIR).join(name);
    let len = content.parts.iter().find(|(part, _)| *part == path).map_or(content.manifest.len(), |(_, bytes)| bytes.len());
    assert!(*offset <= len as u64, "the file has {len} bytes: {text}");
}

/// What was there is there: at its place, or in a file that has what was cut off it.
fn check_nothing_is_lost(files: &FaultyFiles, content: &Content, is_loaded: bool) {
    let history = Manifest::parse(&content.manifest).map(|manifest| manifest.history).unwrap_or_default();
    for (path, before) in &content.parts {
        if history.iter().any(|part| path.ends_with(&part.name)) && files.content(path).is_none() && is_loaded {
            let is_needed =
                Manifest::parse(&content.manifest).is_ok_and(|manifest| manifest.parts().any(|part| path.ends_with(&part.name)));
            assert!(!is_needed, "a part was removed that is needed: {}", path.display());
            continue;
        }
        let is_moved = |path: &Path| files.content(path.file_name().unwrap_or_default());
        let Some(mut now) = files.content(path).or_else(|| is_moved(path)) else { panic!("{} is gone", path.display()) };
        let cut = format!("{}.cut-at-{}", path.display(), now.len());
        now.extend(files.content(cut).unwrap_or_default());
        let from = if is_loaded { HEADER_LEN } else { 0 };
        assert!(now.len() == before.len() && now.get(from..) == before.get(from..), "{} has changed", path.display());
    }
}

fn digest(node: &Arc<Shared>) -> String {
    in_process::digest(node).expect("nobody else holds a stripe")
}

fn run(data: &[u8]) -> usize {
    let Some((&control, input)) = data.split_first() else { return alloc::used_bytes_here() };
    let control = Control(control);
    let content = Content::of(&control, input);
    let files = content.files(&control);
    let node = in_process::node(&files, &control.options());
    let result = in_process::start(&node);
    check_nothing_is_lost(&files, &content, result.is_ok());
    match result {
        Err(error) => {
            check_error(error.downcast_ref::<LoadError>().unwrap_or_else(|| panic!("it could not go on: {error:#}")), &content);
            let reply = Peer::new(&node).call(&[b"DBSIZE"]).unwrap_or_default();
            assert!(reply.starts_with(b"-LOADING ") || reply == b":0\r\n", "after {error:#}: {}", reply.escape_ascii());
        }
        Ok(()) => {
            // Done twice it is something else.
            let reply = Peer::new(&node).call(&[b"INCR", b"number behind all that was loaded"]);
            assert_eq!(reply.as_deref(), Some(&b":1\r\n"[..]));
            node.aof.write_and_flush();
            let expected = digest(&node);
            drop(node);
            let again = in_process::node(&files, &control.options());
            in_process::start(&again).unwrap_or_else(|error| panic!("what was loaded is not loaded again: {error:#}"));
            assert!(digest(&again) == expected || content.is_inconstant(), "what is loaded again is something else");
        }
    }
    drop((files, content));
    alloc::flush_thread();
    alloc::used_bytes_here()
}

fuzz_target!(|data: &[u8]| {
    let before = alloc::used_bytes_here();
    let mut after = run(data);
    if after <= before + KEPT_MAX {
        return;
    }
    // What is kept for later grew, or something was lost: only that grows again.
    for _ in 0..REPETITIONS {
        let again = run(data);
        if again <= after + KEPT_MAX {
            return;
        }
        after = again;
    }
    panic!("the memory grows with each repetition of this input: from {before} bytes to {after}");
});
