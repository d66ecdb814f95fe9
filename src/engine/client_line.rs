//! One line of CLIENT LIST: all that is known of a connection.
//!
//! The line of the client that asks is exact at the moment of its command ([`write_own`]); those of others may be a batch late.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::clock;
use crate::clients::client::{Client, bit, capability};
use crate::clients::cost;
use crate::engine::context::{Args, Context};
use crate::engine::shared::Shared;

/// About the length of a line.
pub const LEN_USUAL: usize = 360;

/// Letters of `flags`, in their order.
const FLAGS: &[(u32, u8)] = &[
    (bit::REPLICA, b'S'),
    (bit::PRIMARY, b'M'),
    (bit::MONITOR, b'O'),
    (bit::PUBSUB, b'P'),
    (bit::MULTI, b'x'),
    (bit::BLOCKED, b'b'),
    (bit::DIRTY_CAS, b'd'),
    (bit::CLOSE_AFTER_REPLY, b'c'),
    (bit::CLOSE_ASAP, b'A'),
    (bit::UNIX_SOCKET, b'U'),
    (bit::READONLY, b'r'),
    (bit::NO_EVICT, b'e'),
    (bit::NO_TOUCH, b'T'),
    (bit::IMPORT_SOURCE, b'I'),
];

/// The letters of a client's flags; `N` if it has none.
pub fn flags(client: &Client) -> String {
    let mut set = client.flags.load(Ordering::Relaxed);
    if client.watch_flag.is_set() {
        set |= bit::DIRTY_CAS;
    }
    let letters: String = FLAGS.iter().filter(|(bits, _)| set & bits != 0).map(|(_, letter)| *letter as char).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}

/// Appends the line of the client whose command, with these arguments, is running.
pub fn write_own(context: &Context<'_>, args: &Args<'_>, out: &mut Vec<u8>) {
    let client = &context.caller.client;
    let figures = &client.figures;
    // What the connection publishes once the batch is done, as it is now.
    figures.commands.store(context.caller.commands, Ordering::Relaxed);
    figures.arguments.store(args.iter().map(|arg| arg.len() as u64).sum(), Ordering::Relaxed);
    figures.argument_words.store(args.len() as u64, Ordering::Relaxed);
    figures.output.store(context.reply.len() as u64, Ordering::Relaxed);
    figures.output_shared.store(context.reply.shared_len() as u64, Ordering::Relaxed);
    append(context.shared, client, false, out);
}

/// Appends the line of a client, with its end.
pub fn write(shared: &Shared, client: &Client, out: &mut Vec<u8>) {
    append(shared, client, client.pending_output() > 0, out);
}

/// The line without its end, as the log shows it: without what users chose, if the options say so.
pub fn for_log(shared: &Shared, client: &Client) -> String {
    let mut out = Vec::with_capacity(LEN_USUAL);
    write(shared, client, &mut out);
    let line = String::from_utf8_lossy(&out).trim_end().to_owned();
    if !shared.config.load().hide_user_data_from_log {
        return line;
    }
    let hide = |field: &str| match field.split_once('=') {
        Some((name @ ("name" | "user"), _)) => format!("{name}=*redacted*"),
        _ => field.to_owned(),
    };
    line.split(' ').map(hide).collect::<Vec<_>>().join(" ")
}

fn append(shared: &Shared, client: &Client, is_writing: bool, out: &mut Vec<u8>) {
    let figures = &client.figures;
    let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let now_ms = clock::monotonic_ms();
    let seconds_since = |ms: u64| now_ms.saturating_sub(ms) / 1000;
    let memory = cost::memory(client);
    let output = client.output_memory();
    let command = client.last_command.load(Ordering::Relaxed);
    let command = if command == u16::MAX { "NULL" } else { shared.table.row(command).full_name.as_str() };
    let is_redirected = client.capabilities.load(Ordering::Relaxed) & capability::REDIRECT != 0;
    // Writing to a Vec cannot fail.
    let _ = write!(out, "id={} addr={} laddr={} fd={} name=", client.id, client.addr, client.laddr, client.fd);
    out.extend_from_slice(&client.name.lock());
    let _ = write!(
        out,
        " age={} idle={} flags={} capa={} db={} sub={} psub={} ssub={} multi={} watch={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={} oll={} omem={} tot-mem={} events={} cmd={command} user=default redir=-1 resp={} lib-name=",
        seconds_since(client.created_ms),
        seconds_since(client.last_interaction_ms.load(Ordering::Relaxed)),
        flags(client),
        if is_redirected { "r" } else { "" },
        client.db.load(Ordering::Relaxed),
        get(&figures.channels),
        get(&figures.patterns),
        get(&figures.shard_channels),
        figures.multi_queued.load(Ordering::Relaxed),
        get(&figures.watched),
        get(&figures.query_buffer),
        get(&figures.query_buffer_free),
        get(&figures.arguments),
        get(&figures.multi),
        get(&figures.reply_room),
        get(&figures.reply_peak),
        output.in_buffer,
        output.blocks,
        output.bytes,
        memory.total(),
        if is_writing { "rw" } else { "r" },
        if client.has(bit::RESP3) { 3 } else { 2 },
    );
    out.extend_from_slice(&client.lib_name.lock());
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&client.lib_ver.lock());
    let _ = writeln!(
        out,
        " tot-net-in={} tot-net-out={} tot-cmds={}",
        get(&figures.net_input),
        get(&figures.net_output),
        get(&figures.commands)
    );
}
