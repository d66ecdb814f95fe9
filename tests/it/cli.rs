//! `larder-cli` against a real server, compared with that server's own client byte for byte.
//!
//! Needs `valkey-server` and `valkey-cli` in the folder that VALKEY_BIN_DIR names, or in PATH; without them the
//! comparisons are skipped and say so. The redirections are tested against a server of a few lines that lives here.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const CLI: &str = env!("CARGO_BIN_EXE_larder-cli");

/// What a client printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    stdout: String,
    stderr: String,
    status: Option<i32>,
}

/// Runs a client to its end.
fn run(program: &Path, args: &[&str], stdin: &str, terminal: bool) -> Outcome {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("REDISCLI_AUTH").env_remove("VALKEYCLI_AUTH").env("TERM", "dumb").env_remove("FAKETTY");
    if terminal {
        command.env("FAKETTY", "1");
    }
    let mut child = command.spawn().expect("the client starts");
    // A client that reads no input may close it early.
    let _ = child.stdin.take().expect("it is piped").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("the client ends");
    let text = |bytes: Vec<u8>| bytes.into_iter().map(char::from).collect();
    Outcome { stdout: text(output.stdout), stderr: text(output.stderr), status: output.status.code() }
}

fn find(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("VALKEY_BIN_DIR").map(PathBuf::from).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A real server on a socket of its own.
struct Reference {
    server: Child,
    cli: PathBuf,
    folder: tempfile::TempDir,
}

impl Reference {
    /// None, with a word about it, where it is not installed.
    fn start(test: &str) -> Option<Reference> {
        let (Some(server), Some(cli)) = (find("valkey-server"), find("valkey-cli")) else {
            eprintln!("{test}: skipped, valkey-server and valkey-cli are not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let server = Command::new(server)
            .args(["--port", "0", "--save", "", "--enable-debug-command", "yes", "--unixsocket"])
            .arg(folder.path().join("socket"))
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut reference = Reference { server, cli, folder };
        let log = BufReader::new(reference.server.stdout.take().expect("it is piped"));
        let ready = log.lines().map_while(Result::ok).any(|line| line.contains("Ready to accept connections"));
        assert!(ready, "the server came up");
        Some(reference)
    }

    fn socket(&self) -> String {
        self.folder.path().join("socket").to_str().expect("it is UTF-8").to_owned()
    }

    /// What both clients make of the same arguments on a server with the same keys: ours, theirs.
    fn both(&self, cases: &[Case]) -> [Vec<Outcome>; 2] {
        let socket = self.socket();
        [Path::new(CLI), &self.cli].map(|program| {
            self.prepare();
            let outcomes = cases.iter().map(|case| {
                let args: Vec<&str> = ["-s", &socket].into_iter().chain(case.args.iter().copied()).collect();
                run(program, &args, &case.stdin, case.terminal)
            });
            outcomes.collect()
        })
    }

    fn prepare(&self) {
        let script = "FLUSHALL\nSET text \"tab\\tquote\\\"\\xf0\\x00end\"\nSET number 42\nRPUSH list a b c d e f g h i j\n\
                      HSET hash f1 v1 f2 \"v 2\"\nSADD set x\nZADD zset 1 a 2.5 b\nGEOADD geo 13.361389 38.115556 Palermo\n\
                      XADD stream 1-1 field value\nHSET slash \\\\ \"\\\"\"\n";
        let outcome = run(&self.cli, &["-s", &self.socket(), "-e"], script, false);
        assert_eq!((outcome.status, outcome.stdout.contains("ERR")), (Some(0), false), "{outcome:?}");
    }

    fn compare(&self, cases: &[Case]) {
        let [ours, theirs] = self.both(cases);
        let mut differences = Vec::new();
        for ((case, ours), mut theirs) in cases.iter().zip(ours).zip(theirs) {
            theirs.stdout = theirs.stdout.replace("valkey-cli", "larder-cli");
            if ours != theirs {
                differences.push(format!("{case:#?}\n  ours: {ours:?}\ntheirs: {theirs:?}\n"));
            }
        }
        assert!(differences.is_empty(), "{} of {} cases differ:\n{}", differences.len(), cases.len(), differences.join("\n"));
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[derive(Debug, Clone)]
struct Case<'a> {
    args: Vec<&'a str>,
    stdin: String,
    terminal: bool,
}

fn case<'a>(args: &[&'a str]) -> Case<'a> {
    Case { args: args.to_vec(), stdin: String::new(), terminal: false }
}

/// Lines typed at the prompt.
fn typed<'a>(args: &[&'a str], lines: &[&str]) -> Case<'a> {
    Case { stdin: lines.iter().map(|line| format!("{line}\n")).collect(), ..case(args) }
}

#[test]
fn replies_look_as_in_valkey_cli() {
    let Some(reference) = Reference::start("replies_look_as_in_valkey_cli") else { return };
    let commands = [
        "GET text",
        "GET number",
        "GET nothing",
        "GET list",
        "INCR number",
        "LRANGE list 0 -1",
        "LRANGE nothing 0 -1",
        "LPOP nothing 2",
        "HGETALL hash",
        "HGETALL slash",
        "HGETALL nothing",
        "SMEMBERS set",
        "SMEMBERS nothing",
        "ZRANGE zset 0 -1 WITHSCORES",
        "ZSCORE zset b",
        "GEOPOS geo Palermo nowhere",
        "XRANGE stream - +",
        "XREAD STREAMS stream nothing 0 0",
        "XINFO STREAM stream FULL",
        "PING",
        "ECHO",
        "NOSUCHCOMMAND a b",
        "COMMAND INFO get xadd nothing",
        "COMMAND DOCS set",
        "CONFIG GET maxmemory*",
        "CLIENT GETNAME",
        "CLUSTER INFO",
        "INFO persistence-nothing",
        "LATENCY DOCTOR",
        "DEBUG PROTOCOL double",
        "DEBUG PROTOCOL null",
        "DEBUG PROTOCOL array",
        "DEBUG PROTOCOL set",
        "DEBUG PROTOCOL map",
        "DEBUG PROTOCOL verbatim",
        "DEBUG PROTOCOL true",
        "DEBUG PROTOCOL false",
        "DEBUG PROTOCOL string",
        "DEBUG PROTOCOL integer",
        "EVAL return{1,{2,{}},{err='bad'},{ok='fine'}} 0",
    ];
    let formats: [&[&str]; 10] = [
        &["--no-raw"],
        &["--raw"],
        &["--csv"],
        &["--json"],
        &["--quoted-json"],
        &["-2", "--json"],
        &["-3", "--no-raw"],
        &["-3", "--raw"],
        &["-3", "--csv"],
        &["-3", "-d", "<>", "-D", "|", "--raw"],
    ];
    let cases: Vec<Case> = formats
        .iter()
        .flat_map(|format| commands.iter().map(|command| case(&format.iter().copied().chain(command.split(' ')).collect::<Vec<_>>())))
        .collect();
    reference.compare(&cases);
}

#[test]
fn one_shot_options_work_as_in_valkey_cli() {
    let Some(reference) = Reference::start("one_shot_options_work_as_in_valkey_cli") else { return };
    let with_stdin = |args, stdin: &str| Case { stdin: stdin.to_owned(), ..case(args) };
    let request = "*2\r\n$4\r\nINCR\r\n$4\r\npipe\r\n";
    let mut cases = vec![
        case(&["-n", "3", "SET", "k", "v"]),
        case(&["-n", "3", "GET", "k"]),
        case(&["GET", "k"]),
        case(&["-n", "99", "PING"]),
        case(&["-e", "GET", "list"]),
        case(&["-e", "GET", "number"]),
        case(&["-r", "3", "INCR", "counter"]),
        case(&["-r", "2", "-i", "0.01", "INCR", "counter"]),
        case(&["-a", "x", "PING"]),
        case(&["-a", "x", "--no-auth-warning", "PING"]),
        case(&["--user", "nobody", "-a", "x", "--no-auth-warning", "PING"]),
        case(&["--quoted-input", "SET", "\"a\\x41\"", "'b c'"]),
        case(&["--quoted-input", "SET", "\"a", "b"]),
        case(&["--quoted-input", "SET", "a b", "c"]),
        case(&["GET", "aA"]),
        case(&["--scan", "--pattern", "s*"]),
        case(&["--scan", "--quoted-pattern", "\"\\x73et\"", "--count", "1"]),
        case(&["--scan", "--no-raw", "--pattern", "num*"]),
        case(&["-x", "-X", "tag", "PING"]),
        case(&["-2", "-3", "PING"]),
        case(&["--no-such-option"]),
        case(&["-X"]),
        case(&["SUBSCRIBE"]),
        with_stdin(&["-x", "SET", "from-stdin"], "some text\n"),
        with_stdin(&["-X", "tag", "SET", "tag", "x"], "key"),
        with_stdin(&["-X", "tag", "SET", "other", "x"], "key"),
        case(&["MGET", "from-stdin", "key", "tag"]),
        with_stdin(&["--pipe"], &request.repeat(1000)),
        with_stdin(&["--pipe"], &format!("{request}NOSUCH\r\n{request}")),
        case(&["GET", "pipe"]),
    ];
    for terminal in [case(&["GET", "number"]), case(&["INCR", "number"]), case(&["LRANGE", "list", "0", "1"])] {
        cases.push(Case { terminal: true, ..terminal });
    }
    reference.compare(&cases);
    assert_eq!(run(Path::new(CLI), &["-s", "/nowhere", "PING"], "", false).status, Some(1));
}

#[test]
fn sessions_go_as_in_valkey_cli() {
    let Some(reference) = Reference::start("sessions_go_as_in_valkey_cli") else { return };
    let sessions: [&[&str]; 6] = [
        &["SET \"k\\x41\" 'v w'", "get kA", "get \"open", "", "   ", "2 incr n", "0 incr n", "-1 incr n", "info nothing"],
        &["multi", "incr n", "info nothing", "exec", "multi", "select 3", "discard", "get n", "exec", "multi", "nosuch", "exec"],
        &["select 3", "set only 3", "select 99", "get only", "auth a b", "client getname"],
        &[":get pubsub", "subscribe a b", ":get pubsub", "unsubscribe a", "ping", "unsubscribe", ":get pubsub", "get n"],
        &["psubscribe p*", "ssubscribe {s}1 {s}2", "reset", ":get pubsub", "ping"],
        &["get list", "client kill type nosuch", "quit", "set never 1"],
    ];
    let mut cases = Vec::new();
    for lines in sessions {
        for format in [&["--raw"][..], &["--no-raw"], &["--csv"], &["-3", "--no-raw"], &["-3", "--raw"], &["--json"]] {
            cases.push(typed(format, lines));
            cases.push(Case { terminal: true, ..typed(format, lines) });
        }
    }
    reference.compare(&cases);
}

/// Answers each connection with canned replies, and returns the requests that it saw.
fn answer(listener: TcpListener, replies: Vec<String>) -> std::thread::JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client connects");
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        replies
            .iter()
            .map(|reply| {
                let request = read_request(&mut reader);
                (&stream).write_all(reply.as_bytes()).expect("the client listens");
                request
            })
            .collect()
    })
}

fn read_request(reader: &mut BufReader<TcpStream>) -> String {
    let mut number = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line.trim_end()[1..].parse::<usize>().expect("a number")
    };
    let count = number();
    let mut words = Vec::new();
    for _ in 0..count {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        let len: usize = line.trim_end()[1..].parse().expect("a number");
        let mut word = vec![0; len + 2];
        reader.read_exact(&mut word).expect("a word");
        words.push(String::from_utf8_lossy(&word[..len]).into_owned());
    }
    words.join(" ")
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[test]
fn redirections_are_followed_in_cluster_mode() {
    for (redirection, expected) in [("MOVED", vec!["SET foo bar"]), ("ASK", vec!["ASKING", "SET foo bar"])] {
        let ((first, first_port), (second, second_port)) = (listen(), listen());
        let first = answer(first, vec![format!("-{redirection} 12182 127.0.0.1:{second_port}\r\n")]);
        let second = answer(second, vec!["+OK\r\n".to_owned(); expected.len()]);
        let port = first_port.to_string();
        let outcome = run(Path::new(CLI), &["-c", "-p", &port, "SET", "foo", "bar"], "", false);
        assert_eq!((outcome.stdout.as_str(), outcome.status), ("OK\n", Some(0)), "{outcome:?}");
        assert_eq!(first.join().expect("the first node answered"), ["SET foo bar"]);
        assert_eq!(second.join().expect("the second node answered"), expected);
    }
    let (node, port) = listen();
    let node = answer(node, vec!["-MOVED 12182 127.0.0.1:1\r\n".to_owned()]);
    let outcome = run(Path::new(CLI), &["-p", &port.to_string(), "GET", "foo"], "", false);
    assert_eq!(outcome.stdout, "MOVED 12182 127.0.0.1:1\n\n");
    node.join().expect("the node answered");
}

#[test]
fn a_lost_connection_ends_one_shots_and_not_sessions() {
    let (node, port) = listen();
    let node = answer(node, vec![String::new()]);
    let outcome = run(Path::new(CLI), &["-p", &port.to_string(), "GET", "foo"], "", false);
    node.join().expect("the node answered");
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("Error: Server closed the connection\n", Some(1)));

    let (node, port) = listen();
    let port = port.to_string();
    let node = std::thread::spawn(move || {
        let replies = ["", "+again\r\n"];
        for reply in replies {
            let (stream, _) = node.accept().expect("a client connects");
            let mut reader = BufReader::new(stream);
            assert_eq!(read_request(&mut reader), "PING");
            reader.get_mut().write_all(reply.as_bytes()).expect("the client listens");
        }
    });
    let outcome = run(Path::new(CLI), &["-p", &port], "PING\nPING\n", false);
    node.join().expect("the node answered");
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.status),
        ("again\n", "Error: Server closed the connection\n", Some(0))
    );
}

#[test]
fn passwords_come_from_options_uris_and_the_environment() {
    for (args, variable, expected) in [
        (&["-a", "p"][..], None, "AUTH p"),
        (&["-a", "p", "--user", "u"], Some(("REDISCLI_AUTH", "other")), "AUTH u p"),
        (&[], Some(("REDISCLI_AUTH", "p")), "AUTH p"),
        (&[], Some(("VALKEYCLI_AUTH", "p")), "AUTH p"),
        (&["--pass-from-env", "SECRET"], Some(("SECRET", "p")), "AUTH p"),
        (&["-u", "redis://u:p%20w@127.0.0.1:PORT"], None, "AUTH u p w"),
    ] {
        let (node, port) = listen();
        let node = answer(node, vec!["+OK\r\n".to_owned(), "+PONG\r\n".to_owned()]);
        let port = port.to_string();
        let mut command = Command::new(CLI);
        command.env_remove("REDISCLI_AUTH").env_remove("VALKEYCLI_AUTH").envs(variable).args(["-p", &port]);
        command.args(args.iter().map(|arg| arg.replace("PORT", &port))).arg("PING");
        let output = command.stdin(Stdio::null()).output().expect("the client runs");
        assert_eq!(output.stdout, b"PONG\n", "{args:?}");
        assert_eq!(node.join().expect("the node answered"), [expected, "PING"]);
    }
}

#[test]
fn errors_are_told_before_all_was_sent() {
    let (node, port) = listen();
    let node = std::thread::spawn(move || {
        let (mut stream, _) = node.accept().expect("a client connects");
        let mut input = Vec::new();
        let mut chunk = [0; 4096];
        // The marker of 20 bytes ends the stream.
        let marker = loop {
            let len = stream.read(&mut chunk).expect("the client sends");
            input.extend_from_slice(&chunk[..len]);
            let at = input.windows(5).position(|window| window == b"$20\r\n");
            if let Some(marker) = at.and_then(|at| input.get(at + 5..at + 25)) {
                break marker.to_vec();
            }
        };
        let reply = [b"-ERR first\r\n-ERR second\r\n$20\r\n", &marker[..], b"\r\n"].concat();
        stream.write_all(&reply).expect("the client listens");
    });
    let (output, ours) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(CLI);
    command.args(["-p", &port.to_string(), "--pipe"]).stdin(Stdio::piped()).stdout(ours.try_clone().expect("a second handle")).stderr(ours);
    let mut child = command.spawn().expect("the client starts");
    drop(command);
    child.stdin.take().expect("it is piped").write_all(b"NOSUCH\r\nNEITHER\r\n").expect("the client reads");
    let text = std::io::read_to_string(output).expect("it is text");
    node.join().expect("the node answered");
    assert_eq!(child.wait().expect("the client ends").code(), Some(1));
    let expected = "ERR first\nERR second\nAll data transferred. Waiting for the last reply...\nLast reply received from server.\n\
                    errors: 2, replies: 2\n";
    assert_eq!(text, expected);
}

#[test]
fn a_reply_nested_without_end_is_an_error() {
    let reason = "Error: Protocol error, reply is nested more than 128 deep\n";
    for (options, expected) in [(&[][..], reason.to_owned()), (&["-3"], format!("\n{reason}"))] {
        let (node, port) = listen();
        let node = std::thread::spawn(move || {
            let (mut stream, _) = node.accept().expect("a client connects");
            // The client leaves before it has seen all.
            let _ = stream.write_all(("*1\r\n".repeat(100_000) + ":1\r\n").as_bytes());
            let _ = stream.read(&mut [0; 64]);
        });
        let port = port.to_string();
        let outcome = run(Path::new(CLI), &[options, &["-p", &port, "GET", "foo"]].concat(), "", false);
        node.join().expect("the node answered");
        assert_eq!((outcome.stderr.as_str(), outcome.status), (expected.as_str(), Some(1)), "{options:?}");
    }
}

/// A client at a terminal.
struct Typist {
    keys: std::fs::File,
    screen: mpsc::Receiver<u8>,
    client: Child,
}

impl Typist {
    fn start(port: u16) -> Typist {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal for us");
        let name = ptsname(&ours, Vec::new()).expect("its name").into_string().expect("it is UTF-8");
        let theirs = std::fs::File::options().read(true).write(true).open(name).expect("its other side");
        let handle = || theirs.try_clone().expect("a second handle");
        let mut command = Command::new(CLI);
        command.args(["-p", &port.to_string()]).env("TERM", "xterm").env("LARDERCLI_HISTFILE", "/dev/null");
        let client = command.stdin(handle()).stdout(handle()).stderr(handle()).spawn().expect("the client starts");
        let keys = std::fs::File::from(ours);
        let mut output = keys.try_clone().expect("a second handle");
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut byte = [0];
            while output.read(&mut byte).is_ok_and(|len| len == 1) && sender.send(byte[0]).is_ok() {}
        });
        Typist { keys, screen, client }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until the screen has shown this.
    fn sees(&self, expected: &str) {
        let mut seen = Vec::new();
        while !seen.ends_with(expected.as_bytes()) {
            match self.screen.recv_timeout(Duration::from_secs(30)) {
                Ok(byte) => seen.push(byte),
                Err(_) => panic!("{expected:?} is not among {:?}", String::from_utf8_lossy(&seen)),
            }
        }
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

#[test]
fn ctrl_c_ends_a_search_and_not_the_session() {
    let (node, port) = listen();
    let node = std::thread::spawn(move || {
        let (stream, _) = node.accept().expect("a client connects");
        let mut reader = BufReader::new(stream);
        loop {
            let request = read_request(&mut reader);
            let reply = if request.starts_with("COMMAND") { "*0\r\n" } else { "+done\r\n" };
            reader.get_mut().write_all(reply.as_bytes()).expect("the client listens");
            if request == "second" {
                return;
            }
        }
    });
    let mut typist = Typist::start(port);
    typist.sees("> ");
    typist.types("first\r");
    typist.sees("done");
    typist.sees("> ");
    typist.types("\x12fir");
    typist.sees("reverse-i-search)`fir'");
    typist.types("\x03");
    typist.sees("> ");
    typist.types("second\r");
    typist.sees("done");
    typist.sees("> ");
    typist.types("\x03");
    assert_eq!(typist.client.wait().expect("the client ends").code(), Some(0));
    node.join().expect("the node answered");
}
