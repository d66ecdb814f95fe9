//! One line of CLIENT LIST: all that is known of a connection.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::clock;
use crate::clients::client::{Client, OUTPUT_BUFFER_LEN, bit, capability};
use crate::clients::evict;
use crate::commands::shared::Shared;

/// About the length of a line.
pub(super) const LEN_USUAL: usize = 360;

/// Letters of `flags`, in their order.
const FLAGS: &[(u32, u8)] = &[
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
pub(super) fn flags(client: &Client) -> String {
    let letters: String = FLAGS.iter().filter(|(bits, _)| client.has(*bits)).map(|(_, letter)| *letter as char).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}

/// Appends the line, with its end.
pub(super) fn write(shared: &Shared, client: &Client, out: &mut Vec<u8>) {
    let figures = &client.figures;
    let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let now_ms = clock::monotonic_ms();
    let seconds_since = |ms: u64| now_ms.saturating_sub(ms) / 1000;
    let memory = evict::memory(client);
    let pending = get(&figures.output);
    let messages = client.outbox.len_bytes() as u64;
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
        memory.output_buffer,
        get(&figures.output_peak).min(memory.output_buffer),
        pending.min(OUTPUT_BUFFER_LEN),
        u64::from(pending > OUTPUT_BUFFER_LEN) + u64::from(messages > 0),
        memory.output,
        memory.total(),
        if pending + messages > 0 { "rw" } else { "r" },
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
