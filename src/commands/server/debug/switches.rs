//! DEBUG's switches: SET-ACTIVE-EXPIRE, SET-SKIP-CHECKSUM-VALIDATION, PAUSE-CRON, REPLYBUFFER and kin.

use std::sync::atomic::Ordering;

use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::shared::REPLY_PEAK_RESET_MS;

pub(super) fn exec(context: &mut Context<'_>, name: &str, args: &Args<'_>) -> CmdResult {
    let switches = &context.shared.debug;
    match (name, args.len()) {
        ("set-active-expire", 3) => context.shared.keyspace.settings.active_expire.store(switch(args[2]), Ordering::Relaxed),
        ("set-skip-checksum-validation", 3) => switches.skip_checksum.store(switch(args[2]), Ordering::Relaxed),
        ("pause-cron", 3) => switches.pause_cron.store(switch(args[2]), Ordering::Relaxed),
        ("replybuffer", 4) if is_word(args[2], "peak-reset-time") => {
            let ms = if is_word(args[3], "never") {
                -1
            } else if is_word(args[3], "reset") {
                REPLY_PEAK_RESET_MS
            } else {
                integer(args[3])?
            };
            switches.reply_peak_reset_ms.store(ms, Ordering::Relaxed);
        }
        ("replybuffer", 4) => {
            expect_word(args[2], "resizing", args)?;
            switches.reply_resizing.store(switch(args[3]), Ordering::Relaxed);
        }
        ("dict-resizing", 3) => {
            // Tables always grow in steps of one bucket; only that state can be asked for.
            if !switch(args[2]) {
                return Err(CmdError::err("hash tables grow by single buckets: there is no resizing to switch off"));
            }
        }
        ("client-enforce-reply-list", 3) => switches.reply_blocks.store(switch(args[2]), Ordering::Relaxed),
        _ => return Err(CmdError::subcommand_syntax(args)),
    }
    context.reply.ok();
    Ok(())
}

/// Reads a switch as C's `atoi` does: what is no number is off.
fn switch(arg: &[u8]) -> bool {
    let digits = arg.strip_prefix(b"-").unwrap_or(arg);
    digits.iter().take_while(|byte| byte.is_ascii_digit()).any(|byte| *byte != b'0')
}

/// Refuses a word that is not among those a subcommand knows.
fn expect_word(arg: &[u8], word: &str, args: &Args<'_>) -> CmdResult {
    if is_word(arg, word) { Ok(()) } else { Err(CmdError::subcommand_syntax(args)) }
}
