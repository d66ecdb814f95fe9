//! MONITOR's lines: every command a client sends, as it is executed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::context::{Args, Context};
use super::redact;
use super::shared::Shared;
use super::table::Row;
use crate::base::clock;
use crate::clients::{Client, Message, bit};

/// Sends one line to every client in MONITOR.
#[cold]
pub fn feed(context: &mut Context<'_>, row: &Row, args: &Args<'_>) {
    let client = &context.caller.client;
    let now_us = clock::unix_us();
    let origin = if client.has(bit::UNIX_SOCKET) { format!("unix:{}", client.addr.trim_end_matches(":0")) } else { client.addr.clone() };
    let mut line = format!("+{}.{:06} [{} {}]", now_us / 1_000_000, now_us % 1_000_000, context.caller.db, origin).into_bytes();
    for (at, arg) in args.iter().enumerate() {
        line.push(b' ');
        quote(if redact::is_secret(row, args, at) { b"(redacted)" } else { arg }, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    // It tells what was asked for, which depends on nothing.
    let line = Message { bytes: Bytes::from(line), offset: 0 };
    // To a client that is about to leave nothing more is said, not even that it does; nor to one that wants no replies.
    let is_deaf = |monitor: &Client| monitor.must_close() || monitor.has(bit::CLOSE_AFTER_REPLY) || monitor.has(bit::REPLY_OFF);
    let shared = Arc::clone(context.shared);
    for monitor in shared.monitors.lock().iter().filter(|monitor| !is_deaf(monitor)) {
        // The command may still hold stripes.
        if let Some(waker) = monitor.enqueue(line.clone()) {
            context.keys.changes().wake_later(waker);
        }
    }
}

/// Appends `bytes` in double quotes, as Valkey prints them in logs: `\n`, `\"`, `\x00` ...
pub fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x20..=0x7e => out.push(*byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

/// Adds a client to the list of monitors.
pub fn add(shared: &Shared, client: Arc<Client>) {
    let mut monitors = shared.monitors.lock();
    monitors.push(client);
    shared.monitor_count.store(monitors.len(), Ordering::Relaxed);
}

/// Removes a client from the list of monitors.
pub fn remove(shared: &Shared, id: u64) {
    let mut monitors = shared.monitors.lock();
    monitors.retain(|client| client.id != id);
    shared.monitor_count.store(monitors.len(), Ordering::Relaxed);
}
