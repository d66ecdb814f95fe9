//! LATENCY DOCTOR: what was slow, and what to do about it.

use crate::base::clock;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static LATENCY_DOCTOR: CommandSpec = CommandSpec {
    name: "doctor",
    arity: 2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Reports what took long, with advice",
        complexity: "O(1)",
        since: "2.8.13",
        group: "server",
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

/// Advice, and the events it helps against.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["command"],
        "Look at the slow log (SLOWLOG GET) for the commands that took so long; commandlog-execution-slower-than decides what enters it. Split values that one command has to read or delete as a whole.",
    ),
    (
        &["fast-command"],
        "Commands that should take microseconds took long: the system did not let the server run. Lower the machine's load, give the server cores of its own, and watch for neighbours on the same hardware.",
    ),
    (&["expire-cycle"], "Many keys expire at the same time. Spread their times to live, or raise hz, so that each round has less to do."),
    (&["eviction-cycle", "eviction-del"], "Memory has to be freed while clients wait. Raise maxmemory, or keep lazyfree-lazy-eviction on."),
];

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let events = context.shared.metrics.latency.all();
    let threshold_ms = context.config.latency_monitor_threshold;
    let mut text = String::new();
    if events.is_empty() && threshold_ms == 0 {
        text.push_str("The latency monitor is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n");
    } else if events.is_empty() {
        text.push_str(&format!("Nothing took {threshold_ms} milliseconds or more so far.\n"));
    } else {
        text.push_str("Some things took long:\n\n");
        let now_s = clock::unix_ms() / 1000;
        for (number, (name, event)) in events.iter().enumerate() {
            let analysis = event.analyse(now_s);
            text.push_str(&format!(
                "{}. {name}: {} spikes, {} ms on average (mean deviation {} ms), one every {:.2} s; the worst ever took {} ms.\n",
                number + 1,
                event.samples.len(),
                analysis.average,
                analysis.deviation,
                analysis.period_s as f64 / event.samples.len().max(1) as f64,
                event.max_ms,
            ));
        }
        let advice: Vec<&str> =
            ADVICE.iter().filter(|(names, _)| names.iter().any(|name| events.contains_key(name))).map(|(_, text)| *text).collect();
        if !advice.is_empty() {
            text.push_str("\nWhat may help:\n\n");
            advice.iter().for_each(|line| text.push_str(&format!("- {line}\n")));
        }
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
