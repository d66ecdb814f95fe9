//! `rdb check|info|export FILE`: looks at a snapshot on disk, without a server.
//!
//! Everything is read as a server would read it, so that what passes `check` loads. Memory holds one value at a time.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::connection::describe;
use super::settings::Look;
use super::stop::{Stop, fail};
use crate::base::clock;
use crate::config::Config;
use crate::datatypes::items::Item;
use crate::datatypes::list_node as node;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::snapshot::sink::{Piece, for_each_piece, header};
use crate::keyspace::value::hash::FieldAccess;
use crate::persist::files::{Disk, File, Files};
use crate::persist::rdb::file_source::FileSource;
use crate::persist::rdb::load::{self, Access, Limits};
use crate::persist::rdb::load_file::{self, Checks, LoadError, Particulars, Problem, Receiver};

/// What is in a database, or of a type.
#[derive(Debug, Default)]
struct Count {
    keys: u64,
    expiring: u64,
    expired: u64,
    elements: u64,
    /// In the file.
    bytes: u64,
    largest: (u64, String),
}

/// Looks at what is read.
struct Looker<'a> {
    look: Look,
    hasher: KeyHasher,
    limits: Limits,
    now: Liveness,
    version: u16,
    aux: Vec<(String, String)>,
    databases: BTreeMap<u32, Count>,
    types: BTreeMap<&'static str, Count>,
    empty: u64,
    out: &'a mut dyn Write,
    /// The output's error, if there was one.
    failed: io::Result<()>,
}

impl Receiver for Looker<'_> {
    fn begin(&mut self, version: u16) {
        self.version = version;
    }

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        self.aux.push((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()));
    }

    fn value(&mut self, key: &mut Particulars, kind: u8, source: &mut FileSource<'_>) -> Result<(), Problem> {
        let start = source.offset();
        let fields = FieldAccess { hasher: &self.hasher, liveness: Liveness::EVERYTHING };
        let object = load::object(kind, source, &Access { fields, limits: self.limits }, &mut Vec::new())?;
        let bytes = source.offset() - start;
        let entry = object.into_entry(&key.name, key.expiry_ms, 0);
        let entry = entry.borrow();
        let (kind, elements) = (entry.kind().name(), header(entry, 0, 0).len as u64);
        for count in [self.databases.entry(key.db).or_default(), self.types.entry(kind).or_default()] {
            count.keys += 1;
            count.expiring += u64::from(key.expiry_ms.is_some());
            count.expired += u64::from(key.expiry_ms.is_some_and(|expiry_ms| !self.now.holds(expiry_ms)));
            count.elements += elements;
            count.bytes += bytes;
            if count.largest.0 < bytes {
                count.largest = (bytes, String::from_utf8_lossy(&key.name).into_owned());
            }
        }
        if self.look == Look::Export && self.failed.is_ok() {
            let line = json!({
                "db": key.db, "key": json_text(&key.name), "type": kind, "expiry_ms": key.expiry_ms, "value": json_value(entry),
            });
            self.failed = writeln!(self.out, "{line}");
        }
        if self.failed.is_err() { Err(Problem::Cancelled) } else { Ok(()) }
    }

    fn passed_over(&mut self, _: &[u8]) {
        self.empty += 1;
    }
}

/// A text, or what is none as an object that says so.
fn json_text(text: &[u8]) -> Value {
    match std::str::from_utf8(text) {
        Ok(text) => text.into(),
        Err(_) => json!({ "hex": text.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    }
}

fn json_item(item: Item<'_>) -> Value {
    item.with_text(json_text)
}

fn json_id(id: crate::datatypes::stream_id::StreamId) -> Value {
    format!("{}-{}", id.ms, id.seq).into()
}

/// A string, or a list of what a collection consists of.
fn json_value(entry: EntryRef<'_>) -> Value {
    let (mut text, mut items, mut is_text) = (Vec::new(), Vec::new(), false);
    for_each_piece(entry, |piece| match piece {
        Piece::Part(part) => {
            is_text = true;
            text.extend_from_slice(part);
        }
        Piece::Node(bytes) => items.extend(node::items(bytes).map(json_item)),
        Piece::Member(member) => items.push(json_item(member)),
        Piece::Field(field, value, None) => items.push(json!([json_item(field), json_item(value)])),
        Piece::Field(field, value, Some(expiry_ms)) => items.push(json!([json_item(field), json_item(value), expiry_ms])),
        // JSON has no infinite numbers.
        Piece::Scored(member, score) if score.is_finite() => items.push(json!([json_item(member), score])),
        Piece::Scored(member, score) => items.push(json!([json_item(member), if score > 0.0 { "inf" } else { "-inf" }])),
        Piece::Entries(node_id, node) => {
            let mut at = node.begin();
            while at < node.end() {
                let one = node.entry(node_id, at);
                if !one.is_deleted {
                    let mut fields = Vec::new();
                    one.for_each(|field, value| fields.extend([json_item(field), json_item(value)]));
                    items.push(json!({ "id": json_id(one.id), "fields": fields }));
                }
                at = one.next;
            }
        }
        Piece::Group(_, group) => items.push(json!({ "group": json_text(&group.name), "last_id": json_id(group.last_id) })),
        Piece::Figures(_) | Piece::Pending(..) => {}
    });
    if is_text || items.is_empty() && entry.is(crate::keyspace::entry::Type::String) { json_text(&text) } else { items.into() }
}

impl<'a> Looker<'a> {
    fn new(look: Look, out: &'a mut dyn Write) -> Looker<'a> {
        Looker {
            look,
            hasher: KeyHasher::new(0),
            limits: Limits::of(&Config::default()),
            now: Liveness::at(clock::unix_ms()),
            version: 0,
            aux: Vec::new(),
            databases: BTreeMap::new(),
            types: BTreeMap::new(),
            empty: 0,
            out,
            failed: Ok(()),
        }
    }
}

/// What a server asks of a file.
const CHECKS: Checks = Checks { version: true, checksum: true, databases: usize::MAX };

/// Reads the snapshot that a file begins with, and tells nothing of it. Returns its length.
pub(super) fn check_beginning(file: &Arc<dyn File>) -> Result<u64, LoadError> {
    let (mut nowhere, mut on_read) = (io::sink(), |_| ());
    let mut source = FileSource::new(file, true, &mut on_read);
    load_file::read(&mut source, &mut Looker::new(Look::Check, &mut nowhere), CHECKS)?;
    Ok(source.offset())
}

/// Looks at a file.
pub(super) fn run(look: Look, path: &Path) -> Result<(), Stop> {
    let cannot_open = |error: io::Error| fail(format_args!("Can't open file '{}': {}", path.display(), describe(&error)));
    let file = Disk.open(path).map_err(cannot_open)?;
    let len = file.len().map_err(cannot_open)?;
    // It shows itself where there is a terminal.
    let bar = if look == Look::Export { ProgressBar::hidden() } else { ProgressBar::new(len) };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut looker = Looker::new(look, &mut out);
    let mut on_read = |len| bar.inc(len);
    let mut source = FileSource::new(&file, true, &mut on_read);
    let result = load_file::read(&mut source, &mut looker, CHECKS);
    bar.finish_and_clear();
    let Looker { version, aux, databases, types, empty, failed, .. } = looker;
    failed?;
    out.flush()?;
    if let Err(error) = result {
        return Err(fail(format_args!("{}: {error}", path.display())));
    }
    if look == Look::Info {
        writeln!(out, "version: {version}")?;
        for (name, value) in &aux {
            writeln!(out, "{name}: {value}")?;
        }
        for (number, count) in &databases {
            writeln!(out, "db{number}: {} keys, {} expire, {} have expired", count.keys, count.expiring, count.expired)?;
        }
        for (name, count) in &types {
            let (largest, key) = &count.largest;
            writeln!(
                out,
                "{name}: {} keys, {} {}, {} bytes in the file, the largest {key:?} with {largest}",
                count.keys,
                count.elements,
                if *name == "string" { "bytes" } else { "elements" },
                count.bytes
            )?;
        }
    }
    if look == Look::Check {
        let keys: u64 = databases.values().map(|count| count.keys).sum();
        let empty = if empty > 0 { format!(", {empty} without a value") } else { String::new() };
        writeln!(out, "{}: {len} bytes, {keys} keys{empty}: it can be loaded", path.display())?;
    }
    out.flush()?;
    Ok(())
}
