//! Writing a value, piece by piece, as a snapshot delivers it ([`crate::keyspace::snapshot::sink`]); DUMP writes one the same way.
//!
//! A small collection is written as the listpack that Valkey would hold it as, a large one element after element; so a server that reads it
//! with the same options has it in the same encoding.
//!
//! Invariant: what has to be known before a value's end is in memory only as long as it is small: the elements of a small collection, a
//! string that is to be compressed (up to [`COMPRESSED_LEN_MAX`]). What is pending in a stream's groups waits in a [`Spool`].

use std::io;

use larder_proto::resp::format_shortest;

use super::output::Output;
use super::save_stream::StreamWriter;
use super::source::push_length;
use super::style::{FieldExpiries, Style};
use super::{intset, kind, listpack, text, version};
use crate::base::float::parse_f64;
use crate::base::limits::COMPRESSED_LEN_MAX;
use crate::datatypes::items::Item;
use crate::datatypes::list_node as node;
use crate::keyspace::entry::{Encoding, EntryRef, Type};
use crate::keyspace::snapshot::sink::{self, Header, Piece};
use crate::keyspace::value::string::StringRef;
use crate::persist::files::spool::Spool;

/// A node of a list that is one text as it is.
const PLAIN: u64 = 1;
/// A node of a list that is a listpack.
const PACKED: u64 = 2;
/// The expiry of a field that has none.
const NO_EXPIRY: i64 = -1;
/// Largest whole score that is written as an integer: up to it the double holds every one.
const WHOLE_SCORE_MAX: f64 = 4_503_599_627_370_496.0;
/// Longest listpack. What would be longer is written as a large collection, as in Valkey.
const LISTPACK_LEN_MAX: usize = 1 << 30;

/// What is known of a value so far.
#[derive(Debug)]
enum State {
    /// A string: what has come of it.
    Text(Vec<u8>),
    /// A string that has been written.
    WrittenText,
    /// A string that is written as it is, part by part.
    LongText,
    /// A small collection.
    Small(listpack::Builder),
    /// A set of integers.
    Integers(Vec<i64>),
    /// A large collection, or a list: piece after piece.
    Pieces,
    Stream(StreamWriter),
}

/// A value that is being written.
#[derive(Debug)]
pub struct ValueWriter {
    style: Style,
    kind: Type,
    len: usize,
    field_expiry_ms: Option<i64>,
    /// Where the type byte is in the buffer. Nothing is handed on before it is certain.
    type_at: usize,
    /// Of a list: its nodes are not cut by the options, since it is one.
    is_one_node: bool,
    state: State,
}

fn unsupported(what: &str, style: &Style) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} cannot be written in version {} of the format", style.content_max))
}

impl ValueWriter {
    /// Begins a value: writes its type byte, what `key` appends, and what comes before the first element. Returns the first version of the
    /// format that knows the value as it will be written, too.
    ///
    /// # Errors
    /// If the version that is asked for has nothing for it.
    pub fn begin(header: &Header<'_>, style: Style, out: &mut Vec<u8>, key: impl FnOnce(&mut Vec<u8>)) -> io::Result<(ValueWriter, u16)> {
        let is_small = header.encoding == Encoding::Listpack;
        let has_expiries = header.field_expiry_ms.is_some();
        let (number, state, version) = match header.kind {
            Type::String => (kind::STRING, State::Text(Vec::new()), version::LISTPACKS),
            Type::List => (kind::LIST_QUICKLIST_2, State::Pieces, version::LISTPACKS),
            Type::Set if header.encoding == Encoding::Intset => (kind::SET_INTSET, State::Integers(Vec::new()), version::LISTPACKS),
            Type::Set if is_small && style.forms_max >= version::SET_LISTPACKS => {
                (kind::SET_LISTPACK, State::Small(listpack::Builder::new()), version::SET_LISTPACKS)
            }
            Type::Set => (kind::SET, State::Pieces, version::LISTPACKS),
            Type::Zset if is_small => (kind::ZSET_LISTPACK, State::Small(listpack::Builder::new()), version::LISTPACKS),
            Type::Zset => (kind::ZSET_2, State::Pieces, version::LISTPACKS),
            Type::Hash if is_small => (kind::HASH_LISTPACK, State::Small(listpack::Builder::new()), version::LISTPACKS),
            Type::Hash if !has_expiries => (kind::HASH, State::Pieces, version::LISTPACKS),
            Type::Hash => match style.field_expiries() {
                FieldExpiries::Valkey => (kind::HASH_2, State::Pieces, version::FIELD_EXPIRY),
                FieldExpiries::Redis => (kind::HASH_METADATA, State::Pieces, version::REDIS_FIELD_EXPIRY),
                FieldExpiries::Unknown => return Err(unsupported("a hash with expiries of fields", &style)),
            },
            Type::Stream => {
                let knows_activity = style.content_max >= version::SET_LISTPACKS;
                let state = State::Stream(StreamWriter::new(knows_activity));
                match knows_activity {
                    true => (kind::STREAM_LISTPACKS_3, state, version::SET_LISTPACKS),
                    false => (kind::STREAM_LISTPACKS_2, state, version::LISTPACKS),
                }
            }
        };
        let type_at = out.len();
        out.push(number);
        key(out);
        let mut writer = ValueWriter {
            style,
            kind: header.kind,
            len: header.len,
            field_expiry_ms: header.field_expiry_ms,
            type_at,
            is_one_node: is_small,
            state,
        };
        match header.kind {
            Type::String if header.len > COMPRESSED_LEN_MAX || (!style.compresses && header.len > text::INTEGER_LEN_MAX) => {
                push_length(out, header.len as u64);
                writer.state = State::LongText;
            }
            Type::List | Type::Stream => push_length(out, header.nodes as u64),
            _ if matches!(writer.state, State::Pieces) => writer.begin_pieces(out),
            _ => {}
        }
        Ok((writer, version))
    }

    /// What comes before the elements of a large collection.
    fn begin_pieces(&self, out: &mut Vec<u8>) {
        if let (Some(earliest_ms), FieldExpiries::Redis) = (self.field_expiry_ms, self.style.field_expiries()) {
            out.extend_from_slice(&earliest_ms.to_le_bytes());
        }
        push_length(out, self.len as u64);
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// The receiver's.
    pub fn piece(&mut self, piece: Piece<'_>, out: &mut impl Output, spool: &mut Spool) -> io::Result<()> {
        match (&mut self.state, piece) {
            (State::Text(collected), Piece::Part(part)) => {
                if part.len() == self.len {
                    text::push(out.buffer(), part, self.style.compresses);
                    self.state = State::WrittenText;
                } else {
                    collected.extend_from_slice(part);
                }
                return Ok(());
            }
            (State::LongText, Piece::Part(part)) => out.buffer().extend_from_slice(part),
            (State::Small(builder), piece) => {
                small(builder, piece);
                if builder.len() > LISTPACK_LEN_MAX {
                    self.become_large(out.buffer());
                } else {
                    return Ok(());
                }
            }
            (State::Integers(integers), Piece::Member(Item::Int(number))) => {
                integers.push(number);
                return Ok(());
            }
            (State::Pieces, Piece::Node(bytes)) => list_node(out.buffer(), bytes, self.is_one_node, self.style),
            (State::Pieces, piece) => self.element(out.buffer(), piece),
            (State::Stream(stream), piece) => stream.piece(piece, self.style.compresses, out.buffer(), spool)?,
            (state, piece) => unreachable!("{piece:?} is no piece of {state:?}"),
        }
        out.settle()
    }

    fn element(&self, out: &mut Vec<u8>, piece: Piece<'_>) {
        match piece {
            Piece::Member(member) => push(out, member, self.style),
            Piece::Scored(member, score) => {
                push(out, member, self.style);
                out.extend_from_slice(&score.to_le_bytes());
            }
            Piece::Field(field, value, expiry_ms) => match (self.field_expiry_ms, self.style.field_expiries()) {
                (None, _) => {
                    push(out, field, self.style);
                    push(out, value, self.style);
                }
                (Some(earliest_ms), FieldExpiries::Redis) => {
                    let later = expiry_ms.map_or(0, |expiry_ms| 1 + expiry_ms.saturating_sub(earliest_ms));
                    push_length(out, later as u64);
                    push(out, field, self.style);
                    push(out, value, self.style);
                }
                (Some(_), _) => {
                    push(out, field, self.style);
                    push(out, value, self.style);
                    out.extend_from_slice(&expiry_ms.unwrap_or(NO_EXPIRY).to_le_bytes());
                }
            },
            other => unreachable!("{other:?} is no element"),
        }
    }

    /// Writes a collection that was taken for a small one as a large one.
    #[cold]
    fn become_large(&mut self, out: &mut Vec<u8>) {
        let State::Small(builder) = std::mem::replace(&mut self.state, State::Pieces) else { return };
        out[self.type_at] = match self.kind {
            Type::Set => kind::SET,
            Type::Zset => kind::ZSET_2,
            _ => kind::HASH,
        };
        self.begin_pieces(out);
        let mut items = builder.elements();
        while let Some(item) = items.next() {
            let other = if self.kind == Type::Set { None } else { items.next() };
            self.element(
                out,
                match (self.kind, other) {
                    (Type::Zset, Some(score)) => Piece::Scored(item, score.with_text(parse_f64).unwrap_or_default()),
                    (_, Some(value)) => Piece::Field(item, value, None),
                    (_, None) => Piece::Member(item),
                },
            );
        }
    }

    /// Says that what was written is behind so many other bytes of the buffer from now on.
    pub fn move_by(&mut self, len: usize) {
        self.type_at += len;
    }

    /// True if it is certain of which type it is written, so that what is in the buffer may be handed on.
    pub fn is_certain(&self) -> bool {
        !matches!(self.state, State::Small(_))
    }

    /// True if much is left to be written at its end.
    pub fn has_long_end(&self) -> bool {
        matches!(&self.state, State::Stream(stream) if stream.has_long_end())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The receiver's.
    pub fn end(self, out: &mut impl Output, spool: &mut Spool) -> io::Result<()> {
        match self.state {
            State::Text(collected) => text::push(out.buffer(), &collected, self.style.compresses),
            State::Small(builder) => text::push(out.buffer(), &builder.finish(), self.style.compresses),
            State::Integers(integers) => text::push(out.buffer(), &intset::write(integers.iter().copied()), self.style.compresses),
            State::WrittenText | State::LongText | State::Pieces => {}
            State::Stream(stream) => stream.end(self.style.compresses, out, spool)?,
        }
        out.settle()
    }
}

/// Adds a piece to a small collection.
fn small(builder: &mut listpack::Builder, piece: Piece<'_>) {
    match piece {
        Piece::Member(member) => builder.push(member),
        Piece::Scored(member, score) => {
            builder.push(member);
            push_score(builder, score);
        }
        Piece::Field(field, value, _) => {
            builder.push(field);
            builder.push(value);
        }
        other => unreachable!("{other:?} is no element of a small collection"),
    }
}

/// Appends an element of a table.
fn push(out: &mut Vec<u8>, item: Item<'_>, style: Style) {
    match item {
        Item::Int(number) => text::push_integer(out, number),
        item => item.with_text(|text| text::push(out, text, style.compresses)),
    }
}

fn list_node(out: &mut Vec<u8>, bytes: &[u8], is_only_one: bool, style: Style) {
    let first = node::get(bytes, node::first(bytes));
    if !is_only_one && node::count(bytes) == 1 && style.list.is_large(first.text_len()) {
        push_length(out, PLAIN);
        // As it is, even if it is an integer's: what reads it takes it for the element itself.
        first.with_text(|text| text::push(out, text, style.compresses));
        return;
    }
    let mut builder = listpack::Builder::new();
    node::items(bytes).for_each(|item| builder.push(item));
    push_length(out, PACKED);
    text::push(out, &builder.finish(), style.compresses);
}

fn push_score(builder: &mut listpack::Builder, score: f64) {
    if score.fract() == 0.0 && score.abs() <= WHOLE_SCORE_MAX {
        builder.push_integer(score as i64);
    } else {
        builder.push_text(&format_shortest(score));
    }
}

/// Appends the type byte and value of a string that is no integer.
pub fn string(out: &mut Vec<u8>, string: StringRef<'_>, style: Style) {
    out.push(kind::STRING);
    text::push(out, &string.part(0..usize::MAX), style.compresses);
}

/// Appends an entry's type byte and value. Returns the first version of the format that knows what was written.
///
/// # Errors
/// If the version that is asked for has nothing for it.
pub fn object(out: &mut Vec<u8>, entry: EntryRef<'_>, style: Style) -> io::Result<u16> {
    let mut spool = Spool::in_memory();
    let (mut writer, version) = ValueWriter::begin(&sink::header(entry, 0, 0), style, out, |_| ())?;
    let mut result = Ok(());
    sink::for_each_piece(entry, |piece| {
        if result.is_ok() {
            result = writer.piece(piece, out, &mut spool);
        }
    });
    result?;
    writer.end(out, &mut spool)?;
    Ok(version)
}
