//! What clients see of a worker, over sockets.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::testing::{LiveNode, node_with, wait_until};
use crate::base::rng::Rng;
use crate::config::AppendFsync;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::replication_state::LogUser;
use crate::engine::rewriting;
use crate::engine::spec::{CommandSpec, Run, SPEC};
use crate::persist::aof::part::Part;
use crate::persist::files::Files as _;
use crate::persist::files::faulty::FaultyFiles;

static NEEDS: CommandSpec = CommandSpec { name: "needs", arity: 2, run: Run::Data(needs), ..SPEC };

/// NEEDS offset: a reply that depends on an offset of the write log.
fn needs(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let offset = std::str::from_utf8(args[1]).ok().and_then(|text| text.parse().ok()).expect("an offset");
    context.keys.required_offset = context.keys.required_offset.max(offset);
    context.reply.bulk(args[1]);
    Ok(())
}

fn node() -> LiveNode {
    node_that_gathers(true)
}

fn node_that_gathers(gathers: bool) -> LiveNode {
    let mut families = crate::commands::FAMILIES.to_vec();
    let own: &[&CommandSpec] = &[&NEEDS];
    families.push(own);
    LiveNode::start(node_with(&[], &families, None), gathers)
}

/// What a client sends, what the log reaches meanwhile, and what has arrived then.
enum Act {
    Send(&'static str),
    Publish(&'static str, u64),
    Durable(u64),
    Arrives(&'static str),
}

#[test]
fn replies_and_messages_leave_in_order_when_what_they_depend_on_is_durable() {
    use Act::{Arrives, Durable, Publish, Send};
    let cases: &[(&str, &[Act])] = &[
        ("nothing to wait for", &[Send("NEEDS 0\r\nPING\r\n"), Arrives("$1\r\n0\r\n+PONG\r\n")]),
        (
            "what comes before leaves at once, what comes behind waits",
            &[
                Send("PING\r\n"),
                Arrives("+PONG\r\n"),
                Send("NEEDS 5\r\n"),
                Send("PING\r\n"),
                Durable(4),
                Send("PING\r\n"),
                Arrives(""),
                Durable(5),
                Arrives("$1\r\n5\r\n+PONG\r\n+PONG\r\n"),
            ],
        ),
        (
            "span by span",
            &[
                Send("NEEDS 10\r\n"),
                Arrives(""),
                Send("NEEDS 20\r\n"),
                Arrives(""),
                Send("NEEDS 15\r\n"),
                Arrives(""),
                Durable(12),
                Arrives("$2\r\n10\r\n"),
                Durable(19),
                Arrives(""),
                Durable(20),
                Arrives("$2\r\n20\r\n$2\r\n15\r\n"),
            ],
        ),
        (
            "messages",
            &[
                Send("SUBSCRIBE c\r\n"),
                Arrives("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
                Publish("held", 30),
                Publish("behind", 0),
                Arrives(""),
                Durable(30),
                Arrives("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\nheld\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$6\r\nbehind\r\n"),
            ],
        ),
        ("the end waits, too", &[Send("NEEDS 40\r\nQUIT\r\n"), Arrives(""), Durable(40), Arrives("$2\r\n40\r\n+OK\r\n")]),
    ];
    let live = node();
    for (name, acts) in cases {
        let mut client = live.connect();
        for act in *acts {
            match act {
                Send(request) => client.write_all(request.as_bytes()).expect("the node reads"),
                Publish(payload, offset) => {
                    let wake = &mut |waker: std::task::Waker| waker.wake();
                    assert_eq!(live.shared.pubsub.publish(b"c", payload.as_bytes(), *offset, wake), 1, "{name}");
                }
                Durable(offset) => live.shared.durable.advance(*offset),
                Arrives("") => {
                    // All that was sent is answered before the worker goes back to sleep; only then could something have arrived.
                    live.settle();
                    client.set_nonblocking(true).expect("a socket");
                    let read = client.read(&mut [0; 1]);
                    assert_eq!(read.expect_err(name).kind(), std::io::ErrorKind::WouldBlock, "{name}");
                    client.set_nonblocking(false).expect("a socket");
                }
                Arrives(expected) => {
                    let mut got = vec![0; expected.len()];
                    client.read_exact(&mut got).expect(name);
                    assert_eq!(String::from_utf8_lossy(&got), *expected, "{name}");
                }
            }
        }
    }
}

/// Nobody flushes to the disk here: so everything is held, and what makes the second write reach the file is its own client's wish alone.
#[test]
fn what_comes_behind_something_held_is_written_as_well() {
    let live = node();
    let (shared, file) = (&live.shared, FaultyFiles::default().create(Path::new("part")).expect("there is room"));
    shared.aof.set_options(AppendFsync::Always, false, false);
    shared.set_logging(LogUser::Aof, true, |log| {
        let (reader, from) = log.read_from_end(true);
        let header = rewriting::part_header(shared);
        shared.aof.begin(Part::new(file, header), reader, from, true);
    });
    let mut client = live.connect();
    for request in ["SET a 1\r\n", "SET b 2\r\n"] {
        let before = shared.write_log.end();
        client.write_all(request.as_bytes()).expect("the node reads");
        wait_until("it is in the log", || shared.write_log.end() > before);
        live.settle();
        assert_eq!(shared.aof.waiting_bytes(), 0, "{request}");
    }
    client.set_nonblocking(true).expect("a socket");
    assert_eq!(client.read(&mut [0; 1]).expect_err("both are held").kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_worker_sleeps_while_output_is_held_and_serves_others() {
    /// Far more than a sleeping worker runs meanwhile, far less than one that spins.
    const ROUNDS_MAX: u64 = 1000;
    let live = node();
    let mut holders: Vec<_> = (0..4).map(|_| live.connect()).collect();
    for (number, holder) in holders.iter_mut().enumerate() {
        let request = ["NEEDS 5\r\n", "NEEDS 5\r\nQUIT\r\n", "CLIENT PAUSE 0\r\nNEEDS 5\r\n", "GET k\r\nNEEDS 5\r\nGET k\r\n"][number];
        holder.write_all(request.as_bytes()).expect("the node reads");
    }
    let held = || live.shared.clients.all().iter().filter(|client| client.pending_output() > 0).count();
    wait_until("all hold a reply, which counts as pending output", || held() == holders.len());
    let rounds = || live.shared.workers[0].cycles.load(Ordering::Relaxed);
    let before = rounds();
    std::thread::sleep(Duration::from_millis(100));
    assert!(rounds() - before < ROUNDS_MAX, "{} rounds", rounds() - before);
    let mut other = live.connect();
    other.write_all(b"PING\r\n").expect("the node reads");
    other.read_exact(&mut [0; 7]).expect("a reply");
    live.shared.durable.advance(5);
    for mut holder in holders {
        let mut got = [0; 5];
        holder.read_exact(&mut got).expect("a reply");
    }
    wait_until("nothing waits", || held() == 0);
}

#[test]
fn much_held_output_stops_a_client_until_it_may_leave() {
    let live = node();
    let value = "x".repeat(64 * 1024);
    let mut client = live.connect();
    client.write_all(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n", value.len()).as_bytes()).expect("the node reads");
    client.read_exact(&mut [0; 5]).expect("+OK");
    // Each batch takes in one read; those of a stopped client are not run.
    client.write_all(b"NEEDS 7\r\n").expect("the node reads");
    const GETS: usize = 1000;
    let mut sender = client.try_clone().expect("a socket");
    let sending = std::thread::spawn(move || sender.write_all("GET k\r\n".repeat(GETS).as_bytes()).expect("the node reads"));
    let pending = || live.shared.clients.all()[0].pending_output();
    wait_until("it is stopped", || pending() > crate::base::limits::HELD_LEN_MAX as u64);
    live.settle();
    // A batch and what was read with it at most.
    assert!(pending() < 16 * 1024 * 1024, "{} bytes are held", pending());
    live.shared.durable.advance(7);
    let mut got = vec![0; 7 + GETS * (value.len() + 10)];
    client.read_exact(&mut got).expect("all replies");
    sending.join().expect("all was sent");
    assert!(got.ends_with(b"x\r\n"));
}

#[test]
fn a_client_that_goes_while_its_output_is_held_is_forgotten() {
    let live = node();
    let mut client = live.connect();
    client.write_all(b"NEEDS 9\r\n").expect("the node reads");
    wait_until("it holds its reply", || live.shared.clients.all().first().is_some_and(|client| client.pending_output() > 0));
    let held = Arc::downgrade(&live.shared.clients.all()[0]);
    drop(client);
    wait_until("nothing is left of it", || held.upgrade().is_none());
    live.shared.durable.advance(9);
}

/// What `CLIENTS` clients, which are ready together, send in one round, and what each is answered in all rounds.
fn transcripts(gathers: bool, seed: u64) -> Vec<Vec<u8>> {
    const CLIENTS: usize = 24;
    const ROUNDS: usize = 30;
    let live = node_that_gathers(gathers);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| live.connect()).collect();
    let mut replies = vec![Vec::new(); CLIENTS];
    let mut rng = Rng::new(seed);
    for round in 0..ROUNDS {
        for (number, client) in clients.iter_mut().enumerate() {
            let mut requests = String::new();
            for _ in 0..rng.below(6) {
                let key = format!("{number}:{}", rng.below(3));
                requests += &match rng.below(9) {
                    0 => format!("SET {key} {round}\r\n"),
                    1 => format!("APPEND {key} {round}\r\n"),
                    2 => format!("INCR {key}\r\n"),
                    3 => format!("GET {key}\r\n"),
                    4 => format!("MULTI\r\nSET {key} m\r\nGET {key}\r\nEXEC\r\n"),
                    5 => format!("SELECT {}\r\n", rng.below(2)),
                    6 => format!("DEL {key} {number}:0\r\n"),
                    7 => "GET\r\nNOTHING\r\n".to_owned(),
                    _ => format!("CLIENT REPLY SKIP\r\nSET {key} s\r\nOBJECT ENCODING {key}\r\n"),
                };
            }
            client.write_all(format!("{requests}ECHO end-of-round\r\n").as_bytes()).expect("the node reads");
        }
        for (client, replies) in clients.iter_mut().zip(&mut replies) {
            let mut chunk = [0; 4096];
            while !replies.ends_with(b"end-of-round\r\n") {
                let len = client.read(&mut chunk).expect("a reply");
                replies.extend_from_slice(&chunk[..len]);
            }
            // The end of this round is not taken for that of the next.
            replies.extend_from_slice(b"\n");
        }
    }
    replies
}

#[test]
fn replies_are_the_same_whether_requests_of_ready_clients_run_together_or_not() {
    for seed in 1..=3 {
        let (on, off) = (transcripts(true, seed), transcripts(false, seed));
        for (client, (on, off)) in on.iter().zip(&off).enumerate() {
            assert!(on == off, "client {client}:\n{}\n---\n{}", String::from_utf8_lossy(on), String::from_utf8_lossy(off));
        }
    }
}

/// A write waits for its turn to run beside the worker, and then for the end of a pause: what a read needs it does not keep meanwhile.
#[test]
fn who_waits_for_a_pause_keeps_no_place_beside_the_worker() {
    let live = node();
    let mut writer = live.connect();
    let elements = (0..1000).map(|number| format!(" {number}")).collect::<String>();
    writer.write_all(format!("RPUSH list{elements}\r\n").as_bytes()).expect("the node reads");
    writer.read_exact(&mut [0; 7]).expect("a reply");
    let places = &live.shared.offload_places;
    let all = places.available_permits();
    let taken = places.try_acquire_many(all as u32).expect("they are free");
    writer.write_all(b"SORT list STORE sorted\r\n").expect("the node reads");
    live.settle();
    let mut other = live.connect();
    other.write_all(b"CLIENT PAUSE 100000 WRITE\r\n").expect("the node reads");
    other.read_exact(&mut [0; 5]).expect("a reply");
    drop(taken);
    wait_until("it waits for the pause", || live.shared.blocked_clients.load(Ordering::Relaxed) == 1);
    assert_eq!(places.available_permits(), all);
    other.write_all(b"CLIENT UNPAUSE\r\n").expect("the node reads");
    let mut reply = [0; 7];
    writer.read_exact(&mut reply).expect("a reply");
    assert_eq!(&reply, b":1000\r\n");
}
