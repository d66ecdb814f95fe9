//! LATENCY GRAPH: the samples of one event as columns of characters, oldest on the left.

use crate::base::clock;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};
use crate::metrics::latency::Event;

pub(crate) static LATENCY_GRAPH: CommandSpec = CommandSpec {
    name: "graph",
    arity: 3,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "event", ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Draws the samples of a latency event",
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

/// Columns side by side; more samples go on below.
const COLUMNS: usize = 80;
const ROWS: u64 = 4;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let found = context.shared.metrics.latency.get(args[2]);
    let Some((name, event)) = found else {
        return Err(CmdError::naming("No samples available for event '{}'", args[2]));
    };
    context.reply.verbatim("txt", draw(name, &event, clock::unix_ms() / 1000).as_bytes());
    Ok(())
}

/// How long ago, in the largest unit that fits.
fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn draw(name: &str, event: &Event, now_s: i64) -> String {
    let analysis = event.analyse(now_s);
    let (low, high) = (analysis.min, analysis.max);
    let mut text = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n", event.max_ms, "-".repeat(COLUMNS));
    let samples: Vec<(u64, String)> = event.samples.iter().map(|sample| (sample.latency_ms, ago(now_s - sample.time_s))).collect();
    for part in samples.chunks(COLUMNS) {
        for row in (0..ROWS).rev() {
            let line: String = part.iter().map(|(latency, _)| mark(*latency - low, high - low, row)).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
        let label_len = part.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
        for at in 0..label_len {
            let line: String = part.iter().map(|(_, label)| label.as_bytes().get(at).map_or(' ', |byte| *byte as char)).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// What stands in one row of a column `height` of `full` high: its top, the filling below, or nothing above.
fn mark(height: u64, full: u64, row: u64) -> char {
    let steps = ROWS * 2;
    let level = (height * (steps - 1)).checked_div(full).unwrap_or(1);
    match level.cmp(&(row * 2)) {
        std::cmp::Ordering::Less => ' ',
        _ if level > row * 2 + 1 => '#',
        std::cmp::Ordering::Equal => '_',
        std::cmp::Ordering::Greater => 'o',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::latency::Sample;

    #[test]
    fn columns() {
        let sample = |time_s, latency_ms| Sample { time_s, latency_ms };
        let event = Event { samples: [sample(10, 100), sample(20, 500), sample(130, 300)].into(), max_ms: 900, ..Event::default() };
        let text = draw("command", &event, 140);
        assert!(text.starts_with("command - high 500 ms, low 100 ms (all time high 900 ms)\n----"), "{text}");
        let drawn: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(drawn, [" o", " #", " #o", "_##", "", "221", "mm0", "  s", ""], "{text}");
    }
}
