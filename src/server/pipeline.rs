//! A batch of complete requests, run in order.

use std::ops::Range;

use super::executor::{BatchExecutor, Flow};
use crate::base::words::Words;
use crate::engine::lookahead::Parsed;

/// How far a batch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// To its end.
    Done,
    /// To this request, since the one before it left something to do first.
    Stopped(usize),
    /// To this request, which has to wait or to run asynchronously; or the one before it changed the options, which an executor holds from
    /// its start.
    Postponed(usize),
}

/// Executes requests of `parsed` in order, until the replies are longer than `reply_len_max` or the connection has something else to do
/// (see [`BatchExecutor::must_stop`]). The caller ends the batch ([`BatchExecutor::end`]).
pub(super) fn execute(
    executor: &mut BatchExecutor<'_>,
    buffer: &[u8],
    parsed: &Parsed,
    requests: Range<usize>,
    reply_len_max: usize,
) -> Progress {
    let shared = executor.context.shared;
    let version = shared.config.version();
    let batch = &parsed.batch;
    let ready = &parsed.prepared[requests.clone()];
    let (mut few, mut many);
    for (number, (request, ready)) in requests.clone().zip(batch.requests[requests].iter().zip(ready)) {
        // See `crate::performance`, *Words of two or three*.
        let args: &[&[u8]] = match *batch.args_of(request) {
            [name, key] => {
                few = [name.of(buffer), key.of(buffer), &[]];
                &few[..2]
            }
            [name, key, value] => {
                few = [name.of(buffer), key.of(buffer), value.of(buffer)];
                &few
            }
            ref ranges => {
                many = ranges.iter().map(|range| range.of(buffer)).collect::<Words<'_>>();
                &many
            }
        };
        let flow = executor.execute(args, ready.lookup(&shared.table), ready.key.as_ref());
        match flow {
            Flow::Plain | Flow::Done => {}
            Flow::Wait(_) | Flow::Busy(_) | Flow::Block | Flow::Async(_) | Flow::Offload(..) => return Progress::Postponed(number),
        }
        // A plain command changes neither the options nor the client.
        if flow == Flow::Done && shared.config.version() != version {
            return Progress::Postponed(number + 1);
        }
        if executor.must_stop(flow, reply_len_max) {
            return Progress::Stopped(number + 1);
        }
    }
    Progress::Done
}
