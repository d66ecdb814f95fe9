//! Calls that have one place: what must happen for every command is written where every command passes, and a second place would be
//! forgotten by the next feature.

use crate::tidy::{rust_files, without_tests};

const CALLED_BY_SCOPE: &str = "a command's function is called by the scope: who takes it out of its specification would call it";

const NO_TIMERS: &str = "a worker's runtime has no timers: what sleeps on it does so by `base::timers`, or ends the process";

/// How a specification names its function: the one other way to write a [`Run`](larder::engine::spec::Run).
const NAMING: &str = "run: Run::";

/// A piece of code, the only files that may contain it (in front of their tests), and why.
const PLACES: &[(&str, &[&str], &str)] = &[
    (
        "spec.run",
        &["src/engine/scope.rs", "src/engine/blocking.rs", "src/engine/gate.rs", "src/engine/table.rs"],
        "a command's function is called by the scope, and for a client that waits; the gate asks for containers, the table for commands on one key",
    ),
    (
        "::exec(",
        &["src/commands/server/debug/mod.rs"],
        "as above, by its name: a twin calls what both share (the parts of DEBUG are no commands)",
    ),
    ("spec::Run::", &[], CALLED_BY_SCOPE),
    (".single_key", &["src/engine/scope.rs", "src/engine/table.rs"], CALLED_BY_SCOPE),
    ("Run::Data(", &["src/engine/scope.rs", "src/engine/table.rs", "src/engine/command.rs"], CALLED_BY_SCOPE),
    ("Run::Session(", &["src/engine/scope.rs", "src/engine/command.rs"], CALLED_BY_SCOPE),
    ("Run::Async(", &["src/engine/scope.rs", "src/engine/command.rs"], CALLED_BY_SCOPE),
    ("Run::Sweep(", &["src/engine/scope.rs", "src/engine/command.rs"], CALLED_BY_SCOPE),
    ("Run::Blocking(", &["src/engine/scope.rs", "src/engine/blocking.rs", "src/engine/command.rs"], CALLED_BY_SCOPE),
    ("StartSweep", &["src/engine/command.rs", "src/engine/spec.rs", "src/engine/sweep.rs"], "a sweep is begun in one file"),
    ("sweep::run", &["src/engine/scope.rs"], "sweeps are commands: the scope has them run"),
    (
        ".keys_by_hand",
        &["src/engine/key_flags.rs", "src/engine/table.rs"],
        "who wants to know a command's keys asks there, who locks them its row",
    ),
    (".is_secret", &["src/engine/redact.rs"], "what logs and MONITOR may show is asked there"),
    ("REFUSALS", &["src/engine/gate.rs"], "whether a command may run is asked of the gate"),
    (
        ".commit(",
        &["src/keyspace/locks.rs", "src/cluster/store.rs"],
        "changes are committed when their stripes are released (the control plane's store commits transactions of its own)",
    ),
    (
        ".unlock()",
        &["src/keyspace/locks.rs", "src/keyspace/expire.rs", "src/keyspace/evict.rs", "src/engine/scope.rs", "src/engine/blocking.rs"],
        "who runs commands, and the sweeps that need none, release stripes; a command never does",
    ),
    (
        ".is_alive(",
        &["src/keyspace/access.rs", "src/keyspace/databases.rs", "src/keyspace/random_key.rs", "src/keyspace/scan.rs"],
        "lookups, walks and whole databases ask who is alive; everybody else goes through them",
    ),
    ("::is_alive", &[], "as above, by another spelling"),
    ("run_locked", &["src/engine/scope.rs", "src/commands/transaction/exec.rs"], "it asks neither the gate nor the generation: EXEC did"),
    ("ChangeSink::commit", &[], "as `.commit(`, by another spelling"),
    ("expired_before_ms", &["src/keyspace/liveness.rs"], "an expiry is compared with the time in one place"),
    ("SystemTime::now", &["src/base/clock.rs"], "the time comes from the clock, so that it can be an argument"),
    (
        "tokio::time",
        &[
            "src/base/timers.rs",
            "src/cluster/timing.rs",
            "src/node/background.rs",
            "src/node/finish.rs",
            "src/replication/feed.rs",
            "src/replication/thread.rs",
        ],
        NO_TIMERS,
    ),
    ("tokio::{", &[], "tokio's modules are named one by one, so that this list finds those that a worker does not have"),
    ("enable_time", &[], NO_TIMERS),
    (
        "enable_all",
        &["src/base/timers.rs", "src/cluster/mod.rs", "src/node/start.rs", "src/replication/thread.rs"],
        "a thread that serves no clients has tokio's timers; a worker has none",
    ),
];

/// Where `places` are not kept: by file name and text.
fn strays(places: &[(&str, &[&str], &str)], files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files {
        let code = without_tests(text);
        let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in lines {
            let line = line.replace(NAMING, "run: ");
            for (needle, allowed, why) in places {
                if line.contains(needle) && !allowed.contains(&name.as_str()) {
                    found.push(format!("{name}:{}: `{needle}`: {why}", number + 1));
                }
            }
        }
    }
    found
}

#[test]
fn some_calls_have_one_place() {
    // Test modules in files of their own may do what they test.
    let is_test = |name: &str| name.ends_with("tests.rs") || name.ends_with("/testing.rs");
    let files: Vec<_> = rust_files(&["src"]).into_iter().filter(|(name, _)| !is_test(name)).collect();
    let found = strays(PLACES, &files);
    assert!(found.is_empty(), "calls that belong elsewhere:\n{}", found.join("\n"));
    for (needle, allowed, _) in PLACES {
        for file in *allowed {
            let (_, text) = files.iter().find(|(name, _)| name == file).unwrap_or_else(|| panic!("{file} is gone"));
            assert!(text.contains(needle), "{file} no longer contains `{needle}`: take it off the list");
        }
    }
}

#[test]
fn a_planted_second_place_is_found() {
    for (planted, needle) in [
        ("let again = row.spec.run;", "spec.run"),
        ("super::get::exec(context, args)", "::exec("),
        ("use crate::engine::spec::Run::Data as Function;", "spec::Run::"),
        ("if let Some(execute) = row.single_key {", ".single_key"),
        ("if let Run::Data(run) = GET.run { return run(context, args) }", "Run::Data("),
        ("Run::Session(run) => run(context, session, args),", "Run::Session("),
        ("(Run::Async(run, _), _) => run(context, session, args).await,", "Run::Async("),
        ("let Run::Sweep(start) = function else { return };", "Run::Sweep("),
        ("if let Run::Blocking(attempt) = run {", "Run::Blocking("),
        ("fn begin(start: StartSweep) {", "StartSweep"),
        ("sweep::run_at_once(context, start, args)", "sweep::run"),
        ("let by_hand = spec.keys_by_hand;", ".keys_by_hand"),
        ("row.spec.is_secret.is_some()", ".is_secret"),
        ("sink.commit(notify, &mut changes);", ".commit("),
        ("if liveness.is_alive(entry) {", ".is_alive("),
        ("for (_, refuse) in gate::REFUSALS {", "REFUSALS"),
        ("entries.filter(Liveness::is_alive)", "::is_alive"),
        ("scope::run_locked(context, session, row, &args, ticks);", "run_locked"),
        ("ChangeSink::commit(sink, notify, &mut changes);", "ChangeSink::commit"),
        ("tokio::time::sleep(PAUSE).await;", "tokio::time"),
        ("use tokio::time::{Instant, timeout};", "tokio::time"),
        ("use tokio::{sync::Notify, time};", "tokio::{"),
        ("let runtime = Builder::new_current_thread().enable_time().build()?;", "enable_time"),
        ("let runtime = Builder::new_current_thread().enable_all().build()?;", "enable_all"),
    ] {
        let text = format!("//! A page.\nfn f() {{\n    {planted}\n}}\n");
        let found = strays(PLACES, &[("src/commands/planted.rs".to_owned(), text.clone())]);
        assert_eq!(found.len(), 1, "{planted}");
        assert!(found[0].starts_with(&format!("src/commands/planted.rs:3: `{needle}`")), "{found:?}");
        let in_test = format!("//! A page.\n\n#[cfg(test)]\nmod tests {{\n{text}\n}}\n");
        assert!(strays(PLACES, &[("src/commands/planted.rs".to_owned(), in_test)]).is_empty());
    }
}
