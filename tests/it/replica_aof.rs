//! The append only file of a replica: what it has is its primary's log up to some offset, so that a replica which was killed goes on from there; and
//! it never says so of data that is not that.

use std::path::Path;

use larder_proto::resp::Value;

use super::append_only::{digest, fill, kill, options};
use super::replication::{DEBUG, LASTING, compare, compare_offsets, follow, larder_replica, valkey_replica};
use super::replication_load::under_load;
use super::support::{Connection, Server, wait_until};

const ROUNDS: u64 = 4;

/// A replica with an append only file in `folder`, which follows `primary` if there is one.
fn replica(primary: Option<&Server>, folder: &Path, more: &[&str]) -> Server {
    let port = primary.map(|primary| primary.port().to_string());
    let following: &[&str] = match &port {
        Some(port) => &["--replicaof", "127.0.0.1", port],
        None => &[],
    };
    let folder = folder.to_str().expect("a name");
    Server::larder(&[&DEBUG[..], &["--dir", folder, "--appendonly", "yes"], following, more].concat())
}

/// Waits until the file has all from its base on.
fn wait_for_file(client: &mut Connection, rewrites: u64) {
    wait_until("the file is written", || client.info("aof_rewrites") >= rewrites && client.info("aof_rewrite_in_progress") == 0);
    assert_eq!(client.info_text("aof_last_bgrewrite_status"), "ok");
}

/// Waits until it follows.
pub(super) fn wait_for_link(client: &mut Connection) {
    wait_until("it follows", || client.info_text("master_link_status") == "up");
}

/// A replica of `primary` whose file has all that it has, in this folder.
fn filed(primary: &Server) -> (tempfile::TempDir, Server, Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = replica(Some(primary), folder.path(), &[]);
    let mut client = server.connect();
    wait_for_link(&mut client);
    wait_for_file(&mut client, 1);
    (folder, server, client)
}

/// Partial and full copies that a primary gave.
pub(super) fn syncs(client: &mut Connection) -> (u64, u64) {
    (client.info("sync_partial_ok"), client.info("sync_full"))
}

/// Kills a replica of `primary` again and again under load, while its file is rewritten now and then.
fn kill_replica(primary: &Server) {
    let mut client = primary.connect();
    fill(&mut client);
    let (folder, mut server, _) = filed(primary);
    let full = client.info("sync_full");
    under_load(primary, |some_more| {
        for round in 1..=ROUNDS {
            // The stream goes on in another database, and so does the part of a rewrite.
            let db = (round % 3).to_string();
            client.call(&["SELECT", &db]);
            client.call(&["SET", "round", &round.to_string()]);
            if round % 2 == 0 {
                let reply = server.connect().call(&["BGREWRITEAOF"]);
                assert!(reply.as_error().is_none(), "{reply:?}");
            }
            some_more();
            kill(std::mem::replace(&mut server, Server::larder(&[])));
            server = replica(Some(primary), folder.path(), &[]);
            wait_for_link(&mut server.connect());
            assert_eq!(syncs(&mut client), (round, full), "it goes on from where it was");
        }
    });
    compare(primary, &server);
    // The file alone has the same, for whoever reads it.
    let expected = digest(primary);
    kill(server);
    assert_eq!(digest(&replica(None, folder.path(), &[])), expected);
    let options = ["--dir", folder.path().to_str().expect("a name"), "--appendonly", "yes", "--enable-debug-command", "yes"];
    if let Some(valkey) = Server::reference("kill_replica", &options) {
        let mut client = valkey.connect();
        wait_until("it has loaded", || client.info("loading") == 0);
        assert_eq!(digest(&valkey), expected);
    }
}

#[test]
fn a_replica_of_a_valkey_that_is_killed_goes_on_where_it_was() {
    let options = [&DEBUG[..], &["--repl-diskless-sync-delay", "0"], &LASTING].concat();
    let Some(valkey) = Server::reference("a_replica_of_a_valkey_that_is_killed_goes_on_where_it_was", &options) else { return };
    kill_replica(&valkey);
}

#[test]
fn a_replica_that_is_killed_goes_on_where_it_was() {
    kill_replica(&Server::larder(&[&DEBUG[..], &LASTING].concat()));
}

#[test]
fn a_copy_that_is_in_no_file_yet_is_in_none() {
    let (first, second) = (Server::larder(&DEBUG), Server::larder(&DEBUG));
    fill(&mut first.connect());
    let (folder, server, mut client) = filed(&first);
    // In the file, and in no base.
    first.connect().call(&["SET", "last", "of the first"]);
    compare(&first, &server);
    let (before, history) = (digest(&first), client.info_text("master_replid"));
    let mut other = second.connect();
    (0..300).for_each(|number| _ = other.call(&["SET", &format!("key:{number}"), "of the second"]));
    // The base of the copy takes some time.
    client.config_set("rdb-key-save-delay", "20000");
    follow(&server, &second);
    wait_for_link(&mut client);
    wait_until("the copy is written to the file", || client.info("aof_rewrite_in_progress") == 1);
    other.call(&["SET", "more", "of the second"]);
    compare(&second, &server);
    kill(server);
    // What is loaded is the data of before, and it says whose that is.
    let server = replica(None, folder.path(), &[]);
    assert_eq!(digest(&server), before);
    follow(&server, &first);
    compare(&first, &server);
    assert_eq!(server.connect().info_text("master_replid"), history);
    assert_eq!(syncs(&mut first.connect()), (1, 1));
    // And with the second one it begins anew.
    follow(&server, &second);
    compare(&second, &server);
    assert_eq!(syncs(&mut other), (0, 2));
    wait_for_file(&mut server.connect(), 1);
    kill(server);
    let server = replica(Some(&second), folder.path(), &[]);
    compare(&second, &server);
    assert_eq!(syncs(&mut other), (1, 2));
}

/// The history is called otherwise from some moment on, in the middle of a part: what is written from then on is nothing of the one before.
#[test]
fn a_file_knows_what_its_history_is_called_now() {
    let first = Server::larder(&DEBUG);
    let second = Server::larder(&DEBUG);
    fill(&mut first.connect());
    follow(&second, &first);
    let (folder, server, _) = filed(&first);
    compare(&first, &second);
    compare(&first, &server);
    let mut promoted = second.connect();
    assert_eq!(promoted.call(&["REPLICAOF", "NO", "ONE"]), Value::Simple("OK".into()));
    follow(&server, &second);
    fill(&mut promoted);
    compare(&second, &server);
    assert_eq!(syncs(&mut promoted), (1, 0));
    kill(server);
    // The first goes on with its history, in another way.
    fill(&mut first.connect());
    fill(&mut first.connect());
    let server = replica(Some(&second), folder.path(), &[]);
    compare(&second, &server);
    assert_eq!(syncs(&mut promoted), (2, 0));
    kill(server);
    let server = replica(Some(&first), folder.path(), &[]);
    compare(&first, &server);
    let mut client = first.connect();
    assert_eq!(syncs(&mut client), (0, 3), "it has something else");
    // Promoted itself, it writes something of its own to the same file.
    wait_for_file(&mut server.connect(), 1);
    let mut own = server.connect();
    own.call(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(own.call(&["SET", "its own", "1"]), Value::Simple("OK".into()));
    let expected = digest(&server);
    kill(server);
    fill(&mut client);
    let server = replica(None, folder.path(), &[]);
    assert_eq!(digest(&server), expected);
    kill(server);
    let server = replica(Some(&first), folder.path(), &[]);
    compare(&first, &server);
    assert_eq!(syncs(&mut client), (0, 4));
}

#[test]
fn a_replica_switches_its_file_on_and_off() {
    let primary = Server::larder(&DEBUG);
    let mut client = primary.connect();
    fill(&mut client);
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--dir", folder.path().to_str().expect("a name"), "--replicaof", "127.0.0.1"];
    let port = primary.port().to_string();
    let options = [&DEBUG[..], &options, &[&port]].concat();
    let server = Server::larder(&options);
    let mut own = server.connect();
    compare(&primary, &server);
    client.call(&["SELECT", "5"]);
    let mut set = |value: &str| {
        client.call(&["SET", "five", value]);
        compare_offsets(&primary, &server);
    };
    // The stream is in that database when a part begins, and does not say so again.
    set("1");
    own.config_set("appendonly", "yes");
    wait_for_file(&mut own, 1);
    set("2");
    own.config_set("appendonly", "no");
    wait_until("it is off", || own.info("aof_enabled") == 0);
    set("3");
    let rewrites = own.info("aof_rewrites");
    own.config_set("appendonly", "yes");
    wait_for_file(&mut own, rewrites + 1);
    set("4");
    assert_eq!(own.call(&["DEBUG", "LOADAOF"]), Value::Simple("OK".into()));
    compare(&primary, &server);
    set("5");
    compare(&primary, &server);
    let expected = digest(&primary);
    kill(server);
    let server = Server::larder(&[&options[..], &["--appendonly", "yes"]].concat());
    compare(&primary, &server);
    assert_eq!(syncs(&mut client), (1, 1));
    assert_eq!(digest(&server), expected);
}

/// A primary with a file that becomes a replica: the same file goes on.
#[test]
fn a_primary_becomes_a_replica_with_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = replica(None, folder.path(), &[]);
    let other = Server::larder(&DEBUG);
    fill(&mut server.connect());
    follow(&other, &server);
    compare(&server, &other);
    // They change places, and nothing is copied.
    other.connect().call(&["REPLICAOF", "NO", "ONE"]);
    follow(&server, &other);
    fill(&mut other.connect());
    compare(&other, &server);
    assert_eq!(other.connect().info("sync_partial_ok"), 1);
    kill(server);
    let server = replica(Some(&other), folder.path(), &[]);
    compare(&other, &server);
    let mut client = other.connect();
    assert_eq!(syncs(&mut client), (2, 0));
}

/// What a replica cannot apply is in its log all the same, and so in its file.
#[test]
fn what_could_not_be_applied_does_not_keep_a_replica_from_starting() {
    let options = [&DEBUG[..], &["--repl-diskless-sync-delay", "0"]].concat();
    let Some(valkey) = Server::reference("what_could_not_be_applied_does_not_keep_a_replica_from_starting", &options) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let server = replica(Some(&valkey), folder.path(), &[]);
    wait_for_link(&mut server.connect());
    wait_for_file(&mut server.connect(), 1);
    let mut client = valkey.connect();
    client.call(&["SET", "before", "1"]);
    let library = "#!lua name=lib\nserver.register_function('f', function() return 1 end)";
    let reply = client.call(&["FUNCTION", "LOAD", library]);
    assert!(reply.as_error().is_none(), "{reply:?}");
    client.call(&["SET", "behind", "1"]);
    compare_offsets(&valkey, &server);
    let before = digest(&server);
    kill(server);
    let server = replica(Some(&valkey), folder.path(), &[]);
    wait_for_link(&mut server.connect());
    assert_eq!(client.info("sync_partial_ok"), 1);
    assert_eq!((digest(&server), server.connect().call(&["GET", "behind"])), (before, Value::Bulk("1".into())));
}

/// A primary writes nothing by itself.
pub(super) const QUIET: [&str; 2] = ["--repl-ping-replica-period", "3600"];

/// A primary with a file, and a replica of it, be that a Valkey or of ours.
fn restart_primary(replica_of: impl Fn(&Server) -> Option<Server>) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = replica(None, folder.path(), &QUIET);
    fill(&mut server.connect());
    let Some(other) = replica_of(&server) else { return };
    compare(&server, &other);
    let id = server.connect().info_text("master_replid");
    kill(server);
    // It has all that the replica has.
    let server = replica(None, folder.path(), &QUIET);
    let mut client = server.connect();
    assert_ne!(client.info_text("master_replid"), id, "what is written now is written by another process");
    assert_eq!(client.info_text("master_replid2"), id);
    follow(&other, &server);
    compare(&server, &other);
    assert_eq!(syncs(&mut client), (1, 0));
    fill(&mut client);
    compare(&server, &other);
    // Something is lost that the replica has, and something else is written in its place.
    client.call(&["SET", "lost", "1"]);
    compare(&server, &other);
    kill(server);
    let part = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let lost = super::support::request(&["SET", "lost", "1"]).len() as u64;
    let file = std::fs::File::options().write(true).open(&part).expect("the part");
    file.set_len(file.metadata().expect("its length").len() - lost).expect("it is there");
    let server = replica(None, folder.path(), &QUIET);
    let mut client = server.connect();
    fill(&mut client);
    fill(&mut client);
    follow(&other, &server);
    compare(&server, &other);
    assert_eq!(syncs(&mut client), (0, 1));
}

#[test]
fn a_primary_that_is_back_goes_on_with_its_replicas() {
    restart_primary(|primary| Some(larder_replica(primary)));
}

#[test]
fn a_primary_that_is_back_goes_on_with_a_valkey() {
    restart_primary(|primary| valkey_replica("a_primary_that_is_back_goes_on_with_a_valkey", primary));
}

/// WAITAOF on a primary whose replica has a file: `of` makes a server of either kind.
fn wait_for_disks(primary: &Server, replica: &Server) {
    let mut client = primary.connect();
    let counts = |own, others| Value::Array(vec![Value::Integer(own), Value::Integer(others)]);
    compare(primary, replica);
    for value in ["1", "2"] {
        client.call(&["SET", "a", value]);
        assert_eq!(client.call(&["WAITAOF", "1", "1", "0"]), counts(1, 1));
        client.call(&["SET", "b", value]);
        assert_eq!(client.call(&["WAITAOF", "0", "1", "0"]).as_error(), None);
    }
    // Its file is written, and never flushed: the first one says no more than what it knows.
    replica.connect().config_set("appendfsync", "no");
    client.call(&["SET", "a", "3"]);
    assert_eq!(client.call(&["WAIT", "1", "0"]), Value::Integer(1));
    assert_eq!(client.call(&["WAITAOF", "1", "1", "1200"]), counts(1, 0));
    replica.connect().config_set("appendfsync", "always");
    client.call(&["SET", "a", "4"]);
    assert_eq!(client.call(&["WAITAOF", "1", "1", "0"]), counts(1, 1));
    assert_eq!(client.call(&["WAITAOF", "1", "2", "10"]), counts(1, 1), "there is one");
}

#[test]
fn disks_of_replicas_are_waited_for() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let primary = replica(None, folder.path(), &[]);
    wait_for_disks(&primary, &replica(Some(&primary), other.path(), &[]));
}

#[test]
fn disks_of_a_valkey_are_waited_for_and_ours_by_one() {
    let test = "disks_of_a_valkey_are_waited_for_and_ours_by_one";
    let folder = tempfile::tempdir().expect("a folder");
    let primary = replica(None, folder.path(), &[]);
    let options = [&DEBUG[..], &["--appendonly", "yes", "--repl-diskless-load", "disabled", "--repl-diskless-sync-delay", "0"]].concat();
    let Some(valkey) = Server::reference(test, &options) else { return };
    follow(&valkey, &primary);
    wait_for_disks(&primary, &valkey);
    valkey.connect().call(&["REPLICAOF", "NO", "ONE"]);
    valkey.connect().config_set("appendfsync", "everysec");
    primary.connect().config_set("appendonly", "no");
    follow(&primary, &valkey);
    compare(&valkey, &primary);
    primary.connect().config_set("appendonly", "yes");
    wait_for_disks(&valkey, &primary);
}

#[test]
fn what_a_transaction_did_before_the_role_changed_is_in_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(folder.path(), &["--appendfsync", "always"]);
    let server = Server::larder(&options);
    let mut client = server.connect();
    for (words, reply) in [(&["MULTI"][..], "OK"), (&["SET", "a", "1"], "QUEUED"), (&["REPLICAOF", "127.0.0.1", "1"], "QUEUED")] {
        assert_eq!(client.call(words), Value::Simple(reply.into()));
    }
    assert_eq!(client.call(&["EXEC"]), Value::Array(vec![Value::Simple("OK".into()), Value::Simple("OK".into())]));
    assert_eq!(client.call(&["REPLICAOF", "NO", "ONE"]), Value::Simple("OK".into()));
    assert_eq!(client.call(&["SET", "b", "2"]), Value::Simple("OK".into()));
    kill(server);
    let server = Server::larder(&options);
    assert_eq!(server.connect().call(&["MGET", "a", "b"]), Value::Array(vec![Value::Bulk("1".into()), Value::Bulk("2".into())]));
}

#[test]
fn a_rewrite_that_a_copy_breaks_off_leaves_nothing_behind() {
    let primary = Server::larder(&DEBUG);
    fill(&mut primary.connect());
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = replica(None, folder.path(), &[]);
    for round in 0..12 {
        let mut client = server.connect();
        client.call(&["SET", "own", &round.to_string()]);
        let reply = client.call(&["BGREWRITEAOF"]);
        assert!(reply.as_error().is_none(), "{reply:?}");
        // At another moment of the rewrite in each round.
        (0..round * 20).for_each(|_| _ = client.call(&["PING"]));
        follow(&server, &primary);
        wait_for_link(&mut client);
        client.call(&["REPLICAOF", "NO", "ONE"]);
        client.call(&["SET", "acknowledged", &round.to_string()]);
        // Until there is a base of the copy nothing is on the disk.
        let is_on_disk = Value::Array(vec![Value::Integer(1), Value::Integer(0)]);
        wait_until("it is on the disk", || client.call(&["WAITAOF", "1", "0", "1000"]) == is_on_disk);
        let before = digest(&server);
        kill(server);
        server = replica(None, folder.path(), &[]);
        assert_eq!(digest(&server), before, "round {round}");
    }
}

#[test]
fn what_nobody_logged_is_in_no_history() {
    let first = tempfile::tempdir().expect("a folder");
    let options = [&DEBUG[..], &QUIET, &["--dir", first.path().to_str().expect("a name")]].concat();
    let server = Server::larder(&options);
    let mut client = server.connect();
    let switch_on = |client: &mut Connection, rewrites| {
        client.config_set("appendonly", "yes");
        wait_for_file(client, rewrites);
    };
    switch_on(&mut client, 1);
    client.call(&["SET", "a", "1"]);
    let second = tempfile::tempdir().expect("a folder");
    let copy = second.path().join("appendonlydir");
    std::fs::create_dir(&copy).expect("it is ours");
    for entry in std::fs::read_dir(first.path().join("appendonlydir")).expect("its parts") {
        let entry = entry.expect("a part");
        std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("there is room");
    }
    client.config_set("appendonly", "no");
    wait_until("there is no file", || client.info("aof_enabled") == 0);
    client.call(&["SET", "unlogged", "1"]);
    switch_on(&mut client, 2);
    client.call(&["SET", "c", "1"]);
    kill(server);
    let server = Server::larder(&[&options[..], &["--appendonly", "yes"]].concat());
    let other = replica(Some(&server), second.path(), &QUIET);
    compare(&server, &other);
}
