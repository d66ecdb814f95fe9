//! A stripe that another thread holds for long: who must wait for it waits, and the worker serves all others meanwhile. Over sockets, since
//! in one thread a worker that stands still would be the test itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::testing::{LiveNode, cluster_node, node_with, plain_node, wait_until};
use crate::base::limits::OFFLOAD_STEPS_MIN;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::shared::Shared;
use crate::engine::spec::{CommandSpec, Effort, KeySpec, Locks, Place, Run, SPEC, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::key_mut::Expiry;

/// Sends a request of words.
fn send(client: &mut TcpStream, request: &str) {
    client.write_all(format!("{request}\r\n").as_bytes()).expect("the node reads");
}

/// The next bytes that arrive must be these.
fn expect(client: &mut TcpStream, reply: &str, what: &str) {
    let mut got = vec![0; reply.len()];
    client.read_exact(&mut got).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(String::from_utf8_lossy(&got), reply, "{what}");
}

/// Nothing has arrived, although the worker has dealt with all that was sent and serves others.
fn expect_nothing(live: &LiveNode, client: &mut TcpStream, what: &str) {
    live.settle();
    client.set_nonblocking(true).expect("a socket");
    let read = client.read(&mut [0; 1]);
    client.set_nonblocking(false).expect("a socket");
    assert_eq!(read.expect_err(what).kind(), std::io::ErrorKind::WouldBlock, "{what}");
}

static WRITES_SLOWLY: CommandSpec = CommandSpec {
    name: "writes_slowly",
    arity: 2,
    flags: flag::WRITE,
    locks: Locks::Keys,
    place: Place::Offload(Effort::Times(OFFLOAD_STEPS_MIN)),
    run: Run::Data(writes_slowly),
    keys: &[KeySpec::one(1, key_flag::RW)],
    ..SPEC
};

/// That command has its stripe, and has changed nothing yet.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
/// It goes on when it gets this.
static MAY_END: Mutex<()> = Mutex::new(());

fn writes_slowly(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    HAS_BEGUN.store(true, Ordering::Release);
    drop(MAY_END.lock());
    let mut key = context.keys.open(args.key(0)?);
    key.set_text(b"new", Expiry::Clear);
    key.change_event(class::STRING, "set");
    drop(key);
    context.reply.ok();
    Ok(())
}

/// Whoever has the `+OK` of CLIENT PAUSE may rely on it that nothing changes from then on, by nobody.
#[test]
fn client_pause_answers_when_a_write_under_way_on_another_thread_has_ended() {
    let mut families = crate::commands::FAMILIES.to_vec();
    let own: &[&CommandSpec] = &[&WRITES_SLOWLY];
    families.push(own);
    let live = LiveNode::start(node_with(&[], &families, None), true);
    let (mut writer, mut pauser) = (live.connect(), live.connect());
    send(&mut writer, "SET k old");
    expect(&mut writer, "+OK\r\n", "SET");
    let kept = MAY_END.lock();
    send(&mut writer, "WRITES_SLOWLY k");
    wait_until("the write has its stripe", || HAS_BEGUN.load(Ordering::Acquire));

    send(&mut pauser, "CLIENT PAUSE 1000000 WRITE");
    expect_nothing(&live, &mut pauser, "CLIENT PAUSE while a write is under way");
    drop(kept);
    expect(&mut pauser, "+OK\r\n", "CLIENT PAUSE after it");
    // Its own reply may still be on its way. What it changed is there.
    assert_eq!(value_of_k(&live.shared).as_deref(), Some(&b"new"[..]));
    expect(&mut writer, "+OK\r\n", "the write");
}

fn value_of_k(shared: &Shared) -> Option<Vec<u8>> {
    let place = shared.keyspace.place(b"k");
    let stripe = shared.keyspace.lock(place.stripe);
    stripe.find(shared.keyspace.table_number(0, place), place.hash, b"k").map(crate::keyspace::string_value::to_vec)
}

/// What is asked of a node whose keys' stripe is held, and what it answers at once.
struct Case {
    name: &'static str,
    before: &'static [(&'static str, &'static str)],
    request: &'static str,
    /// What arrives while the stripe is held.
    at_once: &'static str,
    /// What arrives once it is free.
    later: &'static str,
}

fn check(node: fn() -> Arc<Shared>, cases: &[Case]) {
    for Case { name, before, request, at_once, later } in cases {
        let live = LiveNode::start(node(), true);
        let mut client = live.connect();
        for (request, reply) in *before {
            send(&mut client, request);
            expect(&mut client, reply, name);
        }
        let held = live.shared.keyspace.lock(live.shared.keyspace.place(b"06S").stripe);
        send(&mut client, request);
        expect(&mut client, at_once, name);
        expect_nothing(&live, &mut client, name);
        drop(held);
        expect(&mut client, later, name);
    }
}

#[test]
fn a_transaction_that_does_not_run_forgets_watched_keys_without_waiting_for_their_stripes() {
    const BEFORE: &[(&str, &str)] = &[("WATCH 06S", "+OK\r\n"), ("MULTI", "+OK\r\n")];
    const REFUSED: &[(&str, &str)] =
        &[("WATCH 06S", "+OK\r\n"), ("MULTI", "+OK\r\n"), ("GET", "-ERR wrong number of arguments for 'get' command\r\n")];
    let case = |name, before, request, at_once| Case { name, before, request, at_once, later: "" };
    let arity = "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
    check(
        || plain_node(&[]),
        &[
            case("EXEC of too many words", BEFORE, "EXEC 1", arity),
            case("DISCARD", BEFORE, "DISCARD", "+OK\r\n"),
            case("RESET", BEFORE, "RESET", "+RESET\r\n"),
            case("UNWATCH", &BEFORE[..1], "UNWATCH", "+OK\r\n"),
        ],
    );
    // Of what was refused before nothing runs, but the watched keys are looked at once more: it waits, and nobody with it.
    let aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    let waits = Case { name: "EXEC of a refused command", before: REFUSED, request: "EXEC", at_once: "", later: aborted };
    check(|| plain_node(&[]), &[waits]);
}

#[test]
fn cluster_reset_and_flushslots_look_for_keys_and_serve_others_while_a_stripe_is_held() {
    let case = |name, before, request, later| Case { name, before, request, at_once: "", later };
    const SET: &[(&str, &str)] = &[("SET 06S v", "+OK\r\n")];
    let has_keys = "-ERR CLUSTER RESET can't be called with master nodes containing keys\r\n";
    check(
        cluster_node,
        &[
            case("RESET of an empty node", &[], "CLUSTER RESET", "+OK\r\n"),
            case("RESET of one with keys", SET, "CLUSTER RESET SOFT", has_keys),
            case("FLUSHSLOTS of one with keys", SET, "CLUSTER FLUSHSLOTS", "-ERR DB must be empty to perform CLUSTER FLUSHSLOTS.\r\n"),
        ],
    );
}

/// Each by the way that its command has: the request waits by itself, on its worker or on a thread that serves nobody else.
#[test]
fn who_needs_a_stripe_that_is_held_waits_alone() {
    const SET: &[(&str, &str)] = &[("SET 06S v", "+OK\r\n")];
    const QUEUED: &[(&str, &str)] = &[SET[0], ("MULTI", "+OK\r\n"), ("GET 06S", "+QUEUED\r\n")];
    let case = |before, request, later| Case { name: request, before, request, at_once: "", later };
    let everywhere = [
        case(SET, "GET 06S", "$1\r\nv\r\n"),
        case(SET, "MGET none 06S", "*2\r\n$-1\r\n$1\r\nv\r\n"),
        case(SET, "KEYS *", "*1\r\n$3\r\n06S\r\n"),
        case(SET, "DBSIZE", ":1\r\n"),
        case(SET, "SCAN 0 COUNT 1000", "*2\r\n$1\r\n0\r\n*1\r\n$3\r\n06S\r\n"),
        case(SET, "FLUSHALL", "+OK\r\n"),
        case(SET, "CLIENT PAUSE 1000000 WRITE", "+OK\r\n"),
        case(QUEUED, "EXEC", "*1\r\n$1\r\nv\r\n"),
    ];
    check(|| plain_node(&[]), &everywhere);
    let in_a_cluster = [
        case(SET, "CLUSTER COUNTKEYSINSLOT 0", ":1\r\n"),
        case(SET, "CLUSTER GETKEYSINSLOT 0 10", "*1\r\n$3\r\n06S\r\n"),
        case(SET, "KEYS {06S}*", "*0\r\n"),
    ];
    check(cluster_node, &in_a_cluster);
}
