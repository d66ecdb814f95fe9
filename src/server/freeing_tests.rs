//! A large value goes when its stripe is free again, by whichever way: that it does not go before, each entry that is freed asserts itself
//! ([`crate::keyspace::entry`]). Here all ways are gone.

use super::executor::Flow;
use super::testing::{Peer, plain_node, run_offloaded, wait_until};
use crate::base::clock;
use crate::keyspace::expire::{Effort, Sweep};

/// Values that take long to free.
const KINDS: &[&str] = &["string", "list", "set", "zset", "hash", "stream"];
const STRING_LEN: usize = 6 << 20;
const ELEMENTS: usize = 12_000;
const ENTRIES: usize = 800;
/// Of an element of a list and an entry of a stream, whose nodes hold a few of them then.
const ELEMENT_LEN: usize = 500;

/// Ways in which the value of the key "k" goes, as requests that follow each other. `small` is another key of the same type.
const WAYS: &[&[&str]] = &[
    &["del k"],
    &["unlink k"],
    &["set k v"],
    &["rename small k"],
    &["copy small k replace"],
    &["copy {k}small k replace"],
    &["bitop not k missing"],
    &["sunionstore k {k}members"],
    &["sdiffstore k missing"],
    &["zunionstore k 1 {k}members"],
    &["sort {k}members by nosort store k"],
    &["pexpireat k 1"],
    &["select 1", "set k v", "select 0", "swapdb 0 1", "flushdb", "select 1", "flushall"],
    &["move k 1", "select 1", "del k"],
    &["multi", "del k", "set k v", "exec"],
    &["multi", "set k v", "get k", "exec"],
    &["flushdb"],
    &["flushall"],
];

/// Runs a request, beside a worker if it goes there.
fn run(peer: &mut Peer, request: &str) {
    match peer.run(request).0 {
        Flow::Plain | Flow::Done => {}
        Flow::Offload(number, generation) => {
            run_offloaded(peer, request, number, generation).0.expect("nothing changes").expect("no error")
        }
        flow => panic!("{request}: {flow:?}"),
    }
}

/// A client of a node that has a large value of each kind, and under "k" a copy of one of them.
fn with_large(kind: &str, options: &[&str]) -> Peer {
    let mut peer = Peer::new(&plain_node(options));
    match kind {
        "string" => _ = peer.run_words(&[b"set", b"k", &vec![b'x'; STRING_LEN]], true),
        "stream" => (1..=ENTRIES).for_each(|number| _ = peer.run(&format!("xadd k {number} f {}", "x".repeat(ELEMENT_LEN)))),
        _ => {
            let add = [("list", "rpush k"), ("set", "sadd k"), ("zset", "zadd k"), ("hash", "hset k")];
            let (_, add) = add.iter().find(|(name, _)| *name == kind).expect("one of these");
            let long = "x".repeat(if kind == "list" { ELEMENT_LEN } else { 1 });
            let pairs: Vec<String> = (0..ELEMENTS).map(|number| format!("{number} {number}{long}")).collect();
            run(&mut peer, &format!("{add} {}", pairs.join(" ")));
        }
    }
    for (request, reply) in [("set small v", "+OK"), ("set {k}small v", "+OK"), ("sadd {k}members a b", ":2"), ("exists k", ":1")] {
        peer.expect(request, reply);
    }
    peer
}

#[test]
fn a_large_value_is_freed_without_its_stripe_by_whichever_way_it_goes() {
    for kind in KINDS {
        for way in WAYS {
            let mut peer = with_large(kind, &[]);
            assert_eq!(peer.shared.keyspace.lazyfree.freed(), 0);
            way.iter().for_each(|request| run(&mut peer, request));
            let freed = peer.shared.keyspace.lazyfree.freed();
            assert!(freed > 0, "{kind}, {way:?}: it was handed to the thread that frees");
        }
        // It goes without being asked to.
        for (way, before, again) in UNASKED {
            let mut peer = with_large(kind, &[]);
            let mut sweep = Sweep::new(1);
            before.iter().for_each(|request| run(&mut peer, request));
            wait_until(way, || {
                match again {
                    Some(request) => _ = peer.run(request),
                    None => sweep_once(&mut sweep, &peer),
                }
                peer.shared.keyspace.lazyfree.freed() > 0
            });
        }
    }
}

/// Ways in which it goes unasked: what comes before, and what is done until it is gone; without a request, the sweep for expired keys.
const UNASKED: &[(&str, &[&str], Option<&str>)] = &[
    ("it has expired when it is looked at", &["pexpire k 1"], Some("exists k")),
    ("the sweep finds it expired", &["pexpire k 1"], None),
    ("it is evicted", &["config set maxmemory-policy allkeys-random", "config set maxmemory 1"], Some("set other v")),
];

fn sweep_once(sweep: &mut Sweep, peer: &Peer) {
    let mut cycle = sweep.begin(Effort::new(10, 10));
    while sweep.step(&mut cycle, &peer.shared.keyspace, clock::unix_ms()) {}
    sweep.end(cycle, &peer.shared.keyspace, false);
}

/// Without the thread it is the client's worker that frees, at the same moment.
#[test]
fn a_large_value_that_is_not_for_the_background_is_freed_without_its_stripe() {
    let no = ["user-del", "user-flush", "server-del", "expire", "eviction"].map(|what| format!("--lazyfree-lazy-{what}"));
    let options: Vec<&str> = no.iter().flat_map(|option| [option, "no"]).collect();
    for kind in &KINDS[..2] {
        for way in WAYS.iter().filter(|way| !way.contains(&"unlink k")) {
            let mut peer = with_large(kind, &options);
            way.iter().for_each(|request| run(&mut peer, request));
            assert_eq!(peer.shared.keyspace.lazyfree.freed(), 0, "{kind}, {way:?}");
        }
    }
}
