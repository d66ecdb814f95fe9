//! What may run, by every way in which a command runs: at once by the short way or the long one, postponed, inside EXEC, on a thread of
//! its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;

use super::executor::Flow;
use super::testing::{Peer, cluster_node, lose_all_slots, node_with, plain_node, run_offloaded};
use crate::base::clock;
use crate::clients::bit;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::scope::{NotRun, hook};
use crate::engine::shared::Shared;
use crate::engine::spec::{CommandSpec, KeySpec, Locks, Run, SPEC, key_flag};
use crate::keyspace::key::{Key, ResolvedKey};

/// Pauses writes for so long that no test sees the end.
fn pause_writes(shared: &Shared) {
    shared.pause.begin(u64::MAX, false);
    shared.gate.advance();
}

fn keys_in(shared: &Shared) -> usize {
    shared.keyspace.db_size(0).0
}

/// A reason for a refusal: how it comes about, what is sent, how the answer begins, and whether it can come up at EXEC only.
struct Refusal {
    name: &'static str,
    options: &'static [&'static str],
    cause: fn(&mut Peer),
    request: &'static str,
    answer: &'static str,
    /// How EXEC answers if the cause comes up after the command was queued; none if it cannot.
    at_exec: Option<&'static str>,
}

fn refusals() -> Vec<Refusal> {
    let none: fn(&mut Peer) = |_| {};
    let refusal = |name, cause, request, answer, at_exec| Refusal { name, options: &[], cause, request, answer, at_exec };
    vec![
        Refusal {
            options: &["--requirepass", "secret"],
            ..refusal("authentication", |peer| peer.caller.set_authenticated(false), "set k v", "-NOAUTH", None)
        },
        refusal("unknown", none, "sett k v", "-ERR unknown command 'sett', with args beginning with: 'k' 'v'", None),
        refusal("unknown subcommand", none, "object sett k", "-ERR unknown subcommand 'sett'. Try OBJECT HELP.", None),
        refusal("arity", none, "get k v", "-ERR wrong number of arguments for 'get' command", None),
        refusal("arity of a container", none, "object", "-ERR wrong number of arguments for 'object' command", None),
        refusal("protected", none, "debug object k", "-ERR DEBUG command not allowed.", None),
        Refusal {
            options: &["--maxmemory", "1"],
            ..refusal("memory", none, "set k v", "-OOM command not allowed", Some("-OOM command not allowed"))
        },
        Refusal { options: &["--min-replicas-to-write", "1"], ..refusal("replicas", none, "set k v", "-NOREPLICAS", Some("-NOREPLICAS")) },
        refusal(
            "subscriber",
            |peer| {
                peer.session.subscriptions.shard_channels.insert("c".into());
            },
            "set k v",
            "-ERR Can't execute 'set': only",
            None,
        ),
        refusal("monitor", |peer| peer.session.monitor = true, "set k v", "-ERR Replica can't interact with the keyspace", None),
    ]
}

/// CONFIG SET of options as the command line takes them.
fn set_options(shared: &Arc<Shared>, options: &[&str]) {
    if !options.is_empty() {
        let settings: Vec<_> = options.iter().map(|option| option.trim_start_matches('-')).collect();
        Peer::new(shared).expect(&format!("config set {}", settings.join(" ")), "+OK");
    }
}

#[test]
fn a_refused_command_does_not_run_by_any_way() {
    for Refusal { name, options, cause, request, answer, at_exec } in refusals() {
        let mut peer = Peer::new(&plain_node(options));
        cause(&mut peer);
        for (way, run) in [("short", Peer::run as fn(&mut Peer, &str) -> (Flow, String)), ("long", Peer::run_long)] {
            let (flow, text) = run(&mut peer, request);
            assert_eq!(flow, Flow::Done, "{name}, {way}");
            assert!(text.starts_with(answer), "{name}, {way}: {text}");
        }
        // In a transaction: refused when it comes up, and again by EXEC.
        let mut peer = Peer::new(&plain_node(options));
        peer.expect("multi", "+OK");
        cause(&mut peer);
        let (_, text) = peer.run(request);
        assert!(text.starts_with(answer), "{name}, queued: {text}");
        let is_open = peer.session.multi.is_some();
        let (_, text) = peer.run("exec");
        let aborted = "-EXECABORT Transaction discarded because of";
        assert!(!is_open || text.starts_with(aborted) || text.starts_with(answer), "{name}, EXEC: {text}");
        assert_eq!(keys_in(&peer.shared), 0, "{name}");
        // A command that would run on a thread of its own does not get there.
        if request == "set k v" {
            let shared = plain_node(&[]);
            let mut peer = Peer::new(&shared);
            put_long_value(&mut peer, "long");
            set_options(&shared, options);
            cause(&mut peer);
            let answer = answer.replace("'set'", "'bitop'");
            let (flow, text) = peer.run("bitop not copy long");
            assert_eq!(flow, Flow::Done, "{name}, offloaded");
            assert!(text.starts_with(&answer), "{name}, offloaded: {text}");
            assert_eq!(keys_in(&shared), 1, "{name}, offloaded");
        }
        // It comes up between the queue and EXEC.
        if let Some(reason) = at_exec {
            let shared = plain_node(&[]);
            let mut peer = Peer::new(&shared);
            peer.expect("multi", "+OK");
            peer.expect(request, "+QUEUED");
            set_options(&shared, options);
            let (_, text) = peer.run("exec");
            let reason = reason.trim_start_matches('-');
            assert!(text.starts_with(&format!("-EXECABORT Transaction discarded because of: {reason}")), "{name}, at EXEC: {text}");
            assert!(peer.session.multi.is_none());
            assert_eq!(keys_in(&shared), 0, "{name}, at EXEC");
        }
    }
}

#[test]
fn a_command_not_for_transactions_makes_exec_fail() {
    let mut peer = Peer::new(&plain_node(&[]));
    peer.expect("multi", "+OK");
    peer.expect("watch k", "-ERR Command 'watch' not allowed inside a transaction");
    peer.expect("set k v", "+QUEUED");
    peer.expect("exec", "-EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(keys_in(&peer.shared), 0);
}

/// A value so long that commands which read all of it run on a thread of their own.
fn put_long_value(peer: &mut Peer, key: &str) {
    let value = vec![b'x'; 2 << 20];
    peer.run_words(&[b"set", key.as_bytes(), &value], true);
}

#[test]
fn a_slot_that_goes_between_check_and_lock_is_never_written() {
    let moved = "-MOVED 0 10.0.0.2:7000";
    // The key "06S" lies in slot 0.
    let fresh = || {
        let shared = cluster_node();
        let peer = Peer::new(&shared);
        (shared, peer)
    };
    let goes = |shared: &Arc<Shared>| {
        let shared = Arc::clone(shared);
        hook::once(move || lose_all_slots(&shared));
    };
    for short in [true, false] {
        let (shared, mut peer) = fresh();
        goes(&shared);
        let (flow, text) = peer.run_text("set 06S v", short);
        assert_eq!((flow, &*text), (Flow::Done, moved), "short: {short}");
        assert_eq!(keys_in(&shared), 0);
    }

    // Postponed: the stripe is held, the slot goes meanwhile, or when it is tried again.
    for at_once in [true, false] {
        let (shared, mut peer) = fresh();
        let held = shared.keyspace.lock(0);
        assert_eq!(peer.run("set 06S v").0, Flow::Busy(0));
        drop(held);
        if at_once {
            lose_all_slots(&shared)
        } else {
            goes(&shared)
        }
        assert_eq!(peer.run_long("set 06S v"), (Flow::Done, moved.into()));
        assert_eq!(keys_in(&shared), 0);
    }

    // On a thread of its own.
    for at_once in [true, false] {
        let (shared, mut peer) = fresh();
        put_long_value(&mut peer, "06S");
        let request = "bitop not {06S}copy 06S";
        let (Flow::Offload(number, generation), _) = peer.run(request) else { panic!("a long value") };
        if at_once {
            lose_all_slots(&shared)
        } else {
            goes(&shared)
        }
        assert_eq!(run_offloaded(&peer, request, number, generation).0, Err(NotRun::GateChanged));
        assert_eq!(peer.run_long(request), (Flow::Done, moved.into()));
        assert_eq!(keys_in(&shared), 1);
    }

    // EXEC.
    let (shared, mut peer) = fresh();
    peer.expect("multi", "+OK");
    peer.expect("set 06S v", "+QUEUED");
    goes(&shared);
    peer.expect("exec", moved);
    assert!(peer.session.multi.is_none());
    assert_eq!(keys_in(&shared), 0);
}

#[test]
fn a_pause_that_begins_between_check_and_lock_holds_writes_back() {
    let begins = |shared: &Arc<Shared>| {
        let shared = Arc::clone(shared);
        hook::once(move || pause_writes(&shared));
    };
    let waits = |(flow, _): (Flow, String)| matches!(flow, Flow::Wait(_));
    for short in [true, false] {
        let shared = plain_node(&[]);
        let mut peer = Peer::new(&shared);
        begins(&shared);
        assert!(waits(peer.run_text("set k v", short)), "short: {short}");
        assert_eq!(keys_in(&shared), 0);
        peer.expect("get k", "$-1");
    }
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    peer.expect("multi", "+OK");
    peer.expect("set k v", "+QUEUED");
    begins(&shared);
    assert!(waits(peer.run("exec")));
    assert!(peer.session.multi.is_some(), "it is tried again after the pause");
    assert_eq!(keys_in(&shared), 0);

    // A write on its way to another thread when CLIENT PAUSE answers changes nothing afterwards.
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    put_long_value(&mut peer, "long");
    let request = "bitop not copy long";
    let (Flow::Offload(number, generation), _) = peer.run(request) else { panic!("a long value") };
    pause_writes(&shared);
    assert_eq!(run_offloaded(&peer, request, number, generation).0, Err(NotRun::GateChanged));
    assert_eq!(keys_in(&shared), 1);
}

/// A stripe that was held for long may be so again soon: whoever has to visit each does so on a thread of its own for a while. RANDOMKEY
/// can do without any of them.
#[test]
fn a_random_key_is_found_on_its_worker_after_a_stripe_was_held_for_long() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    peer.expect("set only v", "+OK");
    shared.keyspace.note_long_hold(clock::monotonic_ms());
    assert!(matches!(peer.run("dbsize"), (Flow::Offload(..), _)));
    peer.expect("randomkey", "$4 only");
}

#[test]
fn an_offloaded_command_runs_when_nothing_changed() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    put_long_value(&mut peer, "long");
    let request = "bitop not copy long";
    let (Flow::Offload(number, generation), _) = peer.run(request) else { panic!("a long value") };
    let (result, text) = run_offloaded(&peer, request, number, generation);
    assert_eq!((result, &*text), (Ok(Ok(())), ":2097152\r\n"));
    assert_eq!(keys_in(&shared), 2);
}

/// What reads a long value takes references to its chunks and gives the stripe free before it computes; a transaction keeps it.
#[test]
fn a_long_value_is_read_without_its_stripe() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    put_long_value(&mut peer, "long");
    let stripe = shared.keyspace.place(b"long").stripe;
    let is_free = |peer: &mut Peer, keeps_locks: bool| {
        let config = shared.config.load();
        let worker = (&shared, &shared.workers[0]);
        let mut context = Context::new(worker, &config, &mut peer.caller, &mut peer.reply, crate::base::clock::Now::read(), usize::MAX);
        let resolved = ResolvedKey { place: shared.keyspace.place(b"long"), ..ResolvedKey::default() };
        context.keys.lock_keys(&[resolved]);
        context.keys.keeps_locks = keeps_locks;
        let key = Key::new(b"long", &resolved);
        context.with_string(key, |string| {
            assert_eq!(string.map(|string| string.len()), Some(2 << 20));
            shared.keyspace.try_lock(stripe).is_some()
        })
    };
    assert_eq!(is_free(&mut peer, false), Ok(true));
    assert_eq!(is_free(&mut peer, true), Ok(false));
}

/// A key that has expired but may not be deleted (a pause, later a replica) is replaced by a write; there never are two of a name.
#[test]
fn a_write_replaces_a_kept_expired_key() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    peer.expect("set k old px 1", "+OK");
    // Frozen, so that reading keeps it.
    shared.keyspace.settings.freeze(true);
    while peer.run("get k").1 != "$-1" {
        std::thread::yield_now();
    }
    assert_eq!(keys_in(&shared), 1, "it is kept");
    peer.expect("set k new", "+OK");
    assert_eq!(keys_in(&shared), 1);
    peer.expect("get k", "$3 new");
    peer.expect("del k", ":1");
    assert_eq!(keys_in(&shared), 0);
    peer.expect("get k", "$-1");
}

/// A refused EXEC, a RESET and an UNWATCH end while another thread holds the stripe of a watched key.
#[test]
fn watched_keys_are_forgotten_without_their_stripes() {
    for request in ["exec", "discard", "reset", "unwatch"] {
        let shared = plain_node(&[]);
        let mut peer = Peer::new(&shared);
        peer.expect("watch k", "+OK");
        if matches!(request, "exec" | "discard") {
            peer.expect("multi", "+OK");
        }
        let place = shared.keyspace.place(b"k");
        let held = shared.keyspace.lock(place.stripe);
        if request == "exec" {
            peer.run("exec too many words");
        } else {
            peer.run(request);
        }
        assert!(peer.session.watched.is_empty() && peer.session.multi.is_none(), "{request}");
        drop(held);
        // What the stripe still says of it is void.
        Peer::new(&shared).expect("set k v", "+OK");
        peer.expect("multi", "+OK");
        peer.expect("exec", "*0");
    }
}

#[test]
fn watchers_left_in_a_held_stripe_are_taken_out_later() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    peer.expect("watch k", "+OK");
    let stripe = shared.keyspace.place(b"k").stripe;
    let held = shared.keyspace.lock(stripe);
    peer.run("unwatch");
    shared.keyspace.forget_dead_watchers();
    assert_eq!(held.watched.len(), 1, "whoever holds the stripe is not waited for");
    drop(held);
    shared.keyspace.forget_dead_watchers();
    assert!(shared.keyspace.lock(stripe).watched.is_empty());
}

#[test]
fn watch_takes_a_key_once_and_exec_notices_its_change() {
    let shared = plain_node(&[]);
    let (mut peer, mut other) = (Peer::new(&shared), Peer::new(&shared));
    peer.expect("watch a b a", "+OK");
    peer.expect("watch b", "+OK");
    assert_eq!(peer.session.watched.len(), 2);
    other.expect("set b v", "+OK");
    peer.expect("multi", "+OK");
    peer.expect("set a v", "+QUEUED");
    peer.expect("exec", "*-1");
    peer.expect("watch a", "+OK");
    peer.expect("multi", "+OK");
    peer.expect("set a v", "+QUEUED");
    peer.expect("exec", "*1 +OK");
}

/// Each key was once compared with all before it, so that a hundred thousand took a minute.
#[test]
fn watching_looks_at_each_key_a_few_times_however_many_there_are() {
    const ROUNDS: usize = 50;
    const KEYS: usize = 100;
    let mut peer = Peer::new(&plain_node(&[]));
    for round in 0..ROUNDS {
        let keys: Vec<String> = (0..KEYS).map(|key| format!("{round}:{key}")).collect();
        peer.expect(&format!("watch {}", keys.join(" ")), "+OK");
    }
    assert_eq!(peer.session.watched.len(), ROUNDS * KEYS);
    peer.expect("multi", "+OK");
    peer.expect("set k v", "+QUEUED");
    peer.expect("exec", "*1 +OK");
    let looks = peer.session.watched.looks.get();
    assert!(looks <= 3 * ROUNDS * KEYS, "{looks}");
}

#[test]
fn a_command_that_finds_that_it_takes_long_runs_elsewhere_and_counts_once() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    let elements: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    let mut push: Vec<&[u8]> = vec![b"rpush", b"l"];
    push.extend(elements.iter().map(|element| element.as_bytes()));
    assert!(peer.call(&push).is_some());
    let hits = |shared: &Shared| shared.keyspace.stats().hits;
    for knows_key in [true, false] {
        assert_eq!(peer.run_words(&[b"lrange", b"l", b"0", b"9"], knows_key), if knows_key { Flow::Plain } else { Flow::Done });
        let before = hits(&shared);
        let Flow::Offload(number, generation) = peer.run_words(&[b"lrange", b"l", b"0", b"-1"], knows_key) else {
            panic!("so many elements take long");
        };
        assert!(peer.reply.is_empty());
        let (result, reply) = run_offloaded(&peer, "lrange l 0 -1", number, generation);
        assert_eq!((result, reply.starts_with("*5000\r\n")), (Ok(Ok(())), true));
        assert_eq!(hits(&shared), before + 1);
    }
    let before = hits(&shared);
    assert!(matches!(peer.run_words(&[b"lpop", b"l", b"4500"], true), Flow::Offload(..)));
    assert_eq!(hits(&shared), before, "who writes reads nothing");
    peer.expect("multi", "+OK");
    peer.expect("lrange l 0 -1", "+QUEUED");
    assert!(peer.call(&[b"exec"]).is_some_and(|reply| reply.starts_with(b"*1\r\n*5000\r\n")), "a transaction holds its stripes");
}

static READS_TOO_MUCH: CommandSpec = CommandSpec {
    name: "reads_too_much",
    arity: -2,
    locks: Locks::Keys,
    run: Run::Data(reads_too_much),
    keys: &[KeySpec::one(1, key_flag::RO)],
    ..SPEC
};
static UNNAMED: CommandSpec = CommandSpec { name: "unnamed", arity: -2, run: Run::Data(unnamed), ..SPEC };

/// Asks for a second key, of which its specification says nothing.
fn reads_too_much(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.keys.read(args.key(0)?);
    context.keys.read(args.key(1)?);
    context.reply.ok();
    Ok(())
}

/// Asks for a key though it holds nothing.
fn unnamed(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    context.keys.read(args.key(0)?);
    context.reply.ok();
    Ok(())
}

#[test]
fn a_specification_that_disagrees_with_its_execution_is_an_error_reply() {
    let shared =
        node_with(&[], &[&[&READS_TOO_MUCH, &UNNAMED], crate::commands::string::COMMANDS, crate::commands::transaction::COMMANDS], None);
    let mut peer = Peer::new(&shared);
    let error = "-ERR internal error: the command's keys are not those of its specification";
    peer.expect("reads_too_much a b", error);
    peer.expect("unnamed a", error);
    peer.expect("multi", "+OK");
    peer.expect("reads_too_much a b", "+QUEUED");
    peer.expect("set k v", "+QUEUED");
    peer.expect("exec", &format!("*2 {error} +OK"));
    peer.expect("get k", "$1 v");
    assert_eq!(shared.counters.internal_errors.load(Ordering::Relaxed), 3);
}

/// Keeps the errors of which the log is told.
#[derive(Clone, Default)]
struct ErrorLines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for ErrorLines {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            let mut text = String::new();
            event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| text = format!("{value:?}"));
            self.0.lock().push(text);
        }
    }
}

/// Clients can repeat it as often as they like: each time is counted, and the log tells of each command once.
#[test]
fn a_specification_that_disagrees_with_its_execution_is_logged_once_for_each_command() {
    let shared = node_with(&[], &[&[&READS_TOO_MUCH, &UNNAMED], crate::commands::transaction::COMMANDS], None);
    let mut peer = Peer::new(&shared);
    let lines = ErrorLines::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines.clone()), || {
        for _ in 0..3 {
            for request in ["reads_too_much a b", "unnamed a", "multi", "unnamed a", "reads_too_much a b", "exec"] {
                peer.run(request);
            }
        }
        // Another client, after the counters were set to zero.
        shared.counters.reset();
        Peer::new(&shared).run("unnamed a");
    });
    assert_eq!(shared.counters.internal_errors.load(Ordering::Relaxed), 1);
    let line = |name: &str| format!("a bug in command '{name}': its keys are not those of its specification; it is answered with an error");
    assert_eq!(*lines.0.lock(), [line("reads_too_much"), line("unnamed")]);
}

/// Counts wake-ups, and how many stripes were held when they came.
#[derive(Default)]
struct Woken {
    count: AtomicUsize,
    under_lock: AtomicUsize,
    shared: std::sync::OnceLock<Arc<Shared>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let shared = self.shared.get().expect("set by the test");
        let held = (0..shared.keyspace.stripes() as u32).filter(|number| shared.keyspace.try_lock(*number).is_none()).count();
        self.under_lock.fetch_add(held, Ordering::Relaxed);
    }
}

/// Messages enter the outboxes while the stripes are held, in the order of the changes; their receivers are woken afterwards.
#[test]
fn nobody_is_woken_under_a_lock() {
    let shared = plain_node(&["--notify-keyspace-events", "KEA"]);
    let woken = Arc::new(Woken::default());
    woken.shared.set(Arc::clone(&shared)).unwrap_or_else(|_| unreachable!("once"));
    let mut listener = Peer::new(&shared);
    listener.caller.client.outbox.register(&Waker::from(Arc::clone(&woken)));
    listener.run("psubscribe *");
    let mut monitor = Peer::new(&shared);
    monitor.caller.client.outbox.register(&Waker::from(Arc::clone(&woken)));
    monitor.expect("monitor", "+OK");

    let mut peer = Peer::new(&shared);
    peer.expect("set k v", "+OK");
    peer.expect("multi", "+OK");
    for request in ["set k v", "publish c m", "del k"] {
        peer.expect(request, "+QUEUED");
    }
    peer.expect("exec", "*3 +OK :1 :1");
    assert!(woken.count.load(Ordering::Relaxed) >= 2);
    assert_eq!(woken.under_lock.load(Ordering::Relaxed), 0);
    let messages: Vec<u8> = listener.caller.client.outbox.take().into_iter().flat_map(|message| message.bytes).collect();
    let messages = String::from_utf8_lossy(&messages).into_owned();
    let at = |text: &str| messages.find(text).unwrap_or_else(|| panic!("{text} in {messages}"));
    assert!(at("__keyevent@0__:set") < at("__keyevent@0__:del"));
    assert!(!listener.caller.client.has(bit::CLOSE_ASAP));
}

/// Two threads change one key at the same time: who listens hears of the changes in their order.
#[test]
fn notifications_of_a_key_come_in_the_order_of_its_changes() {
    let shared = plain_node(&["--notify-keyspace-events", "Kg$"]);
    let mut listener = Peer::new(&shared);
    listener.run("subscribe __keyspace@0__:k");
    std::thread::scope(|scope| {
        for request in ["set k v", "del k"] {
            let shared = Arc::clone(&shared);
            scope.spawn(move || {
                let mut peer = Peer::new(&shared);
                (0..2000).for_each(|_| while matches!(peer.run(request).0, Flow::Busy(_)) {});
            });
        }
    });
    let messages: Vec<u8> = listener.caller.client.outbox.take().into_iter().flat_map(|message| message.bytes).collect();
    let text = String::from_utf8_lossy(&messages).into_owned();
    // A DEL that finds nothing tells nothing: two in a row mean that the order is not that of the changes.
    let names: Vec<&str> = text.lines().filter(|line| matches!(*line, "set" | "del")).collect();
    assert!(names.len() > 2000, "{}", names.len());
    assert!(!names.windows(2).any(|pair| pair == ["del", "del"]));
}

#[test]
fn a_reply_that_would_never_end_has_a_bound_and_its_client_goes_on_in_process() {
    let mut peer = Peer::new(&plain_node(&[]));
    assert!(peer.call(&[b"hello", b"3"]).is_some());
    peer.expect("zadd z 1 member", ":1");
    peer.expect("multi", "+OK");
    peer.expect("zrandmember z -9223372036854775807", "+QUEUED");
    assert_eq!(peer.call(&[b"exec"]), None);
    assert_eq!(peer.call(&[b"get", b"none"]).as_deref(), Some(&b"_\r\n"[..]), "it speaks RESP3 as before");
}
