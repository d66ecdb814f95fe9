//! Replicas of replicas: what a primary has they have, byte for byte, through disconnects, other primaries and promotions.

use larder_proto::resp::Value;

use super::append_only::fill;
use super::replication::{DEBUG, LASTING, compare, compare_offsets, follow, valkey_replica};
use super::replication_load::under_load;
use super::support::{Server, wait_until};

#[test]
fn who_has_lost_its_primary_takes_no_replicas() {
    let server = Server::larder(&["--replicaof", "127.0.0.1", "1"]);
    let mut client = server.connect();
    let expected = "NOMASTERLINK Can't SYNC while not connected with my master";
    for words in [&["PSYNC", "?", "-1"][..], &["SYNC"]] {
        assert_eq!(client.call(words).as_error(), Some(expected.as_bytes()), "{words:?}");
    }
}

/// A primary, a Larder that follows it, and followers of that.
fn follow_in_a_chain(primary: &Server, test: &str) {
    let mut first = primary.connect();
    fill(&mut first);
    let middle = Server::larder(&[&DEBUG[..], &LASTING].concat());
    follow(&middle, primary);
    compare(primary, &middle);
    // The stream is in another database from here on, and does not say so again.
    first.call(&["SELECT", "7"]);
    first.call(&["SET", "seven", "1"]);
    compare_offsets(primary, &middle);
    let last = Server::larder(&DEBUG);
    follow(&last, &middle);
    let valkey = valkey_replica(test, &middle);
    let followers = || std::iter::once(&last).chain(&valkey);
    let count = followers().count() as u64;
    let mut between = middle.connect();
    wait_until("they follow", || between.info("connected_slaves") == count);
    first.call(&["SET", "seven", "2"]);
    followers().for_each(|follower| compare(primary, follower));
    assert_eq!(between.info("sync_full"), count);
    under_load(primary, |some_more| {
        for times in 1..3 {
            assert_eq!(first.call(&["CLIENT", "KILL", "TYPE", "replica"]), Value::Integer(1));
            some_more();
            let killed = between.call(&["CLIENT", "KILL", "TYPE", "replica"]);
            assert_eq!(killed, Value::Integer(count as i64));
            wait_until("they are there again", || between.info("sync_partial_ok") == times * count);
            some_more();
        }
    });
    followers().for_each(|follower| compare(primary, follower));
    assert_eq!(between.info("sync_full"), count, "nobody needed a second copy");
    // A copy of other data goes on to all.
    let other = Server::larder(&DEBUG);
    fill(&mut other.connect());
    other.connect().call(&["SET", "of another", "1"]);
    follow(&middle, &other);
    compare(&other, &middle);
    followers().for_each(|follower| compare(&other, follower));
    // And who is promoted keeps them.
    let copies = between.info("sync_full");
    between.call(&["REPLICAOF", "NO", "ONE"]);
    wait_until("they are there again", || between.info("connected_slaves") == count);
    fill(&mut between);
    followers().for_each(|follower| compare(&middle, follower));
    assert_eq!(between.info("sync_full"), copies);
}

#[test]
fn a_replica_has_replicas_of_its_own() {
    follow_in_a_chain(&Server::larder(&[&DEBUG[..], &LASTING].concat()), "a_replica_has_replicas_of_its_own");
}

#[test]
fn a_replica_of_a_valkey_has_replicas_of_its_own() {
    let test = "a_replica_of_a_valkey_has_replicas_of_its_own";
    let options = [&DEBUG[..], &["--repl-diskless-sync-delay", "0"], &LASTING].concat();
    let Some(valkey) = Server::reference(test, &options) else { return };
    follow_in_a_chain(&valkey, test);
}
