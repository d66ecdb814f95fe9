//! What a command's execution gets: its arguments, the keys it may touch, its client's session, the reply it writes.
//!
//! Invariants: an execution function never waits, reads no clock and sees no socket; it replies through [`Context::reply`] and, on
//! error, returns it (whatever it replied before is then taken back).

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use larder_proto::resp::ReplyBuf;

use super::error::CmdError;
use super::log_thresholds::Attention;
use super::shared::Shared;
use crate::clients::Session;
use crate::config::Config;
use crate::keyspace::access::KeyAccess;
use crate::metrics::WorkerMetrics;

/// Success means that the reply was written.
pub type CmdResult = Result<(), CmdError>;

/// What a `Control` command runs as.
pub type ControlFuture<'c> = Pin<Box<dyn Future<Output = CmdResult> + 'c>>;

/// All arguments of a request, the command's name first.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a>(pub &'a [&'a [u8]]);

impl<'a> Deref for Args<'a> {
    type Target = [&'a [u8]];

    #[inline]
    fn deref(&self) -> &Self::Target {
        self.0
    }
}

/// See the module's page.
pub struct Context<'c> {
    /// What the whole node shares.
    pub shared: &'c Arc<Shared>,
    /// The options, as they were when the batch began.
    pub config: &'c Config,
    /// Keys.
    pub keys: KeyAccess<'c>,
    /// The client's session.
    pub session: &'c mut Session,
    /// The reply.
    pub reply: &'c mut ReplyBuf,
    /// Now, unix milliseconds; the same for the whole command (and for all commands of a transaction).
    pub now_ms: i64,
    /// Number of the command in the registry's table.
    pub command: u16,
    /// Who wants to hear of it.
    pub attention: Attention,
    /// Where the worker that runs it counts.
    pub metrics: &'c WorkerMetrics,
    /// A command held stripes for long that others wait for: the next one of this client comes after theirs.
    pub gives_way: bool,
}

impl Context<'_> {
    /// Full name of the command that runs, for error texts.
    pub fn command_name(&self) -> &str {
        &self.shared.table.row(self.command).full_name
    }

    /// True if an expiry at this time means that the key is to be deleted rather than given that expiry. While data is imported,
    /// the source says when keys end.
    #[inline]
    pub fn is_past(&self, when_ms: i64) -> bool {
        when_ms <= self.now_ms && !self.config.import_mode
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("command", &self.command).field("session", &self.session).finish_non_exhaustive()
    }
}

/// A command that visits stripe after stripe; the worker serves other clients between two of them.
pub trait Sweep {
    /// Visits stripe `number`, which is locked. False ends the sweep early.
    fn visit(&mut self, keys: &mut KeyAccess<'_>, number: u32) -> bool;
    /// Writes the reply once all stripes were visited.
    fn finish(self: Box<Self>, context: &mut Context<'_>) -> CmdResult;
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
