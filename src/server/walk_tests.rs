//! Walks over keys and over elements, by the COUNT that a client gives: short ones run on its worker, long ones beside it.

use std::sync::Arc;

use super::executor::Flow;
use super::testing::{Peer, cluster_node, plain_node, run_async, run_offloaded};
use crate::base::limits::{ELEMENT_STEPS, OFFLOAD_STEPS_MIN, SCAN_STEP_MAX};
use crate::base::slot::tag_of;
use crate::engine::shared::Shared;
use crate::keyspace::lock;

/// A name that a pattern costs long to compare with, and such a pattern: a hundred of them take milliseconds.
const NAME_LEN: usize = 4000;
const PATTERN_LEN: usize = 1000;
const NAMES: usize = 300;
/// Where they lie in a cluster: a slot of the node under test.
const SLOT: u16 = 100;
/// What takes no time may still be interrupted for some.
const TRIES_MAX: usize = 100;

/// A client of a node that has many long names in one slot.
fn filled(shared: Arc<Shared>) -> Peer {
    let mut peer = Peer::new(&shared);
    for number in 0..NAMES {
        peer.expect(&format!("set {{{}}}{}{number} v", tag_of(SLOT), "a".repeat(NAME_LEN)), "+OK");
    }
    peer
}

#[test]
fn a_walk_over_keys_that_takes_long_leaves_its_worker() {
    let pattern = "[ab]".repeat(PATTERN_LEN);
    for (shared, scan) in [(plain_node(&[]), "scan 0".to_owned()), (cluster_node(), format!("clusterscan x-{{{}}}-0", tag_of(SLOT)))] {
        let mut peer = filled(shared);
        let is_served = (0..TRIES_MAX).any(|_| {
            // As if no stripe was ever held for long: after that, walks keep away from workers for a while.
            peer.shared.keyspace.forget_long_hold();
            peer.run(&format!("{scan} match *c* count 10")).0 == Flow::Done
        });
        assert!(is_served, "{scan}: few keys");
        peer.shared.keyspace.forget_long_hold();
        assert!(matches!(peer.run(&format!("{scan} match *{pattern}c* count 1000000000")), (Flow::Offload(..), _)), "{scan}: all keys");
        assert!(peer.reply.is_empty(), "{scan}");
    }
}

#[test]
fn a_walk_over_elements_that_takes_long_leaves_its_worker() {
    let many = OFFLOAD_STEPS_MIN as usize / ELEMENT_STEPS + 1000;
    for (add, scan) in [("sadd k", "sscan k 0 count"), ("hset k", "hscan k 0 count"), ("zadd k", "zscan k 0 count")] {
        let mut peer = Peer::new(&plain_node(&[]));
        let pairs: Vec<String> = (0..many).map(|number| format!("{number} {number}")).collect();
        peer.run(&format!("{add} {}", pairs.join(" ")));
        assert!(matches!(peer.run(&format!("{scan} 1000000000")), (Flow::Offload(..), _)), "{scan}");
        assert!(matches!(peer.run(&format!("{scan} 100")), (Flow::Plain | Flow::Done, _)), "{scan}");
        // It is not COUNT that takes long.
        peer.run("del k");
        peer.run(&format!("{add} 1 1"));
        assert!(matches!(peer.run(&format!("{scan} 1000000000")), (Flow::Plain | Flow::Done, _)), "{scan}");
    }
}

#[test]
fn many_keys_of_a_slot_are_named_beside_the_worker_and_each_once() {
    const KEYS: usize = 50_000;
    let mut peer = Peer::new(&cluster_node());
    for number in 0..KEYS {
        peer.run(&format!("set {{{}}}{number} v", tag_of(SLOT)));
    }
    let mut flow = |count: usize| {
        peer.shared.keyspace.forget_long_hold();
        peer.run(&format!("cluster getkeysinslot {SLOT} {count}")).0
    };
    assert!((0..TRIES_MAX).any(|_| flow(10) == Flow::Done));
    assert!(matches!(flow(KEYS * 2), Flow::Offload(..)));
    // Nothing leaves the worker inside a transaction.
    peer.expect("multi", "+OK");
    peer.expect(&format!("cluster getkeysinslot {SLOT} {}", KEYS * 2), "+QUEUED");
    let reply = String::from_utf8(peer.call(&[b"exec"]).expect("it runs at once")).expect("the names are text");
    let mut names: Vec<&str> = reply.split("\r\n").filter(|line| line.starts_with('{')).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KEYS);
    assert!(reply.starts_with(&format!("*1\r\n*{KEYS}\r\n")));
}

/// Nobody waits for a stripe until a walk has all of its keys: it is taken again and again.
#[test]
fn a_walk_over_a_stripe_of_many_keys_takes_it_many_times() {
    const KEYS: usize = 20_000;
    let mut peer = Peer::new(&cluster_node());
    let tag = tag_of(SLOT);
    for number in 0..KEYS {
        peer.run(&format!("set {{{tag}}}{number} v"));
    }
    let keys = |peer: &mut Peer| run_async(peer, &format!("keys {{{tag}}}*"));
    let of_slot = |peer: &mut Peer| {
        let request = format!("cluster getkeysinslot {SLOT} {KEYS}");
        match peer.run(&request) {
            (Flow::Offload(number, generation), _) => run_offloaded(peer, &request, number, generation).1,
            (_, reply) => reply,
        }
    };
    let walks: [(&str, &dyn Fn(&mut Peer) -> String); 2] = [("KEYS", &keys), ("CLUSTER GETKEYSINSLOT", &of_slot)];
    for (name, walk) in walks {
        let before = lock::taken();
        let reply = walk(&mut peer);
        let times = lock::taken() - before;
        assert!(reply.starts_with(&format!("*{KEYS}")), "{name}: {}", &reply[..20]);
        assert!(!cfg!(debug_assertions) || times as usize >= KEYS / (2 * SCAN_STEP_MAX), "{name}: {times}");
    }
}
