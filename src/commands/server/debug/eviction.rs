//! DEBUG CLIENT-EVICTION: how many clients take how much memory.

use crate::clients::cost;
use crate::engine::context::{CmdResult, Context};
use crate::engine::error::CmdError;

/// The smallest bucket above the first begins at 2 to this power; the largest holds all from 2 to [`LARGEST`].
const SMALLEST: u32 = 15;
const LARGEST: u32 = 33;

pub(super) fn exec(context: &mut Context<'_>) -> CmdResult {
    if context.config.maxmemory_clients.limit_bytes(context.config.maxmemory).is_none() {
        return Err(CmdError::err("maxmemory-clients is disabled."));
    }
    let count = (LARGEST - SMALLEST + 2) as usize;
    let mut buckets = vec![(0u64, 0usize); count];
    for client in context.shared.clients.all() {
        let bytes = cost::memory(&client).total();
        let log = bytes.max(1).ilog2();
        let at = if log < SMALLEST { 0 } else { ((log - SMALLEST + 1) as usize).min(count - 1) };
        buckets[at].0 += bytes;
        buckets[at].1 += 1;
    }
    let mut text = String::new();
    for (at, (bytes, clients)) in buckets.iter().enumerate() {
        let from = if at == 0 { 0 } else { 1u64 << (at as u32 - 1 + SMALLEST) };
        text.push_str(&format!("bucket {from:>10}"));
        if at == count - 1 {
            text.push_str("+            : ");
        } else {
            text.push_str(&format!(" - {:>10}: ", (1u64 << (at as u32 + SMALLEST)) - 1));
        }
        text.push_str(&format!("tot-mem: {bytes:>10}, clients: {clients}\n"));
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
