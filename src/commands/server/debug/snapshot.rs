//! DEBUG SNAPSHOT: takes a snapshot while everybody goes on, and tells what was in it and what it cost.

use std::collections::{BTreeMap, HashMap};
use std::io;

use sha1::{Digest as _, Sha1};

use super::digest::{self, Digest};
use crate::base::clock;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::entry::Type;
use crate::keyspace::liveness::Liveness;
use crate::keyspace::snapshot::sink::{Header, Piece, Sink, Tag};
use crate::keyspace::snapshot::{Progress, Snapshot, USUAL_BUDGET};

/// A key whose value is not complete.
struct Open {
    db: u32,
    kind: Type,
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
        self.open.insert(header.tag, Open { db: header.db, kind: header.kind, expires, digest, text });
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
            Piece::Element(element) => digest::add_element(&mut open.digest, element),
            Piece::Member(member) => digest::add_member(&mut open.digest, member),
            Piece::Field(_, _, Some(expiry_ms)) if !self.liveness.holds(expiry_ms) => {}
            Piece::Field(field, value, _) => digest::add_field(&mut open.digest, field, value),
            Piece::Scored(member, score) => digest::add_scored(&mut open.digest, member, score),
        }
        Ok(())
    }

    fn end(&mut self, tag: Tag) -> io::Result<()> {
        let mut open = self.open.remove(&tag).ok_or(io::ErrorKind::InvalidData)?;
        if let Some(text) = open.text.filter(|_| open.kind == Type::String) {
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
            Piece::Element(item) | Piece::Member(item) => item.with_text(|text| self.add(text)),
            Piece::Field(field, value, _) => {
                field.with_text(|text| self.add(text));
                value.with_text(|text| self.add(text));
            }
            Piece::Scored(member, score) => {
                member.with_text(|text| self.add(text));
                self.0 = self.0.wrapping_add(score.to_bits());
            }
        }
        Ok(())
    }

    fn end(&mut self, _: Tag) -> io::Result<()> {
        Ok(())
    }
}

/// `SNAPSHOT [COUNT]`: with its digest, or only counted, which is as fast as a snapshot can be.
pub(super) fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let only_counts = match args.get(2) {
        None => false,
        Some(word) if is_word(word, "count") => true,
        Some(_) => return Err(CmdError::subcommand_syntax(args)),
    };
    if !context.keys.holds_nothing() {
        return Err(CmdError::err("a snapshot cannot be taken in a transaction"));
    }
    // On a thread of its own.
    context.haste().check(usize::MAX)?;
    let failed = |failure| CmdError::err(format!("{failure}"));
    let started = clock::ticks();
    let mut snapshot = Snapshot::begin(context.keys.keyspace()).map_err(failed)?;
    let mut digesting = Digesting { liveness: Liveness::at(clock::unix_ms()), open: HashMap::new(), databases: BTreeMap::new() };
    let mut counting = Counting(0);
    let sink: &mut dyn Sink = if only_counts { &mut counting } else { &mut digesting };
    while snapshot.step(sink, USUAL_BUDGET).map_err(failed)? == Progress::Going {}
    let figures = snapshot.figures();
    let sum =
        if only_counts { format!("checksum:{:016x}", counting.0) } else { format!("digest:{}", digest::hexadecimal(&digesting.finish())) };
    let text = format!(
        "keys:{}\r\nelements:{}\r\nbytes:{}\r\npreimages:{}\r\nqueued_bytes_max:{}\r\nslice_us_max:{}\r\nbegin_us:{}\r\nduration_us:{}\r\n{sum}\r\n",
        figures.keys,
        figures.elements,
        figures.bytes,
        figures.preimages,
        figures.queued_bytes_max,
        figures.slice_us_max,
        figures.begin_us,
        clock::elapsed_us(started, clock::ticks()),
    );
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
