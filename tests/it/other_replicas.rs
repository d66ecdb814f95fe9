//! Other servers and this one as each other's replicas, while clients write and links are cut: all have the same at the same offset, and nobody is
//! copied a second time.
//!
//! LARDER_LINK_ROUNDS is how often the links are cut (by default a few times). LARDER_OTHER_SERVERS names servers, as for the files
//! ([`super::other_servers`]).

use larder::base::clock;
use larder_proto::resp::Value;

use super::other_servers::{Other, others, saved_content};
use super::rdb::fill;
use super::replication::{DEBUG, LASTING, catch_up, follow};
use super::replication_load::{RECORDS_PER_ROUND, under_load_of};
use super::support::{Connection, Server, wait_until};

const ROUNDS: u64 = 2;
/// What a client sends at a time: a release build takes more than 20,000 records a second of that, and a debug build what it can.
const ROUNDS_AT_ONCE: u64 = 16;
/// Between two cuts, if there are to be many: by default links are cut as soon as they are there again.
const BETWEEN_MS: u64 = 2000;

fn rounds() -> Option<u64> {
    std::env::var("LARDER_LINK_ROUNDS").ok()?.parse().ok()
}

/// What the two understand: no old server knows when a field expires.
fn larder() -> Server {
    Server::larder(&[&DEBUG[..], &LASTING].concat())
}

fn other_server(other: &Other) -> Server {
    other.start_empty(&[&LASTING[..], &["--repl-diskless-sync-delay", "0"]].concat())
}

fn status(client: &mut Connection) -> String {
    client.info_text("master_link_status")
}

/// Cuts the links of `primary` with its replicas again and again under load, and compares them in the end.
fn cut_links(primary: &Server, replicas: &[Server], names: &str) {
    let mut client = primary.connect();
    let count = replicas.len() as u64;
    let (rounds, between_ms) = rounds().map_or((ROUNDS, 0), |rounds| (rounds, BETWEEN_MS));
    let refused = client.info("sync_partial_err");
    let (before, began) = (client.info("master_repl_offset"), clock::monotonic_ms());
    let written = under_load_of(primary, ROUNDS_AT_ONCE, |some_more| {
        for round in 1..=rounds {
            let until_ms = clock::monotonic_ms() + between_ms;
            while clock::monotonic_ms() < until_ms {
                some_more();
            }
            client.call(&["CLIENT", "KILL", "TYPE", "replica"]);
            wait_until("they are there again", || client.info("sync_partial_ok") >= round * count);
            some_more();
        }
    });
    let seconds = (clock::monotonic_ms() - began) as f64 / 1000.0;
    replicas.iter().for_each(|replica| catch_up(primary, replica));
    let expected = saved_content(primary);
    replicas.iter().for_each(|replica| assert_eq!(saved_content(replica), expected, "{names}"));
    let (full, partial) = (client.info("sync_full"), client.info("sync_partial_ok"));
    assert_eq!((full, client.info("sync_partial_err")), (count, refused), "{names}: nobody is copied again");
    let offsets: Vec<u64> = replicas.iter().map(|replica| replica.connect().info("slave_repl_offset")).collect();
    assert!(offsets.iter().all(|offset| *offset == client.info("master_repl_offset")), "{names}: {offsets:?}");
    let rate = |count: u64| count as f64 / seconds;
    let (records, bytes) = (rate(written * RECORDS_PER_ROUND), rate(client.info("master_repl_offset") - before));
    eprintln!("{names}: {full} full and {partial} partial copies, {records:.0} records and {bytes:.0} bytes of log a second");
}

#[test]
fn each_is_a_replica_of_each() {
    let others = others("each_is_a_replica_of_each");
    for other in &others {
        let (theirs, ours) = (other_server(other), larder());
        fill(&mut theirs.connect(), false);
        follow(&ours, &theirs);
        wait_until("it follows", || status(&mut ours.connect()) == "up");
        cut_links(&theirs, &[ours], &format!("Larder follows {other:?}"));
    }
}

#[test]
fn all_are_replicas_of_one() {
    let others = others("all_are_replicas_of_one");
    let ours = larder();
    fill(&mut ours.connect(), false);
    let mut replicas: Vec<Server> = others.iter().map(other_server).collect();
    replicas.push(larder());
    for replica in &replicas {
        let reply = replica.connect().call(&["REPLICAOF", "127.0.0.1", &ours.port().to_string()]);
        assert_eq!(reply, Value::Simple("OK".into()));
        wait_until("it follows", || status(&mut replica.connect()) == "up");
    }
    cut_links(&ours, &replicas, "all follow Larder");
}
