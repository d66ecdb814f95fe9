//! DEBUG SNAPSHOT: takes a snapshot while everybody goes on, and tells what was in it and what it cost.

use std::collections::{BTreeMap, HashMap};
use std::io;

use sha1::{Digest as _, Sha1};

use super::digest::{self, Digest};
use crate::base::clock;
use crate::datatypes::list_node as node;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::entry::Type;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::snapshot::sink::{Header, Piece, Sink, Tag};
use crate::keyspace::snapshot::{Progress, Snapshot, USUAL_BUDGET};

/// A key whose value is not complete.
struct Open {
    db: u32,
    expires: bool,
    digest: Digest,
    /// Of a string, whose parts are one text.
    text: Option<Sha1>,
}

/// Computes what DEBUG DIGEST answers.
struct Digesting {
    liveness: Liveness,
    open: HashMap<Tag, Open>,
    databases: BTreeMap<u32, Digest>,
}

impl Digesting {
    fn finish(self) -> Digest {
        let mut all = Digest::default();
        for (db, keys) in self.databases {
            digest::add_database(&mut all, db, &keys);
        }
        all
    }
}

impl Sink for Digesting {
    fn key(&mut self, header: &Header<'_>) -> io::Result<()> {
        let text = (header.kind == Type::String).then(Sha1::new);
        let expires = header.expiry_ms.is_some();
        let mut digest = Digest::default();
        digest::begin_key(&mut digest, header.key, header.kind);
        self.open.insert(header.tag, Open { db: header.db, expires, digest, text });
        Ok(())
    }

    fn piece(&mut self, tag: Tag, piece: Piece<'_>) -> io::Result<()> {
        let open = self.open.get_mut(&tag).ok_or(io::ErrorKind::InvalidData)?;
        match piece {
            Piece::Part(part) => {
                if let Some(text) = &mut open.text {
                    text.update(part);
                }
            }
            Piece::Node(bytes) => node::items(bytes).for_each(|element| digest::add_element(&mut open.digest, element)),
            Piece::Member(member) => digest::add_member(&mut open.digest, member),
            Piece::Field(_, _, Some(expiry_ms)) if !self.liveness.holds(expiry_ms) => {}
            Piece::Field(field, value, _) => digest::add_field(&mut open.digest, field, value),
            Piece::Scored(member, score) => digest::add_scored(&mut open.digest, member, score),
            Piece::Entries(id, node) => digest::add_entries(&mut open.digest, id, node),
            Piece::Figures(_) | Piece::Group(..) | Piece::Pending(..) => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: Tag) -> io::Result<()> {
        let mut open = self.open.remove(&tag).ok_or(io::ErrorKind::InvalidData)?;
        if let Some(text) = open.text {
            digest::mix_sum(&mut open.digest, text);
        }
        digest::end_key(self.databases.entry(open.db).or_default(), open.digest, open.expires);
        Ok(())
    }
}

/// Looks at every byte, as who writes them somewhere does, and keeps a sum.
struct Counting(u64);

impl Counting {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        let sum = words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_le_bytes(*word)));
        self.0 = rest.iter().fold(self.0.wrapping_add(sum), |sum, byte| sum.wrapping_add(u64::from(*byte)));
    }
}

impl Sink for Counting {
    fn key(&mut self, header: &Header<'_>) -> io::Result<()> {
        self.add(header.key);
        Ok(())
    }

    fn piece(&mut self, _: Tag, piece: Piece<'_>) -> io::Result<()> {
        match piece {
            Piece::Part(part) => self.add(part),
            Piece::Node(bytes) => node::items(bytes).for_each(|item| item.with_text(|text| self.add(text))),
            Piece::Member(item) => item.with_text(|text| self.add(text)),
            Piece::Field(field, value, _) => {
                field.with_text(|text| self.add(text));
                value.with_text(|text| self.add(text));
            }
            Piece::Scored(member, score) => {
                member.with_text(|text| self.add(text));
                self.0 = self.0.wrapping_add(score.to_bits());
            }
            Piece::Entries(_, node) => self.add(node.bytes()),
            Piece::Group(_, group) => self.add(&group.name),
            Piece::Pending(_, id, _) => self.0 = self.0.wrapping_add(id.seq),
            Piece::Figures(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, _: Tag) -> io::Result<()> {
        Ok(())
    }
}

/// What is to be known of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Its digest.
    Digest,
    /// Likewise, and DEBUG DIGEST at the moment in which the snapshot began.
    Check,
    /// How much it is: that is as fast as a snapshot can be.
    Count,
}

/// `SNAPSHOT [CHECK | COUNT]`.
pub(super) fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mode = match args.get(2) {
        None => Mode::Digest,
        Some(word) if is_word(word, "check") => Mode::Check,
        Some(word) if is_word(word, "count") => Mode::Count,
        Some(_) => return Err(CmdError::subcommand_syntax(args)),
    };
    if !context.keys.holds_nothing() {
        return Err(CmdError::err("a snapshot cannot be taken in a transaction"));
    }
    // On a thread of its own.
    context.haste().check(usize::MAX)?;
    let failed = |failure| CmdError::err(format!("{failure}"));
    let keyspace = context.keys.keyspace();
    let started = clock::ticks();
    let look = |access: &mut KeyAccess<'_>| {
        let before = (mode == Mode::Check).then(|| digest::whole(keyspace, access));
        (access.liveness(), before)
    };
    let (mut snapshot, (liveness, before)) = Snapshot::begin_and_look(keyspace, look).map_err(failed)?;
    let mut digesting = Digesting { liveness, open: HashMap::new(), databases: BTreeMap::new() };
    let mut counting = Counting(0);
    let sink: &mut dyn Sink = if mode == Mode::Count { &mut counting } else { &mut digesting };
    while snapshot.step(sink, USUAL_BUDGET).map_err(failed)? == Progress::Going {}
    let figures = snapshot.figures();
    let mut text = String::new();
    let rows: [(&str, u64); 8] = [
        ("keys", figures.keys),
        ("elements", figures.elements),
        ("bytes", figures.bytes),
        ("preimages", figures.preimages),
        ("queued_bytes_max", figures.queued_bytes_max as u64),
        ("slice_us_max", figures.slice_us_max),
        ("begin_us", figures.begin_us),
        ("duration_us", clock::elapsed_us(started, clock::ticks())),
    ];
    for (name, figure) in rows {
        text.push_str(&format!("{name}:{figure}\r\n"));
    }
    match mode {
        Mode::Count => text.push_str(&format!("checksum:{:016x}\r\n", counting.0)),
        Mode::Digest | Mode::Check => text.push_str(&format!("digest:{}\r\n", digest::hexadecimal(&digesting.finish()))),
    }
    if let Some(before) = before {
        text.push_str(&format!("digest_before:{}\r\n", digest::hexadecimal(&before)));
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
