//! Argument values: what is typical of a kind of argument, and the edges where parsers and arithmetic go wrong.
//!
//! What a kind cannot say, an argument's name does: [`HINTS`] is data, read from the top, and a name that it does not know gets its kind's
//! values.

use larder::engine::spec::{Arg, ArgKind};
use larder::persist::dump;
use larder::persist::rdb::source::push_length;
use larder::persist::rdb::text::push as push_text;
use larder::persist::rdb::{kind, listpack};

/// Where the choices come from: a seeded generator, or the bytes of a fuzzer's input.
pub(crate) trait Choices {
    /// A number in `0..bound`; `bound` is not 0.
    fn below(&mut self, bound: u64) -> u64;

    /// True in so many of a hundred cases.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these, of which there is at least one.
    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T
    where
        Self: Sized,
    {
        choices[self.below(choices.len() as u64) as usize]
    }
}

impl Choices for larder::base::rng::Rng {
    fn below(&mut self, bound: u64) -> u64 {
        larder::base::rng::Rng::below(self, bound)
    }
}

/// What an argument stands for, beyond its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing special.
    Kind,
    /// A relative time after which a key goes; never one that ends while a run lasts, but for milliseconds that are waited for.
    Seconds,
    Milliseconds,
    /// A point in time, long past or far away.
    UnixSeconds,
    UnixMilliseconds,
    /// How long a command blocks: a moment.
    Timeout,
    /// One of the first databases.
    Database,
    /// How many; never a negative number that asks for billions.
    Count,
    /// A position, of which most lie inside short values.
    Position,
    /// A position in a list: they are short here.
    Index,
    /// A bound of a range that is not a number: by bytes, by score or by id.
    Bound,
    /// A bound of a range of IDs, and the word for the end of all of them on this side.
    IdBound(&'static str),
    /// A member, field or element: few names, so that they are met again.
    Member,
    /// An id of a stream entry.
    StreamId,
    /// The id of a new one: most are greater than those that are there.
    NewStreamId,
    /// What DUMP returns.
    Payload,
    /// Any of these words.
    Words(&'static [&'static str]),
}

/// Parts of argument names with what they mean. The first that fits is taken.
const HINTS: &[(&str, Meaning)] = &[
    ("idle-time", Meaning::Words(&["0", "0", "0", "1000000000"])),
    ("threshold", Meaning::Count),
    ("unix-time-milli", Meaning::UnixMilliseconds),
    ("unix-time", Meaning::UnixSeconds),
    ("millisecond", Meaning::Milliseconds),
    ("second", Meaning::Seconds),
    ("ttl", Meaning::Milliseconds),
    ("timeout", Meaning::Timeout),
    ("bit", Meaning::Words(&["0", "1"])),
    ("db", Meaning::Database),
    ("index1", Meaning::Database),
    ("index2", Meaning::Database),
    ("count", Meaning::Count),
    ("offset", Meaning::Position),
    ("index", Meaning::Position),
    ("encoding", Meaning::Words(&["u8", "i8", "i5", "u1", "u63", "i64", "i16", "u4", "i1"])),
    ("cursor", Meaning::Words(&["0"])),
    ("section", Meaning::Words(&["clients", "memory", "stats", "keyspace", "server", "all", "none"])),
    ("protover", Meaning::Words(&["2", "3"])),
    ("channel", Meaning::Words(&["news", "sport", "a"])),
    ("command", Meaning::Words(&["get", "mget", "set", "object|encoding", "msetex", "bitop"])),
    ("parameter", Meaning::Words(&["maxmemory", "hz", "save", "max*"])),
    ("username", Meaning::Words(&["default"])),
    ("group", Meaning::Words(&["g1", "g1", "g1", "g2"])),
    ("consumer", Meaning::Words(&["c1", "c2"])),
    ("script", Meaning::Words(&["return 1", "return KEYS[1]", "return redis.call('GET', KEYS[1])"])),
    ("longitude", Meaning::Words(&["13.361389", "15.087269", "-122.4", "0", "179.9"])),
    ("latitude", Meaning::Words(&["38.115556", "37.502669", "37.8", "0", "-84.9"])),
    ("serialized-value", Meaning::Payload),
    ("subcommand", Meaning::Words(&["getreg", "decode", "encoding", "todense", "nothing"])),
    ("type", Meaning::Words(&["string", "list", "set", "zset", "hash", "stream", "STRING", "none"])),
    ("field", Meaning::Member),
    ("member", Meaning::Member),
    ("element", Meaning::Member),
    ("pivot", Meaning::Member),
    ("id", Meaning::StreamId),
    ("min", Meaning::Bound),
    ("max", Meaning::Bound),
    ("start", Meaning::Bound),
    ("stop", Meaning::Bound),
    ("end", Meaning::Bound),
];

/// What an argument of this group of commands stands for.
pub(crate) fn meaning(arg: &Arg, group: &str) -> Meaning {
    let is_number = matches!(arg.kind, ArgKind::Integer | ArgKind::Double);
    // SELECT's database is called as LINDEX' position is.
    if arg.name == "index" && group == "connection" {
        return Meaning::Database;
    }
    if arg.name == "index" && group == "list" {
        return Meaning::Index;
    }
    if group == "stream" && matches!(arg.name, "start" | "end") {
        return Meaning::IdBound(if arg.name == "start" { "-" } else { "+" });
    }
    // More than a run lasts, nothing, or between those, which comparing idle times shows.
    if arg.token == "IDLE" && arg.name == "ms" {
        return Meaning::Words(&["0", "1000000000", "50000000", "7000000"]);
    }
    // In milliseconds, as times are after which keys go.
    if arg.token == "BLOCK" {
        return Meaning::Timeout;
    }
    if arg.name == "id" && !arg.multiple && group == "stream" {
        return Meaning::NewStreamId;
    }
    let name = arg.name.to_ascii_lowercase();
    let found = HINTS.iter().find(|(part, _)| name.contains(part)).map_or(Meaning::Kind, |(_, meaning)| *meaning);
    match found {
        Meaning::StreamId if group != "stream" => Meaning::Kind,
        Meaning::Bound if is_number => Meaning::Position,
        Meaning::Member if is_number => Meaning::Kind,
        found => found,
    }
}

/// True if something in a grammar sets a time after which a key goes.
pub(crate) fn sets_expiry(args: &[Arg]) -> bool {
    args.iter().any(|arg| match arg.kind {
        ArgKind::OneOf(parts) | ArgKind::Block(parts) => sets_expiry(parts),
        _ => matches!(
            meaning(arg, ""),
            Meaning::Seconds | Meaning::Milliseconds | Meaning::UnixSeconds | Meaning::UnixMilliseconds | Meaning::Timeout
        ),
    })
}

const INTEGER_EDGES: &[&str] = &[
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "4294967295",
    "4294967296",
    "2147483648",
    "2147483647",
    "-2147483649",
    "536870912",
    "0",
    "-0",
    "+1",
    " 1",
    "1 ",
    "01",
    "",
    "abc",
    "1.5",
    "1e3",
    "0x10",
    "-",
];

const FLOAT_EDGES: &[&str] = &[
    "3.0e3",
    "5.0e-1",
    "17179869184",
    "1e-17",
    "5e-18",
    "1e30",
    "-1e40",
    "0.1",
    "1.1",
    "-1.1",
    ".5",
    "5.",
    "0x1p4",
    "inf",
    "-inf",
    "+inf",
    "nan",
    "infinity",
    "1e4932",
    "1e5000",
    "1e-4940",
    "1e-5000",
    "1e308",
    "1e309",
    "123456789012345678901234567890.123456789",
    "abc",
    "",
    " 1",
    "1 ",
    "+1",
    "1e",
    "9223372036854775807.5",
    "18446744073709551615.5",
    "-0",
    "0.00000000000000001",
    "1,5",
];

/// Bytes that text would not have, or that protocols and patterns take for something else.
const BYTES_EDGES: &[&[u8]] =
    &[b"", b"\0", b"\r\n", b"$-1\r\n", b"\xff\xfe\x00\x80", b"*", b"[", b"\\", b"a\0b", b"{", b"{}x", b"\xc3\xa9", b" ", b"%n%s"];

/// Lengths around which representations change.
const LENGTH_EDGES: &[u64] = &[0, 1, 11, 12, 43, 44, 45, 63, 64, 65, 100, 127, 128, 255, 256, 512, 3990, 4000, 4001, 4096, 4100];

/// Every length up to this one occurs often, of values as of keys: an entry's size is rounded up, and grows with each.
pub(crate) const EVERY_LEN_MAX: u64 = 40;

/// Lengths of a member up to which collections are compact, and one less and more.
const MEMBER_LENGTHS: &[u64] = &[63, 64, 65];

/// A value that needs more than one read from a socket, and more than one block of most buffers.
pub(crate) const LARGE_LEN: u64 = 300 * 1024;

fn text(value: impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// A small number, as most are.
fn small_integer(choose: &mut impl Choices) -> Vec<u8> {
    text(if choose.chance(30) { choose.below(2) as i64 } else { choose.below(40) as i64 - 10 })
}

fn float(choose: &mut impl Choices) -> Vec<u8> {
    if choose.chance(70) {
        let (whole, fraction) = (choose.below(2000) as i64 - 1000, choose.below(1_000_000));
        let digits = choose.below(6) as usize;
        return text(format!("{whole}.{fraction:0digits$}"));
    }
    let (mantissa, exponent) = (choose.below(u64::MAX), choose.below(60) as i64 - 40);
    text(format!("{}{mantissa}e{exponent}", choose.one_of(&["", "-"])))
}

fn bytes(choose: &mut impl Choices, len: u64) -> Vec<u8> {
    let alphabet: &[u8] = if choose.chance(50) { b"abc" } else { &[0, 0xff, 0x80, 1, b'\r', b'\n', b'a'] };
    // Long values repeat a short piece: their bytes matter less than their length, and each choice costs.
    let piece: Vec<u8> = (0..len.min(40)).map(|_| choose.one_of(alphabet)).collect();
    piece.iter().copied().cycle().take(len as usize).collect()
}

/// A value as clients store it: numbers, texts, bytes; short ones but for a few.
fn value(choose: &mut impl Choices) -> Vec<u8> {
    match choose.below(400) {
        0 => bytes(choose, LARGE_LEN),
        1..110 => small_integer(choose),
        110..140 => float(choose),
        140..155 => text(choose.one_of(INTEGER_EDGES)),
        155..170 => Vec::new(),
        170..290 => {
            let len = choose.below(EVERY_LEN_MAX + 1);
            bytes(choose, len)
        }
        290..370 => {
            let len = choose.below(100);
            bytes(choose, len)
        }
        _ => {
            let len = choose.one_of(LENGTH_EDGES);
            bytes(choose, len)
        }
    }
}

/// A value of any type, as DUMP returns it.
fn payload(choose: &mut impl Choices) -> Vec<u8> {
    let count = 1 + choose.below(8) as usize;
    let mut members: Vec<Vec<u8>> = (0..count).map(|_| value(choose)).collect();
    let (kind, is_in_one_piece) = choose.one_of(&[
        (kind::STRING, false),
        (kind::LIST, false),
        (kind::SET, false),
        (kind::ZSET_2, false),
        (kind::HASH, false),
        (kind::HASH_2, false),
        (kind::SET_LISTPACK, true),
        (kind::ZSET_LISTPACK, true),
        (kind::HASH_LISTPACK, true),
    ]);
    // Nothing comes twice, unless it should be refused.
    if choose.chance(90) {
        members.sort();
        members.dedup();
    }
    let mut content = vec![kind];
    if is_in_one_piece {
        let mut builder = listpack::Builder::new();
        for (number, member) in members.iter().enumerate() {
            builder.push_text(member);
            match kind {
                kind::ZSET_LISTPACK => builder.push_integer(number as i64 - 2),
                kind::HASH_LISTPACK => builder.push_text(b"value"),
                _ => {}
            }
        }
        push_text(&mut content, &builder.finish(), true);
    } else if kind == kind::STRING {
        push_text(&mut content, &members[0], choose.chance(50));
    } else {
        push_length(&mut content, members.len() as u64);
        for (number, member) in members.iter().enumerate() {
            push_text(&mut content, member, choose.chance(50));
            match kind {
                kind::ZSET_2 => content.extend_from_slice(&(number as f64 * 1.5 - 3.0).to_le_bytes()),
                kind::HASH | kind::HASH_2 => push_text(&mut content, b"value", false),
                _ => {}
            }
            if kind == kind::HASH_2 {
                let expiry_ms = if number % 2 == 0 { -1 } else { 4_102_444_800_123_i64 };
                content.extend_from_slice(&expiry_ms.to_le_bytes());
            }
        }
    }
    dump::seal(content, choose.one_of(&[6, 10, 11, 80, 81]))
}

/// What a request says of time: expiries must not pass between the moments at which two servers execute the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// No key goes by itself soon.
    Nothing,
    /// A key goes within [`SHORT_MS_MAX`]: who compares waits until it has gone before the next request.
    Soon,
}

/// Longest expiry of those that are waited for.
pub(crate) const SHORT_MS_MAX: u64 = 20;
/// Shortest expiry of all others.
const LONG_SECONDS_MIN: u64 = 100;

/// The greatest milliseconds of most stream IDs.
const MS_MAX: u64 = 20;

/// A value that an argument usually gets. `may_pass` allows an expiry that is waited for.
pub(crate) fn typical(choose: &mut impl Choices, kind: ArgKind, meaning: Meaning, may_pass: bool) -> (Vec<u8>, Passing) {
    let value = match meaning {
        Meaning::Milliseconds if may_pass && choose.chance(4) => return (text(1 + choose.below(SHORT_MS_MAX)), Passing::Soon),
        Meaning::Seconds => text(LONG_SECONDS_MIN + choose.below(100_000)),
        Meaning::Milliseconds => text(LONG_SECONDS_MIN * 1000 + choose.below(100_000_000)),
        // Few, so that the same one is met again, in seconds as in milliseconds.
        Meaning::UnixSeconds if choose.chance(50) => text(4_102_444_800 + choose.below(3)),
        Meaning::UnixSeconds if choose.chance(80) => text(4_102_444_800 + choose.below(1_000_000)),
        Meaning::UnixSeconds => text(choose.one_of(&["1", "1000000000"])),
        Meaning::UnixMilliseconds if choose.chance(50) => text(4_102_444_800_000 + 500 * choose.below(6)),
        Meaning::UnixMilliseconds if choose.chance(80) => text(4_102_444_800_123 + choose.below(1_000_000_000)),
        Meaning::UnixMilliseconds => text(choose.one_of(&["1", "1000000000000"])),
        Meaning::Timeout if matches!(kind, ArgKind::Double) => text(choose.one_of(&["0.001", "0.01", "0.005"])),
        Meaning::Timeout => text(1 + choose.below(10)),
        Meaning::Database => text(choose.one_of(&["0", "0", "0", "1", "2"])),
        Meaning::Count => text(1 + choose.below(12)),
        Meaning::Position => text(choose.below(60) as i64 - if choose.chance(30) { 30 } else { 0 }),
        Meaning::Index => text(choose.one_of(&["0", "0", "-1", "1", "-2", "2", "7", "-30"])),
        Meaning::Bound => text(choose.one_of(&["-", "+", "-inf", "+inf", "0", "(1", "5", "[a", "(b", "[m3", "1-0", "(2-1", "100"])),
        Meaning::IdBound(all) if choose.chance(50) => text(all),
        Meaning::IdBound(_) => text(choose.one_of(&["-", "+", "0", "5", "5-1", "(5-1", "1-0", "(2-1", "20-3", "(20-0", "100"])),
        Meaning::Member if choose.chance(4) => {
            let len = choose.one_of(MEMBER_LENGTHS);
            bytes(choose, len)
        }
        Meaning::Member => text(choose.one_of(&[
            "",
            "a",
            "b",
            "c",
            "m1",
            "m2",
            "m3",
            "m4",
            "1",
            "2",
            "-3",
            "a-longer-member-than-most-of-the-others-are-here",
        ])),
        Meaning::Payload => payload(choose),
        Meaning::StreamId if choose.chance(3) => text(choose.one_of(&[">", "0"])),
        Meaning::StreamId if choose.chance(60) => text(format!("{MS_MAX}-{}", choose.below(12))),
        Meaning::StreamId => text(format!("{}-{}", choose.below(MS_MAX), choose.below(4))),
        Meaning::NewStreamId if choose.chance(70) => text(format!("{MS_MAX}-*")),
        Meaning::NewStreamId => text(format!("{}-{}", choose.below(MS_MAX + 1), choose.below(12))),
        Meaning::Words(words) => text(choose.one_of(words)),
        Meaning::Kind => match kind {
            ArgKind::Integer => small_integer(choose),
            ArgKind::Double => float(choose),
            ArgKind::Pattern | ArgKind::KeyPattern(_) => text(choose.one_of(&["*", "a*", "?", "[a-c]", "string*", "*1", "nothing"])),
            ArgKind::UnixTime => text(4_102_444_800_u64),
            _ => value(choose),
        },
    };
    (value, Passing::Nothing)
}

/// A value at an edge of what an argument may be, or beyond it. Never one that makes a key go while a run lasts, a client block for
/// long, or a reply of gigabytes.
pub(crate) fn edge(choose: &mut impl Choices, kind: ArgKind, meaning: Meaning) -> Vec<u8> {
    match meaning {
        Meaning::Seconds | Meaning::Milliseconds | Meaning::UnixSeconds | Meaning::UnixMilliseconds => text(choose.one_of(&[
            "0",
            "-1",
            "abc",
            "",
            "1.5",
            "+1",
            " 1",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "9223372036854775",
            "9223370400000000",
            "33177117420000",
        ])),
        Meaning::Timeout => text(choose.one_of(&["-1", "abc", "", "nan", "1e400", "+", "9223372036854775808"])),
        Meaning::Database => text(choose.one_of(&["-1", "15", "16", "abc", "", "9223372036854775807", "2147483648", "01", "+1"])),
        Meaning::Count => text(choose.one_of(&["-1", "0", "9223372036854775807", "-9223372036854775808", "abc", "", "1.5", "+1", "-7"])),
        Meaning::Position | Meaning::Kind if matches!(kind, ArgKind::Integer) => text(choose.one_of(INTEGER_EDGES)),
        Meaning::Index => text(choose.one_of(INTEGER_EDGES)),
        Meaning::Position if choose.chance(50) => text(choose.one_of(&["#1", "#0", "#-1", "#9223372036854775807", "#"])),
        Meaning::Position => text(choose.one_of(INTEGER_EDGES)),
        _ if matches!(kind, ArgKind::Double) => text(choose.one_of(FLOAT_EDGES)),
        _ => match choose.below(4) {
            0 => text(choose.one_of(INTEGER_EDGES)),
            1 => text(choose.one_of(FLOAT_EDGES)),
            2 => choose.one_of(BYTES_EDGES).to_vec(),
            _ => {
                let len = choose.one_of(LENGTH_EDGES);
                bytes(choose, len)
            }
        },
    }
}
