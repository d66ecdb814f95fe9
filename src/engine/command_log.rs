//! Which commands enter the command log: those that took long, came in a large request, or had a large reply.

use super::context::{Args, Context};
use super::redact;
use super::spec::flag;
use super::table::Row;
use crate::clients::bit;
use crate::config::Config;
use crate::metrics::command_log::{Entry, Kind, shorten};

/// Bytes of a request on the wire, as an array of bulk strings.
fn request_len(args: &[&[u8]]) -> u64 {
    let header = |number: usize| 3 + u64::from(number.checked_ilog10().unwrap_or(0)) + 1;
    header(args.len()) + args.iter().map(|arg| header(arg.len()) + arg.len() as u64 + 2).sum::<u64>()
}

/// Logs a command that was executed, if an option says so.
pub(super) fn log_if_wanted(context: &Context<'_>, config: &Config, row: &Row, args: &Args<'_>, microseconds: u64, reply_len: usize) {
    if row.spec.has(flag::SKIP_COMMANDLOG) {
        return;
    }
    // A negative threshold is none, and as an unsigned number never reached.
    let reached = |value: u64, threshold: i64| value >= threshold as u64;
    let request = request_len(args);
    let is_slow = reached(microseconds, config.commandlog_execution_slower_than);
    let is_large = reached(request, config.commandlog_request_larger_than);
    let answers_much = reached(reply_len as u64, config.commandlog_reply_larger_than);
    let logs = [
        (is_slow, Kind::Slow, microseconds, config.commandlog_slow_execution_max_len),
        (is_large, Kind::LargeRequest, request, config.commandlog_large_request_max_len),
        (answers_much, Kind::LargeReply, reply_len as u64, config.commandlog_large_reply_max_len),
    ];
    for (_, kind, value, len_max) in logs.into_iter().filter(|(wanted, .., len_max)| *wanted && *len_max > 0) {
        log(context, row, args, kind, value, len_max);
    }
}

fn log(context: &Context<'_>, row: &Row, args: &Args<'_>, kind: Kind, value: u64, len_max: u64) {
    let client = &context.caller.client;
    let addr = if client.has(bit::UNIX_SOCKET) { format!("unix:{}", client.addr.trim_end_matches(":0")) } else { client.addr.clone() };
    let entry = Entry {
        id: 0,
        time_s: context.now_ms / 1000,
        value,
        args: shorten(args, |at| redact::is_secret(row, args, at)),
        addr,
        name: client.name.lock().clone(),
    };
    context.shared.metrics.command_log.push(kind, len_max, entry);
}

#[cfg(test)]
mod tests {
    use super::request_len;

    #[test]
    fn requests_on_the_wire() {
        assert_eq!(request_len(&[b"GET", b"k"]), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".len() as u64);
        assert_eq!(request_len(&[b"SET", b"", &[b'x'; 1000]]), b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$1000\r\n\r\n".len() as u64 + 1000);
    }
}
