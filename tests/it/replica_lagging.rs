//! Replicas that are slower than the writers: what they have not taken costs disk, within a bound, and none is copied anew for that.

use larder_proto::resp::Value;
use rustix::process::Signal;

use super::replication::{DEBUG, Raw, compare, larder_replica};
use super::support::{Connection, Server, request, wait_until};

const MIB: usize = 1024 * 1024;
/// More than `client-output-buffer-limit` lets a replica leave in memory.
const BEYOND_MIB: usize = 300;

/// Writes so much, over a few keys.
fn write(client: &mut Connection, mib: usize) -> Vec<Vec<u8>> {
    let requests: Vec<_> = (0..mib)
        .map(|number| ["SET".to_owned(), format!("long:{}", number % 20), char::from(b'a' + (number % 26) as u8).to_string().repeat(MIB)])
        .collect();
    for words in &requests {
        assert!(client.call(words) == Value::Simple("OK".into()), "the write is not accepted");
    }
    requests.iter().map(|words| request(words)).collect()
}

/// A replica that has followed `primary` until now, and stands still.
fn frozen_replica(primary: &Server) -> Server {
    let replica = larder_replica(primary);
    wait_until("it follows", || replica.connect().info_text("master_link_status") == "up");
    replica.freeze();
    replica
}

/// Waits until what a replica has not taken is on the disk, and not in memory.
fn wait_for_disk(client: &mut Connection, memory_before: u64) {
    wait_until("the rest is on the disk", || client.info("repl_aside_bytes") as usize > (BEYOND_MIB - 100) * MIB);
    let grown = client.info("used_memory").saturating_sub(memory_before) as usize;
    assert!(grown < 100 * MIB, "{grown} more bytes of memory");
    assert_eq!(client.info("repl_write_delay_ms"), 0, "there is room for more");
}

#[test]
fn a_replica_that_stands_still_for_a_while_goes_on() {
    let primary = Server::larder(&DEBUG);
    let mut client = primary.connect();
    write(&mut client, 20);
    let replica = frozen_replica(&primary);
    let before = client.info("used_memory");
    write(&mut client, BEYOND_MIB);
    wait_for_disk(&mut client, before);
    replica.signal(Signal::CONT);
    compare(&primary, &replica);
    assert_eq!((client.info("sync_full"), client.info("sync_partial_ok")), (1, 0));
    wait_until("the disk is free", || client.info("repl_aside_bytes") == 0);
    // From memory again.
    write(&mut client, 2);
    compare(&primary, &replica);
}

#[test]
fn what_is_written_during_a_slow_copy_follows_it() {
    let primary = Server::larder(&["--repl-ping-replica-period", "1000000"]);
    let mut client = primary.connect();
    write(&mut client, 20);
    let before = client.info("used_memory");
    let mut replica = Raw::new(&primary, &[], &["PSYNC", "?", "-1"]);
    replica.full_resync();
    let written = write(&mut client, BEYOND_MIB);
    wait_for_disk(&mut client, before);
    replica.snapshot();
    let select = request(&["SELECT", "0"]);
    assert_eq!(replica.bytes(select.len()), select);
    for (number, expected) in written.iter().enumerate() {
        assert!(replica.bytes(expected.len()) == *expected, "request {number} is another one");
    }
}

#[test]
fn who_takes_nothing_is_given_up_at_the_bound_after_the_writers_have_been_slowed() {
    let primary = Server::larder(&["--repl-aside-size", "64mb"]);
    let mut client = primary.connect();
    let _replica = frozen_replica(&primary);
    let mut longest_ms = 0;
    wait_until("it is given up", || {
        write(&mut client, 4);
        longest_ms = longest_ms.max(client.info("repl_write_delay_ms"));
        client.info("connected_slaves") == 0
    });
    assert!(longest_ms > 0, "the writers were not slowed");
    assert_eq!(client.info("client_output_buffer_limit_disconnections"), 1);
    wait_until("nobody waits for it any more", || client.info("repl_write_delay_ms") == 0 && client.info("repl_aside_bytes") == 0);
    let left: Vec<_> = std::fs::read_dir(primary.folder()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_cannot_be_put_on_the_disk_stays_in_memory() {
    let primary = Server::larder(&["--repl-aside-size", "0"]);
    let mut client = primary.connect();
    let _replica = frozen_replica(&primary);
    write(&mut client, 50);
    assert_eq!(client.info("repl_aside_bytes"), 0);
    // Within the bound of what lies in memory, and then beyond it.
    assert_eq!(client.info("connected_slaves"), 1);
    wait_until("it is given up", || {
        write(&mut client, 4);
        client.info("connected_slaves") == 0
    });
    assert_eq!(client.info("client_output_buffer_limit_disconnections"), 1);
}
