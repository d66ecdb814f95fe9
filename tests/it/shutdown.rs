//! How a node ends that has replicas: not before they have what was acknowledged, unless that takes too long or somebody does not want to wait.

use larder_proto::resp::Value;
use rustix::process::Signal;

use super::support::{Connection, Server, wait_until};

/// A primary with a replica that stands still and lacks the last write.
fn lagging(options: &[&str]) -> (Server, Server, Connection) {
    let primary = Server::larder(options);
    let replica = Server::larder(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    let mut client = primary.connect();
    assert_eq!(client.call(&["SET", "key", "1"]), Value::Simple("OK".into()));
    assert_eq!(client.call(&["WAIT", "1", "0"]), Value::Integer(1));
    replica.freeze();
    assert_eq!(client.call(&["INCR", "key"]), Value::Integer(2));
    (primary, replica, client)
}

/// True while the node waits for its replica before it ends.
fn waits(client: &mut Connection) -> bool {
    client.text(&["INFO", "server"]).contains("shutdown_in_milliseconds:")
}

fn log(server: &Server) -> String {
    std::fs::read_to_string(server.folder().join("log")).expect("its log")
}

#[test]
fn it_waits_until_its_replicas_have_everything() {
    for by_signal in [false, true] {
        let (mut primary, replica, mut client) = lagging(&["--logfile", "log", "--shutdown-timeout", "300"]);
        let mut asking = primary.connect();
        if by_signal {
            primary.signal(Signal::TERM);
        } else {
            asking.send(&["SHUTDOWN"]);
        }
        wait_until("it waits for its replica", || waits(&mut client));
        assert_eq!(client.info_text("paused_reason"), "shutdown_in_progress");
        let mut writing = primary.connect();
        writing.send(&["INCR", "key"]);
        assert_eq!(client.call(&["GET", "key"]), Value::Bulk("2".into()), "reads do not wait");
        replica.signal(Signal::CONT);
        assert!(primary.wait().success());
        assert_eq!(replica.connect().call(&["GET", "key"]), Value::Bulk("2".into()), "what was acknowledged, and nothing more");
        assert!(log(&primary).contains("1 of 1 replicas are in sync"), "{}", log(&primary));
        assert_eq!(writing.try_receive(), None, "who was not heard was not answered");
    }
}

#[test]
fn who_does_not_want_to_wait_need_not() {
    // By its words, by the option, or when the time is over.
    for (timeout, words) in [("300", &["SHUTDOWN", "NOW"][..]), ("0", &["SHUTDOWN"]), ("1", &["SHUTDOWN"])] {
        let (mut primary, replica, mut client) = lagging(&["--logfile", "log", "--shutdown-timeout", timeout]);
        client.send(words);
        assert!(primary.wait().success(), "{words:?} {timeout}");
        let log = log(&primary);
        assert_eq!(log.contains("Waiting for replicas before shutting down."), timeout == "1", "{log}");
        assert!(log.contains("Lagging replica 127.0.0.1:") && log.contains("0 of 1 replicas are in sync"), "{log}");
        replica.signal(Signal::CONT);
    }
}

#[test]
fn an_end_that_waits_is_called_off() {
    let (mut primary, replica, mut client) = lagging(&["--shutdown-timeout", "300"]);
    assert_eq!(client.call(&["SHUTDOWN", "ABORT"]).as_error(), Some(&b"ERR No shutdown in progress."[..]));
    let mut asking = [primary.connect(), primary.connect()];
    asking.iter_mut().for_each(|client| client.send(&["SHUTDOWN"]));
    wait_until("both wait", || client.info("blocked_clients") == 2 && waits(&mut client));
    assert_eq!(client.call(&["SHUTDOWN", "ABORT"]), Value::Simple("OK".into()));
    for client in &mut asking {
        assert_eq!(client.receive().as_error(), Some(&b"ERR Errors trying to SHUTDOWN. Check logs."[..]));
        assert_eq!(client.call(&["INCR", "key"]).as_error(), None, "it goes on as before");
    }
    assert_eq!((client.info("blocked_clients"), client.info_text("paused_reason")), (0, "none".into()));
    asking[0].send(&["SHUTDOWN"]);
    replica.signal(Signal::CONT);
    assert!(primary.wait().success());
    assert_eq!(replica.connect().call(&["GET", "key"]), Value::Bulk("4".into()));
}
