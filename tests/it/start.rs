//! How a node starts, refuses to start, listens, follows CONFIG SET and ends.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use larder::base::limits::reserved_descriptors;
use larder_proto::resp::Value;
use rustix::process::Signal;

use crate::support::{Connection, Server, free_port, run_to_end, wait_until};

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn pong() -> Value {
    Value::Simple("PONG".into())
}

fn error_text(value: &Value) -> String {
    match value {
        Value::Error(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("no error but {other:?}"),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path.display().to_string()
}

/// Every refusal ends with one sentence that tells place, option and what may stand there; the status is 1.
#[test]
fn a_start_that_is_refused_says_why_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| write(folder.path(), name, text);
    let value = file("value.conf", "port 0\nmaxmemory-policy lru\n");
    let unknown = file("unknown.conf", "# comment\n\nmaxmemroy 1gb\n");
    let quotes = file("quotes.conf", "requirepass \"secret\nport 0\n");
    let later = file("later.conf", "aclfile users\n");
    let rename = file("rename.conf", "port 0\nrename-command nonesuch other\n");
    let renamed = file("renamed.conf", "rename-command get set\n");
    let include = file("include.conf", &format!("include {value}\n"));
    let shutdown = file("shutdown.conf", "shutdown-on-sigterm safe\n");
    let alone = file("alone.conf", "port 0\nmaxmemory\n");
    let number = file("number.conf", "port 0\n\nmaxmemory 1gigabyte\n");
    let yes_no = file("yes-no.conf", "protected-mode on\n");
    let many = file("many.conf", "port 1 2\n");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let busy = taken.local_addr().expect("it is bound").port().to_string();
    let free = free_port().to_string();
    let cases: &[(&[&str], &str)] = &[
        (&[&value], &format!("{value}, line 2: option 'maxmemory-policy' cannot be 'lru': it takes one of volatile-lru, ")),
        (&[&unknown], &format!("{unknown}, line 3: there is no option 'maxmemroy'; did you mean 'maxmemory'?")),
        (&[&quotes], &format!("{quotes}, line 1: a quote is not closed")),
        (
            &[&later],
            &format!("{later}, line 1: option 'aclfile' cannot be 'users': access control lists are not there yet; only an empty value"),
        ),
        (&[&rename], &format!("{rename}, line 2: option 'rename-command' takes the name of a command")),
        (&[&renamed], &format!("{renamed}, line 1: option 'rename-command' takes the name of a command and a name that is free")),
        (&[&include], &format!("{value}, line 2: option 'maxmemory-policy' cannot be 'lru'")),
        (
            &[&shutdown],
            &format!(
                "{shutdown}, line 1: option 'shutdown-on-sigterm' cannot be 'safe': safe: a node cannot tell yet whether others depend on it"
            ),
        ),
        (&[&alone], &format!("{alone}, line 2: option 'maxmemory' cannot be '': it takes bytes, with an optional unit such as mb")),
        (&[&number], &format!("{number}, line 3: option 'maxmemory' cannot be '1gigabyte': it takes bytes, with an optional unit")),
        (&[&yes_no], &format!("{yes_no}, line 1: option 'protected-mode' cannot be 'on': it takes yes or no")),
        (&[&many], &format!("{many}, line 1: option 'port' cannot be '1 2': it takes a whole number from 0 to 65535")),
        (&["--maxmemroy", "1gb"], "command line: there is no option '--maxmemroy'; did you mean '--maxmemory'?"),
        (&["--port"], "command line: option 'port' cannot be '': it takes a whole number from 0 to 65535"),
        (&["--port", "1", "2"], "command line: option 'port' cannot be '1 2': it takes a whole number from 0 to 65535"),
        (
            &["--bind", "127.0.0.1", "--port", &free, "--cluster-enabled", "yes", "--cluster-port", &busy],
            &format!("Could not create the cluster bus listening socket 127.0.0.1:{busy}: "),
        ),
        (&["/nonexistent/larder.conf"], "Fatal error, can't open config file '/nonexistent/larder.conf': No such file or directory"),
        (&["--port", "65536"], "command line: option 'port' cannot be '65536': it takes a whole number from 0 to 65535"),
        (&["--hz", "often"], "command line: option 'hz' cannot be 'often': it takes a whole number"),
        (
            &["--port", "0", "--io-threads", "257"],
            "command line: option 'io-threads' cannot be '257': it takes a whole number from 1 to 256",
        ),
        (&["--cluster-autopilot", "yes"], "cluster-autopilot yes needs cluster-enabled yes"),
        (&["--port", "0"], "Configured to not listen anywhere: port is 0 or bind is empty, and there is no unixsocket"),
        (&["--bind", "127.0.0.1", "--port", &busy], &format!("Failed listening on port {busy} (tcp): ")),
        (&["--bind", "host.invalid", "--port", "1"], "Failed listening on port 1 (tcp): "),
        (&["--port", "0", "--unixsocket", "/nonexistent/socket"], "Failed listening on the unix socket: "),
        (&["--port", "0", "--unixsocket", "s", "--unixsocketgroup", "no such group"], "Failed listening on the unix socket: "),
        (&["--logfile", "/nonexistent/log"], "Can't open the log file: No such file or directory"),
        (&["--dir", "/nonexistent"], "command line: option 'dir' cannot be '/nonexistent': No such file or directory"),
    ];
    for (args, expected) in cases {
        let ended = run_to_end(args, "", folder.path());
        let message = String::from_utf8_lossy(&ended.stderr).into_owned();
        let last = message.lines().last().unwrap_or_default();
        assert!(last.starts_with(expected), "{args:?}: {message}");
        assert!(last.matches("(os error").count() <= 1, "{args:?}: the reason comes once: {message}");
        assert_eq!(ended.status.code(), Some(1), "{args:?}: {message}");
        assert!(!message.contains("panicked") && !message.contains("secret"), "{args:?}: {message}");
    }
}

/// Clients and scripts ask so for the version before they start a server.
#[test]
fn a_server_that_is_asked_about_itself_answers_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, start) in [
        (["-v"], "Larder server v="),
        (["--version"], concat!("Larder server v=", env!("CARGO_PKG_VERSION"), " ")),
        (["-h"], "Usage: larder-server [/path/to/larder.conf] [options] [-]\n"),
        (["--help"], "Usage: larder-server [/path/to/larder.conf] [options] [-]\n"),
    ] {
        let ended = run_to_end(&args, "", folder.path());
        let text = String::from_utf8_lossy(&ended.stdout);
        assert!(text.starts_with(start) && text.ends_with('\n'), "{args:?}: {text}");
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{args:?}");
    }
}

#[test]
fn a_taken_port_leaves_the_other_node_alone() {
    let server = Server::larder(&["--pidfile", "larder.pid", "--unixsocket", "socket"]);
    let port = server.port().to_string();
    let args = ["--bind", "127.0.0.1", "--port", &port, "--pidfile", "larder.pid", "--unixsocket", "socket"];
    let ended = run_to_end(&args, "", server.folder());
    assert_eq!(ended.status.code(), Some(1));
    let log = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(log.contains("Address already in use") && log.contains(&format!("Failed listening on port {port} (tcp), aborting.")), "{log}");
    let pid = std::fs::read_to_string(server.folder().join("larder.pid")).expect("the first node's file");
    assert_eq!(pid.trim(), server.pid().to_string());
    let stream = UnixStream::connect(server.folder().join("socket")).expect("the first node's socket");
    assert_eq!(Connection::over(stream).call(&["PING"]), pong());
}

#[test]
fn options_come_from_files_standard_input_and_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = write(folder.path(), "more.conf", "maxmemory 200mb\nrename-command FLUSHALL \"\"\nrename-command GET fetch\n");
    let port = free_port().to_string();
    let socket = folder.path().join("socket");
    let input = format!("include {more}\nport {port}\nbind 127.0.0.1\nhz 33\nunixsocket {}\n", socket.display());
    let mut child = std::process::Command::new(crate::support::larder_program())
        .args(["-", "--hz", "44"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the server starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the server reads its options");
    wait_until("the server listens", || UnixStream::connect(&socket).is_ok());
    let mut client = Connection::over(UnixStream::connect(&socket).expect("it listens"));
    let get = |client: &mut Connection, name: &str| match client.call(&["CONFIG", "GET", name]) {
        Value::Array(items) => items[1].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(get(&mut client, "maxmemory"), Value::Bulk("209715200".into()));
    assert_eq!(get(&mut client, "hz"), Value::Bulk("44".into()), "the command line wins");
    assert_eq!(client.call(&["SET", "key", "value"]), ok());
    assert_eq!(client.call(&["FETCH", "key"]), Value::Bulk("value".into()));
    for gone in ["GET", "FLUSHALL"] {
        assert!(error_text(&client.call(&[gone, "key"])).starts_with(&format!("ERR unknown command '{gone}'")));
    }
    child.kill().expect("it is running");
    child.wait().expect("our child");
}

#[test]
fn a_unix_socket_has_its_permissions_and_goes_with_the_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let name = path.display().to_string();
    // What a node that was killed left behind does not disturb.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let mut server = Server::larder(&["--unixsocket", &name, "--unixsocketperm", "740", "--pidfile", "larder.pid"]);
    let mode = std::fs::metadata(&path).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o740);
    let pidfile = server.folder().join("larder.pid");
    assert_eq!(std::fs::read_to_string(&pidfile).expect("a file").trim(), server.pid().to_string());
    let mut client = Connection::over(UnixStream::connect(&path).expect("it listens"));
    assert_eq!(client.call(&["SET", "key", "value"]), ok());
    assert_eq!(server.connect().call(&["GET", "key"]), Value::Bulk("value".into()));
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists() && !pidfile.exists());
}

#[test]
fn ipv6_addresses_are_bound() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("ipv6_addresses_are_bound: skipped, there is no ::1");
        return;
    }
    // The third address may be missing on this machine, and is.
    let server = Server::larder(&["--bind", "127.0.0.1", "::1", "-2001:db8::1"]);
    let stream = TcpStream::connect((Ipv6Addr::LOCALHOST, server.port())).expect("it listens on ::1");
    assert_eq!(Connection::new(stream).call(&["PING"]), pong());
    assert_eq!(server.connect().call(&["PING"]), pong());
}

/// An address of this machine that is not a loopback one. Nothing is sent to find it.
fn outer_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn protected_mode_lets_only_this_machine_in() {
    let Some(outer) = outer_address() else {
        eprintln!("protected_mode_lets_only_this_machine_in: skipped, this machine has only loopback addresses");
        return;
    };
    let server = Server::larder(&["--bind", "*"]);
    let from_outside = || Connection::new(TcpStream::connect(SocketAddr::new(outer, server.port())).expect("it listens everywhere"));
    let denial = String::from_utf8(from_outside().read_to_end()).expect("text");
    assert!(denial.starts_with("-DENIED Larder is running in protected mode") && denial.ends_with("\r\n"), "{denial}");
    let mut client = server.connect();
    client.config_set("requirepass", "secret");
    assert!(error_text(&from_outside().call(&["PING"])).starts_with("NOAUTH"));
    client.config_set("requirepass", "");
    assert!(from_outside().read_to_end().starts_with(b"-DENIED"));
    client.config_set("protected-mode", "no");
    assert_eq!(from_outside().call(&["PING"]), pong());
}

#[test]
fn maxclients_bounds_the_connections() {
    let server = Server::larder(&["--maxclients", "3"]);
    let mut clients: Vec<Connection> = (0..3).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.call(&["PING"]), pong()));
    assert_eq!(server.connect().read_to_end(), b"-ERR max number of clients reached\r\n");
    clients[0].config_set("maxclients", "4");
    clients.push(server.connect());
    assert_eq!(clients[3].call(&["PING"]), pong());
    clients[0].config_set("maxclients", "3");
    drop(clients.pop());
    drop(clients.pop());
    // The server sees the end of the others a little later.
    wait_until("a connection is accepted again", || {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        (&stream).write_all(b"PING\r\n").is_ok() && {
            let mut reply = [0; 5];
            (&stream).read_exact(&mut reply).is_ok() && &reply == b"+PONG"
        }
    });
}

#[test]
fn a_burst_of_connections_keeps_to_maxclients() {
    const MOST: usize = 10;
    let server = Server::larder(&["--maxclients", "10", "--io-threads", "2"]);
    let deadline = std::time::Duration::from_secs(60);
    // All at once, and answered only afterwards: the workers get to see them late.
    let streams: Vec<TcpStream> = (0..MOST * 20)
        .map(|_| {
            let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
            stream.set_read_timeout(Some(deadline)).expect("a socket has a timeout");
            // It may be closed already.
            let _ = (&stream).write_all(b"PING\r\n");
            stream
        })
        .collect();
    let mut served = 0;
    for mut stream in streams.iter() {
        let mut reply = [0; 5];
        // What was refused may be reset before its error is read.
        let Ok(()) = stream.read_exact(&mut reply) else { continue };
        match &reply {
            b"+PONG" => served += 1,
            b"-ERR " => {}
            other => panic!("{}", other.escape_ascii()),
        }
    }
    assert!((1..=MOST).contains(&served), "{served} were served");
}

#[test]
fn a_node_keeps_to_the_descriptors_reserved_for_it() {
    for (workers, cluster) in [(1, "no"), (8, "no"), (8, "yes")] {
        let bus_port = free_port().to_string();
        let server = Server::larder(&["--io-threads", &workers.to_string(), "--cluster-enabled", cluster, "--cluster-port", &bus_port]);
        let used = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs").count() as u64;
        assert!(used <= reserved_descriptors(workers), "{used} descriptors with {workers} workers, cluster {cluster}");
    }
}

#[test]
fn config_set_moves_the_port() {
    let server = Server::larder(&[]);
    let mut client = server.connect();
    let busy = Server::larder(&[]);
    let refused = error_text(&client.call(&["CONFIG", "SET", "maxmemory", "1gb", "port", &busy.port().to_string()]));
    assert_eq!(refused, "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.");
    let shown = client.call(&["CONFIG", "GET", "maxmemory"]);
    assert_eq!(shown, Value::Array(vec![Value::Bulk("maxmemory".into()), Value::Bulk("0".into())]), "all or nothing");
    assert_eq!(server.connect().call(&["PING"]), pong(), "the old port still works");

    let new = free_port();
    client.config_set("port", &new.to_string());
    let moved = Connection::new(TcpStream::connect(("127.0.0.1", new)).expect("it listens there")).call(&["PING"]);
    assert_eq!(moved, pong());
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err(), "the old port is closed");
    assert_eq!(client.call(&["PING"]), pong(), "connections stay");
    let refused = error_text(&client.call(&["CONFIG", "SET", "bind", "host.invalid"]));
    assert_eq!(refused, "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.");
    assert!(TcpStream::connect(("127.0.0.1", new)).is_ok());
}

#[test]
fn the_number_of_workers_changes_while_clients_are_connected() {
    let server = Server::larder(&["--io-threads", "2"]);
    let mut clients: Vec<Connection> = (0..6).map(|_| server.connect()).collect();
    for count in ["5", "1", "3", "256", "2"] {
        clients[0].config_set("io-threads", count);
        clients.extend((0..4).map(|_| server.connect()));
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.call(&["SET", &format!("key:{number}"), count]), ok());
            assert_eq!(client.call(&["GET", &format!("key:{number}")]), Value::Bulk(count.to_owned().into()));
        }
    }
    for (value, reason) in [("0", "argument must be between 1 and 256 inclusive"), ("257", "argument must be between 1 and 256 inclusive")]
    {
        assert!(error_text(&clients[0].call(&["CONFIG", "SET", "io-threads", value])).ends_with(reason));
    }
}

#[test]
fn the_process_follows_its_options() {
    let server = Server::larder(&["--enable-protected-configs", "yes"]);
    let mut client = server.connect();
    let of_process = |name: &str| format!("/proc/{}/{name}", server.pid());
    let title = || std::fs::read_to_string(of_process("cmdline")).expect("a title").trim_end_matches('\0').to_owned();
    assert!(title().ends_with(&format!(" 127.0.0.1:{}", server.port())), "{}", title());
    client.config_set("proc-title-template", "TEST {port} {config-file} {server-mode}");
    assert_eq!(title(), format!("TEST {} -", server.port()));

    let score = || std::fs::read_to_string(of_process("oom_score_adj")).expect("a score").trim().parse::<i32>().expect("a number");
    let base = score();
    client.config_set("oom-score-adj-values", "7 200 800");
    assert_eq!(score(), base);
    client.config_set("oom-score-adj", "relative");
    assert_eq!(score(), (base + 7).min(1000));
    // A change that fails elsewhere is undone here.
    let busy = Server::larder(&[]);
    let refused = client.call(&["CONFIG", "SET", "oom-score-adj-values", "9 9 9", "port", &busy.port().to_string()]);
    assert!(error_text(&refused).contains("'port'"));
    assert_eq!(score(), (base + 7).min(1000));
    client.config_set("oom-score-adj", "no");
    assert_eq!(score(), base);

    let elsewhere = tempfile::tempdir().expect("a folder");
    client.config_set("dir", &elsewhere.path().display().to_string());
    let folder = std::fs::read_link(of_process("cwd")).expect("a working directory");
    assert_eq!(folder, elsewhere.path().canonicalize().expect("it exists"));
}

#[test]
fn systemd_hears_that_the_node_is_up_and_ending() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(std::time::Duration::from_secs(60))).expect("a timeout");
    let mut server = Server::larder_with(&["--supervised", "systemd"], &[("NOTIFY_SOCKET", &path.display().to_string())]);
    let mut buffer = [0; 200];
    let mut receive = || {
        let len = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    };
    assert!(receive().contains("READY=1\n"));
    server.terminate();
    assert_eq!(receive(), "STOPPING=1\n");
    assert_eq!(server.wait().code(), Some(0));
}

/// Clients of the test below.
const WRITERS: usize = 8;
/// Requests a client sends at once.
const PIPELINE: usize = 50;

/// Every request that was executed is answered before the connection ends, and it ends in order, between two replies.
#[test]
fn a_node_that_is_told_to_end_answers_what_it_accepted() {
    for signal in [Signal::TERM, Signal::INT] {
        ends_in_order(signal);
    }
}

fn ends_in_order(signal: Signal) {
    let mut server = Server::larder(&["--io-threads", "2"]);
    let mut idle = server.connect();
    assert_eq!(idle.call(&["PING"]), pong());
    let started = std::sync::atomic::AtomicUsize::new(0);
    let counts = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
                let started = &started;
                scope.spawn(move || count_until_the_end(writer, stream, started))
            })
            .collect();
        wait_until("every client is at work", || started.load(std::sync::atomic::Ordering::Relaxed) == WRITERS);
        server.signal(signal);
        writers.into_iter().flat_map(|writer| writer.join().expect("the client saw nothing strange")).collect::<Vec<u64>>()
    });
    assert_eq!(server.wait().code(), Some(0));
    assert!(idle.read_to_end().is_empty());
    // The shared counter: whatever it counted was reported to somebody, once.
    let mut counts = counts;
    counts.sort_unstable();
    assert!(counts.len() >= WRITERS * PIPELINE);
    assert!(counts.iter().copied().eq(1..=counts.len() as u64), "of {} replies the last is {:?}", counts.len(), counts.last());
}

/// Pipelines a SET and an INCR of a shared counter until the server closes the connection. Returns what the counter answered.
fn count_until_the_end(writer: usize, stream: TcpStream, started: &std::sync::atomic::AtomicUsize) -> Vec<u64> {
    let mut sender = stream.try_clone().expect("a second handle");
    let socket = stream.try_clone().expect("a third one");
    let sending = std::thread::spawn(move || {
        for number in 0u64.. {
            let mut requests = String::new();
            for at in 0..PIPELINE {
                requests.push_str(&format!("SET writer:{writer}:{at} {number}\r\nINCR shared\r\n"));
            }
            // Once the server has closed the connection, writing fails.
            if sender.write_all(requests.as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut reader = std::io::BufReader::new(stream);
    let mut counts: Vec<u64> = Vec::new();
    let mut line = String::new();
    for number in 0.. {
        line.clear();
        let len = std::io::BufRead::read_line(&mut reader, &mut line).expect("the connection ends in order");
        if len == 0 {
            break;
        }
        assert!(line.ends_with("\r\n"), "the connection ended inside a reply: {line:?}");
        // The replies to SET and INCR take turns, and what is counted for one client grows.
        if number % 2 == 0 {
            assert_eq!(line, "+OK\r\n");
            continue;
        }
        let count = line.strip_prefix(':').and_then(|count| count.trim_end().parse().ok()).expect("a number");
        assert!(counts.last().is_none_or(|before| *before < count), "{count} after {:?}", counts.last());
        counts.push(count);
        if counts.len() == PIPELINE {
            started.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    // As clients do when they see the end.
    let _ = socket.shutdown(std::net::Shutdown::Both);
    sending.join().expect("the sender ends with the connection");
    counts
}
