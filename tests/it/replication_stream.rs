//! What a replica makes of its primary's stream, and of its own clients meanwhile.

use larder_proto::resp::Value;

use super::replication::{DEBUG, compare, larder_replica, play_primary};
use super::support::{Server, request, wait_until};

/// A snapshot without keys and without a checksum.
const EMPTY: [u8; 18] = *b"REDIS0010\xff\0\0\0\0\0\0\0\0";

#[test]
fn of_a_transaction_that_is_broken_or_discarded_nothing_is_applied() {
    let stream: Vec<u8> = [
        "MULTI|SET discarded 1|SELECT 3|DISCARD",
        "EXEC|DISCARD|SET between 1",
        "MULTI|SET nested 1|MULTI|SET nested 2|EXEC|SET after:nested 1",
        "MULTI|SET unknown 1|NOSUCH 1|EXEC",
        "MULTI|SET arity 1|SELECT 3|GET|EXEC",
        "MULTI|SET subcommand 1|XGROUP NOSUCH|EXEC",
        "MULTI|SET refused 1|LPUSH refused 1|SET refused 2|EXEC",
        "MULTI|SET no:database 1|SELECT 99|SET no:database 2|EXEC",
        "MULTI|SELECT 1|SET other:database 1|EXEC|SELECT 0|SET last 1",
    ]
    .iter()
    .flat_map(|record| record.split('|'))
    .flat_map(|line| request(&line.split(' ').collect::<Vec<_>>()))
    .collect();
    let end = 7 + stream.len() as u64;
    let full = format!("+FULLRESYNC {} 7\r\n${}\r\n", "a".repeat(40), EMPTY.len());
    let (port, asked) = play_primary([full.as_bytes(), &EMPTY, &stream].concat());
    let replica = Server::larder(&["--appendonly", "yes", "--replicaof", "127.0.0.1", &port.to_string()]);
    let mut client = replica.connect();
    wait_until("all has come", || client.info("slave_repl_offset") == end);
    let expected = [
        ("discarded", None),
        ("between", Some("1")),
        ("nested", None),
        ("after:nested", Some("1")),
        ("unknown", None),
        ("arity", None),
        ("subcommand", None),
        ("refused", Some("2")),
        ("no:database", Some("2")),
        ("last", Some("1")),
    ];
    for (key, value) in expected {
        assert_eq!(client.call(&["GET", key]), value.map_or(Value::Null, |value| Value::Bulk(value.into())), "{key}");
    }
    client.call(&["SELECT", "1"]);
    assert_eq!(client.call(&["GET", "other:database"]), Value::Bulk("1".into()));
    assert_eq!(client.info_text("master_link_status"), "up");
    assert_eq!(asked.load(std::sync::atomic::Ordering::Acquire), 1, "the link was not lost");
}

#[test]
fn lines_of_the_log_say_which_role_the_node_has() {
    let primary = Server::larder(&DEBUG);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let replica = Server::larder(&["--replicaof", "127.0.0.1", &primary.port().to_string(), "--logfile", &path.display().to_string()]);
    let mut client = replica.connect();
    wait_until("it follows", || client.info_text("master_link_status") == "up");
    let letters = || -> Vec<String> {
        let text = std::fs::read_to_string(&path).expect("its log");
        let lines = text.lines().filter_map(|line| line.split_once(':')).filter(|(pid, _)| pid.parse::<u32>().is_ok());
        lines.map(|(_, rest)| rest[..2].to_owned()).collect()
    };
    let seen = letters();
    assert!(seen.len() > 3 && seen.iter().all(|letter| letter == "S "), "{seen:?}");
    client.call(&["REPLICAOF", "NO", "ONE"]);
    client.call(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_until("it says so", || letters().last().is_some_and(|letter| letter == "M "));
}

#[test]
fn what_a_replicas_own_clients_gave_a_time_ends_there() {
    let primary = Server::larder(&DEBUG);
    let replica = larder_replica(&primary);
    let (mut client, mut reader) = (primary.connect(), replica.connect());
    wait_until("it follows", || reader.info_text("master_link_status") == "up");
    reader.config_set("replica-read-only", "no");
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    client.call(&["SET", "theirs", "1", "PX", "1"]);
    assert_eq!(client.call(&["WAIT", "1", "0"]), Value::Integer(1));
    reader.call(&["SELECT", "5"]);
    for words in
        [&["SET", "set", "1", "PX", "1"][..], &["SETEX", "later", "100000", "1"], &["LPUSH", "list", "1"], &["PEXPIRE", "list", "1"]]
    {
        assert!(reader.call(words).as_error().is_none(), "{words:?}");
    }
    wait_until("they are gone", || reader.call(&["DBSIZE"]) == Value::Integer(1));
    assert_eq!(reader.info("expired_keys"), 2);
    reader.call(&["SELECT", "0"]);
    assert_eq!(reader.call(&["DBSIZE"]), Value::Integer(1), "the primary has not said so");
    assert_eq!(reader.call(&["GET", "theirs"]), Value::Null);
    reader.call(&["SELECT", "5"]);
    reader.call(&["DEL", "later"]);
    client.call(&["DEL", "theirs"]);
    client.call(&["SET", "a", "1"]);
    compare(&primary, &replica);
}
