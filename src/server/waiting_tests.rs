//! Clients that wait for keys: what they wait for, who serves them, and when they have to ask anew.

use std::sync::Arc;

use super::executor::Flow;
use super::testing::{Peer, cluster_node, lose_all_slots, plain_node, wait_until};
use crate::base::clock;
use crate::base::slot::key_slot;
use crate::engine::blocking;
use crate::engine::shared::Shared;
use crate::keyspace::blocked::{Outcome, Waiter};

/// A client that waits.
fn waiting(shared: &Arc<Shared>, request: &str) -> (Peer, Arc<Waiter>) {
    let mut peer = Peer::new(shared);
    shared.clients.add(Arc::clone(&peer.caller.client));
    assert_eq!(peer.run(request), (Flow::Block, String::new()), "{request}");
    let waiter = peer.session.blocked.clone().expect("it waits");
    (peer, waiter)
}

/// How the waiting of a client ended, as text.
fn served(waiter: &Waiter) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs no resource");
    assert!(!waiter.is_waiting());
    let Outcome::Served(reply, _) = runtime.block_on(waiter.over()) else { panic!("it was served") };
    String::from_utf8_lossy(&reply).trim_end().replace("\r\n", " ")
}

/// Each repetition was once looked up and forgotten again for each client that was served.
#[test]
fn a_key_that_is_named_again_is_waited_for_once() {
    let shared = plain_node(&[]);
    let repeated = ["q", "p", "q"].repeat(1000).join(" ");
    let requests = [
        (format!("blpop {repeated} 0"), "*2 $1 q $1 5"),
        (format!("brpop {repeated} 0"), "*2 $1 q $1 1"),
        (format!("blmpop 0 3000 {repeated} left count 2"), "*2 $1 q *2 $1 4 $1 3"),
        ("blmove q q left right 0".to_owned(), "$1 2"),
    ];
    let waiters: Vec<_> = requests.iter().map(|(request, _)| waiting(&shared, request)).collect();
    for ((_, waiter), number) in waiters.iter().zip(0..) {
        let names: Vec<&[u8]> = waiter.names().collect();
        // A destination is no key that it waits for, but one of those that its command gets.
        assert_eq!((&names[..], waiter.keys.len()), (&[&b"q"[..], b"p"][..if number == 3 { 1 } else { 2 }], 2));
    }
    let blocked_keys = || (0..shared.keyspace.stripes() as u32).map(|stripe| shared.keyspace.lock(stripe).blocked.count().0).sum::<usize>();
    assert_eq!(blocked_keys(), 2);
    Peer::new(&shared).expect("lpush q 1 2 3 4 5", ":5");
    for ((_, waiter), (request, reply)) in waiters.iter().zip(&requests) {
        assert_eq!(served(waiter), *reply, "{}", &request[..20]);
    }
    assert_eq!(blocked_keys(), 0);
}

#[test]
fn a_stream_that_is_named_again_is_waited_for_once_and_read_again() {
    let shared = plain_node(&[]);
    let mut peer = Peer::new(&shared);
    peer.expect("xadd s 1-0 f v", "$3 1-0");
    let (_client, waiter) = waiting(&shared, "xread block 0 streams s s s $ 5-0 1-0");
    assert_eq!((waiter.names().count(), waiter.keys.len()), (1, 3));
    peer.expect("xadd s 2-0 f w", "$3 2-0");
    let entry = "*2 $1 s *1 *2 $3 2-0 *2 $1 f $1 w";
    assert_eq!(served(&waiter), format!("*2 {entry} {entry}"));
}

#[test]
fn who_waits_is_sent_elsewhere_when_its_keys_leave() {
    let shared = cluster_node();
    let mut peer = Peer::new(&shared);
    let key = (0..).map(|number| format!("k{number}")).find(|key| key_slot(key.as_bytes()) < 8192).expect("one of them");
    assert_eq!(peer.run_words(&[b"blpop", key.as_bytes(), b"0"], false), Flow::Block);
    let client = Arc::clone(&peer.caller.client);
    let waiter = peer.session.blocked.clone().expect("it waits");
    blocking::redirect(&shared, &client);
    assert!(waiter.is_waiting(), "its key is served here");
    lose_all_slots(&shared);
    blocking::redirect(&shared, &client);
    assert!(!waiter.is_waiting());
    blocking::leave(&shared, &mut peer.session, &client);
    assert!(shared.keyspace.lock(shared.keyspace.place(key.as_bytes()).stripe).blocked.is_empty());
}

#[test]
fn who_waits_while_data_is_frozen_or_a_stripe_is_held_asks_anew() {
    let shared = plain_node(&[]);
    let (mut waiting, mut pusher) = (Peer::new(&shared), Peer::new(&shared));
    shared.clients.add(Arc::clone(&waiting.caller.client));
    // The destination lies in another stripe than the source, which the pusher gets.
    let other = (0..)
        .map(|number| format!("k{number}"))
        .find(|key| shared.keyspace.place(key.as_bytes()).stripe != shared.keyspace.place(b"source").stripe);
    let other = other.expect("one of them");
    assert_eq!(waiting.run_words(&[b"blmove", b"source", other.as_bytes(), b"left", b"left", b"0"], false), Flow::Block);
    let waiter = waiting.session.blocked.clone().expect("it waits");
    let held = shared.keyspace.lock(shared.keyspace.place(other.as_bytes()).stripe);
    pusher.expect("rpush source 1", ":1");
    assert!(!waiter.is_waiting(), "it asks anew, and nobody waits for it");
    drop(held);
    pusher.expect("llen source", ":1");
    blocking::leave(&shared, &mut waiting.session, &waiting.caller.client);
    assert!(shared.keyspace.lock(shared.keyspace.place(b"source").stripe).blocked.is_empty());
}

/// What lasts for some time ends after it, whatever is done to the wall clock meanwhile.
#[test]
fn a_wall_clock_that_is_set_prolongs_nothing() {
    for seconds in [-3600, 3600] {
        let shared = plain_node(&[]);
        let mut peer = Peer::new(&shared);
        let before_ms = clock::monotonic_ms();
        let (_, waiter) = waiting(&shared, "blpop q 5");
        shared.pause.begin(20, false);
        shared.keyspace.note_long_hold(clock::monotonic_ms());
        clock::shift::by_seconds(seconds);
        wait_until("the pause is over", || !matches!(peer.run("set k v").0, Flow::Wait(_)));
        assert!((5000..=5000 + clock::monotonic_ms() - before_ms).contains(&(waiter.wait.until_ms - before_ms)));
        shared.pause.begin(100_000, false);
        assert!(matches!(peer.run("set k v").0, Flow::Wait(_)), "nor does it shorten anything");
        shared.pause.end();
        // A stripe that was held for long, as any is by a thread that is kept from going on, has INFO leave its worker for a while.
        let mut info = String::new();
        wait_until("INFO runs on its worker", || {
            info = peer.run("info server").1;
            !info.is_empty()
        });
        let uptime = info.split("uptime_in_seconds:").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("it is there");
        assert!(uptime.parse::<u64>().expect("a number") <= clock::monotonic_ms() / 1000);
        clock::shift::by_seconds(0);
    }
}
