//! What a command's execution gets: its arguments, the keys it may touch, who runs it, the reply it writes.

use std::ops::Deref;
use std::sync::Arc;

use larder_proto::resp::ReplyBuf;

use super::cluster_access::ClusterAccess;
use super::command::Shared;
pub use super::command::{Args, AsyncResult, CmdResult, Context, Sweep};
use super::error::CmdError;
use super::log_thresholds::LogThresholds;
use crate::base::clock::{self, Now, Ticks};
use crate::base::limits::{CONTIGUOUS_LEN_MAX, ELEMENT_STEPS, OFFLOAD_STEPS_MIN, WALK_US_MAX};
use crate::clients::{Caller, bit};
use crate::config::Config;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::keyspace::key::{Key, ResolvedKey};
use crate::keyspace::scan::Pace;
use crate::keyspace::string_value;
use crate::keyspace::value::string::StringRef;
use crate::metrics::WorkerMetrics;

impl<'a> Args<'a> {
    /// Arguments with the keys that were found among them.
    #[inline]
    pub fn new(words: &'a [&'a [u8]], keys: &'a [ResolvedKey]) -> Args<'a> {
        Args { words, keys }
    }

    /// All words.
    #[inline]
    pub fn words(&self) -> &'a [&'a [u8]] {
        self.words
    }

    /// Key number `number`, from 0, in the order of the command's key specs.
    ///
    /// # Errors
    /// If the specification does not say that there is one: then nobody holds its stripe.
    #[inline]
    pub fn key(&self, number: usize) -> Result<Key<'a>, CmdError> {
        self.keys.get(number).map(|resolved| self.key_of(resolved)).ok_or(CmdError::KeysMismatch)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Key<'a>> + use<'a> {
        let args = *self;
        self.keys.iter().map(move |resolved| args.key_of(resolved))
    }

    /// Where the keys lie.
    #[inline]
    pub fn resolved(&self) -> &'a [ResolvedKey] {
        self.keys
    }

    #[inline]
    fn key_of(&self, resolved: &'a ResolvedKey) -> Key<'a> {
        Key::new(self.words[resolved.argument as usize], resolved)
    }
}

impl<'a> Deref for Args<'a> {
    type Target = [&'a [u8]];

    #[inline]
    fn deref(&self) -> &Self::Target {
        self.words
    }
}

impl<'c> Context<'c> {
    /// The context of `caller` at a moment, with nothing locked, for requests that have up to `requests_len` bytes on the wire.
    // Inlined: see `crate::performance`, *Memory on its way through the processor*.
    #[inline(always)]
    pub fn new(
        (shared, metrics): (&'c Arc<Shared>, &'c WorkerMetrics),
        config: &'c Config,
        caller: &'c mut Caller,
        reply: &'c mut ReplyBuf,
        now: Now,
        requests_len: usize,
    ) -> Context<'c> {
        let moment = Moment::new(&shared.keyspace, now.unix_ms);
        let thresholds = LogThresholds::new(shared.metrics.latency.threshold_ns(), config, requests_len);
        let keys = KeyAccess::new(&shared.keyspace, caller.db, &moment, now.ticks);
        let mut context = Context {
            shared,
            config,
            keys,
            caller,
            reply,
            now_ms: now.unix_ms,
            command: 0,
            thresholds,
            metrics,
            yields_to_waiters: false,
            may_leave: false,
        };
        context.follow_caller();
        context
    }

    /// Sets the access to the caller's database and manners: at the start, and after each command that may change them.
    #[inline]
    pub fn follow_caller(&mut self) {
        let imports = self.config.import_mode && self.caller.client.has(bit::IMPORT_SOURCE);
        self.keys.begin(self.caller.db, !self.caller.no_touch, imports);
        if self.caller.applies_log {
            self.keys.see_everything();
        }
    }

    /// Notes how far the caller has written.
    #[inline]
    pub fn note_written(&mut self) {
        self.caller.wrote_to = self.caller.wrote_to.max(self.keys.wrote_to);
    }

    /// How far the caller has written, in what it ran before and in this very batch. It may have written to another history, which was longer: what
    /// became of that is in this one, or lost.
    pub fn written_offset(&mut self) -> u64 {
        self.note_written();
        self.caller.wrote_to.min(self.shared.write_log.end())
    }

    /// Whether the command that runs has to be quick.
    #[inline]
    pub fn haste(&self) -> Haste {
        Haste(self.may_leave && !self.caller.in_exec)
    }

    /// Full name of the command that runs, for error texts.
    pub fn command_name(&self) -> &str {
        &self.shared.table.row(self.command).full_name
    }

    /// The node's cluster, or the error that there is none.
    pub fn cluster(&self) -> Result<&'c ClusterAccess, CmdError> {
        self.shared.cluster.as_ref().ok_or(CmdError::coded("ERR This instance has cluster support disabled"))
    }

    /// The argument as the number of a database that is there.
    ///
    /// # Errors
    /// If it is no number, or none of a database.
    pub fn database(&self, arg: &[u8]) -> Result<u32, CmdError> {
        let number = i32::try_from(integer(arg)?)
            .map_err(|_| CmdError::coded("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
        u32::try_from(number).ok().filter(|db| (*db as usize) < self.keys.keyspace().databases()).ok_or(CmdError::DbIndex)
    }

    /// Calls `with` with the string under a key, or nothing. Of a long one that is a snapshot: its stripe is free meanwhile.
    ///
    /// # Errors
    /// If the key holds another type.
    pub fn with_string<R>(&mut self, key: Key<'_>, with: impl FnOnce(Option<StringRef<'_>>) -> R) -> Result<R, CmdError> {
        let Some(entry) = self.keys.read(key) else { return Ok(with(None)) };
        let value = string_value::of(entry)?;
        if string_value::len(value) <= CONTIGUOUS_LEN_MAX {
            return Ok(string_value::with_string(value, |string| with(Some(string))));
        }
        let snapshot = string_value::snapshot(value);
        self.keys.unlock_early();
        Ok(with(Some(snapshot.view())))
    }

    /// True if an expiry at this time means that the key is to be deleted rather than given that expiry. While data is imported,
    /// the source says when keys end, and a log's writer has said so.
    #[inline]
    pub fn is_past(&self, when_ms: i64) -> bool {
        when_ms <= self.now_ms && !self.config.import_mode && !self.caller.applies_log
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("command", &self.command).field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// Whether a command has to be quick, since its worker serves others.
#[derive(Debug, Clone, Copy)]
pub struct Haste(bool);

impl Haste {
    /// That of a command that lets others run in between by itself.
    pub const fn none() -> Haste {
        Haste(false)
    }

    /// To be called before anything is replied or changed, once the command knows how many steps it takes (bytes looked at; an element of a
    /// collection is [`ELEMENT_STEPS`]).
    ///
    /// # Errors
    /// [`CmdError::TakesLong`] if they are too many for a worker: the scope then has it run elsewhere, from its beginning.
    #[inline]
    pub fn check(self, steps: usize) -> Result<(), CmdError> {
        if self.0 && steps as u64 >= OFFLOAD_STEPS_MIN { Err(CmdError::TakesLong) } else { Ok(()) }
    }

    /// As [`Haste::check`], for a look at so many elements.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn check_elements(self, elements: usize) -> Result<(), CmdError> {
        self.check(elements.saturating_mul(ELEMENT_STEPS))
    }

    /// For a walk over keys that begins now. It leaves the worker as soon as it turns out to take long; what it has reclaimed until then the
    /// one that runs elsewhere does not find.
    pub fn pace(self) -> WalkPace {
        let now = clock::ticks();
        WalkPace { haste: self, started: now, step: now }
    }
}

/// The pace of a command's walk over keys.
#[derive(Debug)]
pub struct WalkPace {
    haste: Haste,
    started: Ticks,
    /// When the step began.
    step: Ticks,
}

impl Pace for WalkPace {
    type End = CmdError;

    fn begin_step(&mut self) -> Result<(), CmdError> {
        self.step = clock::ticks();
        let is_long = self.haste.0 && clock::elapsed_us(self.started, self.step) > WALK_US_MAX;
        if is_long { Err(CmdError::TakesLong) } else { Ok(()) }
    }

    fn is_step_over(&mut self) -> bool {
        clock::elapsed_us(self.step, clock::ticks()) > WALK_US_MAX
    }
}

/// The argument as a pattern of up to so many bytes.
///
/// # Errors
/// If it is longer.
pub fn check_pattern(arg: &[u8], len_max: usize) -> Result<&[u8], CmdError> {
    if arg.len() <= len_max { Ok(arg) } else { Err(CmdError::err(format!("pattern is longer than {len_max} bytes"))) }
}

/// True if `word` is `name`, whatever its case. `name` is upper or lower case ASCII.
#[inline]
pub fn is_word(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// The argument as a 64-bit integer in its canonical form.
#[inline]
pub fn integer(arg: &[u8]) -> Result<i64, CmdError> {
    crate::base::number::parse_i64(arg).ok_or(CmdError::NotInteger)
}

/// The argument as an integer within `range`, else the given error text (after `ERR `).
pub fn integer_in(arg: &[u8], range: std::ops::RangeInclusive<i64>, otherwise: &str) -> Result<i64, CmdError> {
    match crate::base::number::parse_i64(arg) {
        Some(number) if range.contains(&number) => Ok(number),
        _ => Err(CmdError::err(otherwise)),
    }
}
