//! `--pipe`: sends raw protocol from the standard input and counts the replies.
//!
//! One thread writes and the other reads, so that neither the server's output buffer nor ours can fill up and stop both.
//! The end is recognised by an ECHO of random bytes sent after the input.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use larder_proto::resp::Value;

use super::connection::{Connection, ConnectionError, describe};
use super::session::Session;
use super::stop::{Stop, complain, fail};
use crate::base::clock;

/// Bytes read and written at once.
const CHUNK_LEN: usize = 64 * 1024;
/// Length of the marker that ends the stream.
const MARKER_LEN: usize = 20;
/// How often the reader looks whether all was sent and whether time has run out.
const TICK: Duration = Duration::from_millis(200);

/// Sends everything, then waits for the last reply, at most `timeout` after the last sign of life.
pub(super) fn run(session: &mut Session, timeout: Option<Duration>) -> Result<(), Stop> {
    let connection = session.connected()?;
    let writer = connection.writer()?;
    let marker = marker();
    let sent = Arc::new(OnceLock::new());
    let progress = progress();
    let copy = std::thread::spawn({
        let (sent, progress) = (Arc::clone(&sent), progress.clone());
        move || {
            let result = send_all(writer, &marker, &progress);
            // Nobody else sets it.
            let _ = sent.set(result.is_ok());
            result
        }
    });
    // On an error the writer is not waited for: it may hang in a write that nobody reads, and ends with the program.
    let (errors, replies) = count_replies(connection, &marker, &sent, timeout, &progress)?;
    if let Ok(Err(error)) = copy.join() {
        return Err(fail(format_args!("Error: {}", describe(&error))));
    }
    progress.finish_and_clear();
    writeln!(io::stdout(), "errors: {errors}, replies: {replies}")?;
    if errors > 0 { Err(Stop::Exit(1)) } else { Ok(()) }
}

/// Copies the standard input, then sends the marker.
fn send_all(mut writer: impl Write, marker: &[u8], progress: &ProgressBar) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut chunk = vec![0; CHUNK_LEN];
    loop {
        let len = input.read(&mut chunk)?;
        if len == 0 {
            break;
        }
        writer.write_all(&chunk[..len])?;
        progress.inc(len as u64);
    }
    // An empty line first: should the input end within a request, the rest is more likely to be understood.
    writer.write_all(b"\r\n*2\r\n$4\r\nECHO\r\n$20\r\n")?;
    writer.write_all(marker)?;
    writer.write_all(b"\r\n")
}

/// Counts errors and replies up to the marker. Says that all was sent when it has told of the replies that came before: whoever reads on
/// takes what follows that line for what came later.
fn count_replies(
    connection: &mut Connection,
    marker: &[u8],
    sent: &OnceLock<bool>,
    timeout: Option<Duration>,
    progress: &ProgressBar,
) -> Result<(u64, u64), Stop> {
    let (mut errors, mut replies) = (0, 0);
    let mut heard_ms = clock::monotonic_ms();
    let mut announced = false;
    loop {
        match connection.receive_within(TICK) {
            Ok(Some(Value::Bulk(text))) if text == marker => {
                announce_sent(&mut announced, progress)?;
                progress.suspend(|| writeln!(io::stdout(), "Last reply received from server."))?;
                return Ok((errors, replies));
            }
            Ok(Some(reply)) => {
                replies += 1;
                heard_ms = clock::monotonic_ms();
                if let Value::Error(text) = reply {
                    errors += 1;
                    progress.suspend(|| complain(String::from_utf8_lossy(&text)));
                }
            }
            Ok(None) => {
                if sent.get() == Some(&true) {
                    announce_sent(&mut announced, progress)?;
                }
                let silence = Duration::from_millis(clock::monotonic_ms() - heard_ms);
                if let Some(timeout) = timeout
                    && sent.get().is_some()
                    && silence > timeout
                {
                    complain(format_args!("No replies for {} seconds: exiting.", timeout.as_secs()));
                    return Ok((errors + 1, replies));
                }
            }
            Err(ConnectionError::Closed) => return Err(fail("Error: Server closed the connection")),
            Err(_) => return Err(fail("Error reading replies from server")),
        }
    }
}

/// Says once that all was sent.
fn announce_sent(announced: &mut bool, progress: &ProgressBar) -> io::Result<()> {
    if std::mem::replace(announced, true) {
        return Ok(());
    }
    progress.suspend(|| writeln!(io::stdout(), "All data transferred. Waiting for the last reply..."))
}

/// Bytes that no reply contains by chance. They need not be secret, only unlike anything in the input.
fn marker() -> [u8; MARKER_LEN] {
    let mut state = clock::unix_us() ^ (u64::from(std::process::id()) << 40);
    std::array::from_fn(|_| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    })
}

/// Bytes sent so far, on a terminal.
fn progress() -> ProgressBar {
    let target = if io::stderr().is_terminal() && !io::stdin().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(4)
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{bytes} sent, {bytes_per_sec}, {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::with_draw_target(None, target).with_style(style)
}
