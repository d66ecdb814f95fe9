//! DEBUG POPULATE: many keys at once. DEBUG STRINGMATCH-TEST: glob patterns against anything.

use crate::base::rng::{self, Rng};
use crate::base::{glob, number};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::keyspace::key::{Key, ResolvedKey};
use crate::keyspace::key_mut::Expiry;

/// Rounds of the pattern test.
const PATTERNS: usize = 100_000;

fn count(arg: &[u8]) -> Result<u64, CmdError> {
    let number = number::parse_i64(arg).and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| CmdError::err("value is out of range, must be positive"))
}

/// `POPULATE count [prefix] [size]`: keys that are there already are left alone.
pub(super) fn populate(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let keys = count(args[2])?;
    let prefix: &[u8] = args.get(3).copied().unwrap_or(b"key");
    let size = args.get(4).map_or(Ok(0), |size| count(size))? as usize;
    if size > crate::base::limits::STRING_LEN_MAX {
        return Err(CmdError::StringTooLong);
    }
    let mut key = Vec::new();
    let mut value = Vec::new();
    for index in 0..keys {
        key.clear();
        key.extend_from_slice(prefix);
        key.extend_from_slice(format!(":{index}").as_bytes());
        value.clear();
        value.extend_from_slice(format!("value:{index}").as_bytes());
        if size > 0 {
            value.resize(size, 0);
        }
        let resolved = ResolvedKey { place: context.keys.keyspace().place(&key), ..ResolvedKey::default() };
        context.keys.with_stripe(resolved.place.stripe, |access| {
            let mut entry = access.open(Key::new(&key, &resolved));
            if !entry.exists() {
                entry.set_text(&value, Expiry::Clear);
                entry.count_changes(1);
                drop(entry);
                // The stripe is released at once, and the command has not ended.
                access.log(&[b"SET", &key, &value]);
                access.end_of_command(args.words(), false);
            }
        });
    }
    context.reply.ok();
    Ok(())
}

/// Random patterns against random texts: that it ends at all is the result.
pub(super) fn match_length(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if args.len() != 2 {
        return Err(CmdError::subcommand_syntax(args));
    }
    let mut rng = Rng::new(rng::process_seed());
    let mut random = |alphabet: &[u8]| -> Vec<u8> {
        let len = rng.below(32);
        (0..len).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect()
    };
    let mut matches = 0usize;
    for _ in 0..PATTERNS {
        matches += usize::from(glob::matches(&random(b"ab*?[]^-\\"), &random(b"ab-")));
    }
    tracing::debug!("{matches} of {PATTERNS} random patterns matched");
    context.reply.simple("Apparently the server did not crash: test passed");
    Ok(())
}
