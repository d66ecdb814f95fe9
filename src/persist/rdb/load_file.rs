//! Reading a file, record by record. What is done with values the receiver says ([`Receiver`]).
//!
//! A file is refused as a whole: whoever loads one has nothing of it until [`read`] has returned without an error, checksum included.

use std::fmt;
use std::io;

use super::file_source::FileSource;
use super::source::Source;
use super::{Corrupt, EMPTY, kind, load, opcode, text, version};

/// Length of the header.
const MAGIC_LEN: usize = 9;
/// What Redis has given a meaning since its ways and Valkey's parted, or may come to.
const FOREIGN: std::ops::RangeInclusive<u8> = kind::COMMON_MAX + 1..=243;
/// Versions from this one on end with a checksum.
const CHECKSUM_MIN: u16 = 5;

/// Why a file cannot be loaded.
#[derive(Debug)]
pub enum Problem {
    /// The system's error.
    Io(io::Error),
    /// It does not begin as such a file does.
    Signature,
    /// Its version is not known here.
    Version(u16),
    /// It ends early, or something in it is wrong.
    Corrupt(&'static str),
    /// A type or an operation that nobody knows.
    Type(u8),
    /// One that means something else to whom a file of this version is of.
    Foreign(u8, u16),
    /// It names a database that there is not.
    Database(u64),
    /// A key comes twice in a database.
    Twice(u32),
    /// Data of a module.
    Module(String),
    /// A library of functions.
    Function,
    /// Another checksum: what it should be, and what it is.
    Checksum(u64, u64),
    /// Who wanted it wants it no longer.
    Cancelled,
    /// Another thread has found a problem.
    Elsewhere,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Io(error) => write!(f, "it cannot be read: {error}"),
            Problem::Signature => f.write_str("it does not begin as a snapshot does"),
            Problem::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            Problem::Corrupt(why) => f.write_str(why),
            Problem::Type(number) => {
                write!(f, "Unknown type or opcode when loading DB. Unrecoverable error, aborting now. It is {number}")
            }
            Problem::Foreign(number, version) => {
                write!(f, "Can't handle foreign type or opcode {number} in RDB with version {version}")
            }
            Problem::Database(number) => write!(f, "there is no database {number}: set databases to more"),
            Problem::Twice(db) => write!(f, "RDB has duplicated key in DB {db}"),
            Problem::Module(name) => write!(f, "it holds data of the module '{name}', which is not there"),
            Problem::Function => f.write_str("it holds functions, which this version does not have yet"),
            Problem::Checksum(..) => f.write_str("RDB CRC error"),
            Problem::Cancelled => f.write_str("loading was cancelled"),
            Problem::Elsewhere => f.write_str("there is a problem before this"),
        }
    }
}

impl From<Corrupt> for Problem {
    fn from(corrupt: Corrupt) -> Self {
        Problem::Corrupt(corrupt.0)
    }
}

/// A problem, and where in the file it is.
#[derive(Debug)]
pub struct LoadError {
    /// Bytes before it.
    pub offset: u64,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: {}", self.offset, self.problem)
    }
}

impl std::error::Error for LoadError {}

/// What is known of a key before its value.
#[derive(Debug, Clone, Default)]
pub struct Particulars {
    /// Its database.
    pub db: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// When it expires, unix milliseconds.
    pub expiry_ms: Option<i64>,
    /// For how many seconds it was not used.
    pub idle: Option<u64>,
    /// How often it was used, as the counter of LFU counts.
    pub frequency: Option<u8>,
}

impl Particulars {
    /// All but the name.
    pub(super) fn without_name(&self) -> Particulars {
        Particulars { db: self.db, name: Vec::new(), expiry_ms: self.expiry_ms, idle: self.idle, frequency: self.frequency }
    }
}

/// Takes what a file holds.
pub trait Receiver {
    /// The file's version is known. From here on it is meant.
    fn begin(&mut self, version: u16);

    /// The file says something of itself.
    fn aux(&mut self, name: &[u8], value: &[u8]);

    /// A key, whose value of this type the source has next. It takes exactly that.
    ///
    /// # Errors
    /// If it is no value, or the key is there already.
    fn value(&mut self, key: &mut Particulars, kind: u8, source: &mut FileSource<'_>) -> Result<(), Problem>;

    /// The file announces how many keys of a database come. There are `len_max` bytes left of it.
    fn expect(&mut self, _db: u32, _keys: u64, _len_max: u64) {}

    /// A key without a value was passed over: servers of old wrote such.
    fn passed_over(&mut self, name: &[u8]);
}

/// What is asked of a file.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// Its version is known.
    pub version: bool,
    /// Its checksum is right, if it has one.
    pub checksum: bool,
    /// Databases that there are.
    pub databases: usize,
}

/// Reads a file.
///
/// # Errors
/// The first problem. What the receiver has then is not to be used.
pub fn read(source: &mut FileSource<'_>, receiver: &mut dyn Receiver, checks: Checks) -> Result<(), LoadError> {
    let mut reader = Reader { source, receiver, checks, version: 0, is_redis: false, at: 0 };
    let result = reader.all();
    let (at, offset) = (reader.at, source.offset());
    result.map_err(|problem| match (source.error.take(), problem) {
        (Some(error), Problem::Corrupt(_)) => LoadError { offset, problem: Problem::Io(error) },
        // Of what is wrong within a record the record's beginning is told: who looks for it begins there.
        (None, problem @ (Problem::Type(_) | Problem::Foreign(..))) => LoadError { offset: at, problem },
        (_, problem) => LoadError { offset, problem },
    })
}

struct Reader<'r, 's> {
    source: &'r mut FileSource<'s>,
    receiver: &'r mut dyn Receiver,
    checks: Checks,
    version: u16,
    is_redis: bool,
    /// Where the record began.
    at: u64,
}

impl Reader<'_, '_> {
    fn all(&mut self) -> Result<(), Problem> {
        self.magic()?;
        self.receiver.begin(self.version);
        let mut key = Particulars::default();
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            self.at = self.source.offset();
            match self.source.byte()? {
                opcode::EOF => break,
                opcode::EXPIRETIME => key.expiry_ms = Some(i64::from(i32::from_le_bytes(self.source.array()?)) * 1000),
                opcode::EXPIRETIME_MS => key.expiry_ms = Some(i64::from_le_bytes(self.source.array()?)),
                opcode::FREQ => key.frequency = Some(self.source.byte()?),
                opcode::IDLE => key.idle = Some(self.source.length()?),
                opcode::SELECTDB => {
                    let db = self.source.length()?;
                    if db >= self.checks.databases as u64 {
                        return Err(Problem::Database(db));
                    }
                    key.db = db as u32;
                }
                opcode::RESIZEDB => {
                    let keys = self.source.length()?;
                    // How many of them have an expiry.
                    self.source.length()?;
                    self.receiver.expect(key.db, keys, self.source.len_max());
                }
                opcode::SLOT_INFO => (0..3).try_for_each(|_| self.source.length().map(drop))?,
                opcode::AUX => {
                    text::read(self.source, &mut name)?;
                    text::read(self.source, &mut value)?;
                    self.receiver.aux(&name, &value);
                }
                opcode::MODULE_AUX => return Err(Problem::Module(module_name(self.source.length()?))),
                opcode::FUNCTION | opcode::FUNCTION_PRE_GA => return Err(Problem::Function),
                kind => self.record(kind, &mut key)?,
            }
        }
        self.checksum()
    }

    fn magic(&mut self) -> Result<(), Problem> {
        let magic: [u8; MAGIC_LEN] = self.source.array()?;
        let (name, digits) = magic.split_at(6);
        self.is_redis = name == b"REDIS0";
        let version = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let (Some(version), true) = (version, self.is_redis || name == b"VALKEY") else { return Err(Problem::Signature) };
        self.version = version;
        let fits = self.is_redis == (version < version::VALKEY_MIN);
        if fits && version::is_accepted(version, self.checks.version) { Ok(()) } else { Err(Problem::Version(version)) }
    }

    fn record(&mut self, kind: u8, key: &mut Particulars) -> Result<(), Problem> {
        // A file of Redis has nothing of Valkey's, even if it is older than the parting of their ways.
        let is_known =
            load::is_known_in(kind, self.version) && (kind <= kind::COMMON_MAX || !self.is_redis || version::is_foreign(self.version));
        if !is_known && !matches!(kind, kind::MODULE | kind::MODULE_2) {
            let is_foreign = self.is_redis && FOREIGN.contains(&kind);
            return Err(if is_foreign { Problem::Foreign(kind, self.version) } else { Problem::Type(kind) });
        }
        text::read(self.source, &mut key.name)?;
        match kind {
            kind::MODULE | kind::MODULE_2 => return Err(Problem::Module(module_name(self.source.length()?))),
            kind => match self.receiver.value(key, kind, self.source) {
                Err(Problem::Corrupt(why)) if why == EMPTY.0 => self.receiver.passed_over(&key.name),
                other => other?,
            },
        }
        *key = Particulars { db: key.db, name: std::mem::take(&mut key.name), ..Particulars::default() };
        Ok(())
    }

    fn checksum(&mut self) -> Result<(), Problem> {
        if self.version < CHECKSUM_MIN {
            return Ok(());
        }
        let found = self.source.checksum();
        let expected = u64::from_le_bytes(self.source.array()?);
        match found {
            Some(found) if self.checks.checksum && expected != 0 && found != expected => Err(Problem::Checksum(expected, found)),
            _ => Ok(()),
        }
    }
}

/// A module's name: nine characters of six bits, and ten bits of its version.
fn module_name(id: u64) -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|number| char::from(CHARACTERS[(id >> (58 - 6 * number) & 0x3f) as usize])).collect()
}
