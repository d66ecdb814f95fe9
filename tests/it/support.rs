//! Real servers for tests: started on a port of their own, awaited, talked to, and killed when the test is over.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use larder::base::clock;
use larder_proto::resp::{ReplyDecoder, Value};

/// How long a server may take to come up. Generous: a loaded machine must not fail a test.
const START_MS: u64 = 30_000;
/// How long a reply may take.
const REPLY_TIME: Duration = Duration::from_secs(60);
/// How long a test waits for something that must happen. Generous for the same reason.
const WAIT_MS: u64 = 60_000;
/// Pause between two looks.
const LOOK_TIME: Duration = Duration::from_millis(10);
/// Ports tried before giving up: another process may take one between its choice and the server's start.
pub(crate) const PORT_TRIES: usize = 5;

/// A running server. Ends with its value.
pub(crate) struct Server {
    child: Child,
    port: u16,
    /// Its working folder, removed after it.
    folder: tempfile::TempDir,
}

impl Server {
    /// The server under test, with further options.
    pub(crate) fn larder(options: &[&str]) -> Server {
        Server::start(larder_program(), options, &[])
    }

    /// The server under test, with further options and variables in its environment.
    pub(crate) fn larder_with(options: &[&str], environment: &[(&str, &str)]) -> Server {
        Server::start(larder_program(), options, environment)
    }

    /// A real Valkey to compare with: the program that VALKEY_SERVER names, else the first one in VALKEY_BIN_DIR or PATH. A Redis that is installed is none:
    /// it lacks half of what is compared. `None` where there is none: the test is skipped then, and says so past the harness, which shows nothing of tests that pass.
    pub(crate) fn reference(test: &str, options: &[&str]) -> Option<Server> {
        let program = std::env::var_os("VALKEY_SERVER").map(PathBuf::from).or_else(|| find("valkey-server"));
        if program.is_none() {
            skipped(test, "no VALKEY_SERVER, and no valkey-server in VALKEY_BIN_DIR or PATH");
        }
        program.map(|program| Server::start(&program, options, &[]))
    }

    /// This program, which takes options as Valkey does.
    pub(crate) fn of(program: &Path, options: &[&str]) -> Server {
        Server::start(program, options, &[])
    }

    /// A first option that is a path and no option is the configuration file, which every server expects in front of all else.
    fn start(program: &Path, options: &[&str], environment: &[(&str, &str)]) -> Server {
        let is_file = options.first().is_some_and(|first| !first.starts_with('-'));
        let (file, options) = options.split_at(usize::from(is_file));
        for _ in 0..PORT_TRIES {
            let folder = tempfile::tempdir().expect("a folder");
            let port = free_port();
            let child = Command::new(program)
                .args(file)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .args(options)
                .envs(environment.iter().copied())
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
            let mut server = Server { child, port, folder };
            if server.is_up() {
                return server;
            }
        }
        panic!("{} does not come up", program.display());
    }

    /// Waits until the server answers; false if it ended.
    fn is_up(&mut self) -> bool {
        let deadline_ms = clock::monotonic_ms() + START_MS;
        while clock::monotonic_ms() < deadline_ms {
            if self.child.try_wait().expect("our child").is_some() {
                return false;
            }
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                // Another test's server may have got the port, and hang up.
                let mut answer = [0; 7];
                let is_answered = stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer)).is_ok();
                return is_answered && (answer.starts_with(b"-NOAUTH") || answer.starts_with(b"-LOADIN") || &answer == b"+PONG\r\n");
            }
            std::thread::sleep(LOOK_TIME);
        }
        panic!("the server on port {} does not answer", self.port);
    }

    /// The port it was started on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder it was started in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks it to end, as a supervisor does.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it is running");
    }

    /// Has it stand still, and waits until all of its threads do: until then one of them may go on.
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
        let stands_still = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.expect("a thread").path().join("stat")).expect("its state");
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        };
        let tasks = format!("/proc/{}/task", self.pid());
        wait_until("the server stands still", || std::fs::read_dir(&tasks).expect("its threads").all(stands_still));
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the server ends", || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        status.expect("waited for")
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::new(self.connect_raw())
    }

    /// A new connection on which the test itself reads and writes bytes.
    pub(crate) fn connect_raw(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server accepts connections");
        stream.set_read_timeout(Some(REPLY_TIME)).expect("a socket has a timeout");
        stream.set_nodelay(true).expect("a TCP socket");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test.
pub(crate) fn larder_program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_larder-server"))
}

/// Runs the server under test with these arguments and this input until it ends by itself, which it must.
pub(crate) fn run_to_end(args: &[&str], input: &str, folder: &Path) -> Output {
    let mut child = Command::new(larder_program())
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    // It may end without having read its input.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let deadline_ms = clock::monotonic_ms() + WAIT_MS;
    while child.try_wait().expect("our child").is_none() {
        if clock::monotonic_ms() > deadline_ms {
            let _ = child.kill();
            panic!("with {args:?} the server goes on running");
        }
        std::thread::sleep(LOOK_TIME);
    }
    child.wait_with_output().expect("our child")
}

/// Says that a test, or a part of one, was left out: past the harness, which shows nothing of tests that pass.
pub(crate) fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
}

/// Waits until `condition` holds, which must happen in the end.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline_ms = clock::monotonic_ms() + WAIT_MS;
    while !condition() {
        assert!(clock::monotonic_ms() < deadline_ms, "waited in vain until {what}");
        std::thread::sleep(LOOK_TIME);
    }
}

/// A port that nobody listens on now, and no other test is given. Neither it nor the bus port that belongs to it is among those that the
/// system gives outgoing connections: one of those might be taken before it is used.
pub(crate) fn free_port() -> u16 {
    const PORTS: std::ops::Range<u32> = 11_000..21_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Test programs that run at the same time begin at different ones.
        let number = (std::process::id() * 131 + GIVEN.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let port = (PORTS.start + number) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A request as clients encode it.
pub(crate) fn request(args: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
    request
}

/// The program of this name in VALKEY_BIN_DIR or PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("VALKEY_BIN_DIR").map(PathBuf::from).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What a client talks through.
pub(crate) trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// A client.
pub(crate) struct Connection {
    stream: Box<dyn Wire>,
    decoder: ReplyDecoder,
    /// Bytes that were read beyond the last reply.
    pending: BytesMut,
}

impl Connection {
    /// A client on this TCP connection.
    pub(crate) fn new(stream: TcpStream) -> Connection {
        stream.set_read_timeout(Some(REPLY_TIME)).expect("a socket has a timeout");
        stream.set_nodelay(true).expect("a TCP socket");
        Connection::over(stream)
    }

    /// A client on any connection.
    pub(crate) fn over(stream: impl Wire + 'static) -> Connection {
        Connection { stream: Box::new(stream), decoder: ReplyDecoder::default(), pending: BytesMut::new() }
    }

    /// CONFIG SET, which must succeed.
    pub(crate) fn config_set(&mut self, option: &str, value: &str) {
        assert_eq!(self.call(&["CONFIG", "SET", option, value]), Value::Simple("OK".into()), "{option} {value}");
    }

    /// A figure of INFO.
    pub(crate) fn info(&mut self, field: &str) -> u64 {
        let text = self.text(&["INFO", "everything"]);
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("INFO has no figure {field}"))
    }

    /// A field of INFO as it stands there.
    pub(crate) fn info_text(&mut self, field: &str) -> String {
        let text = self.text(&["INFO", "everything"]);
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("INFO has no field {field}")).trim().to_owned()
    }

    /// A field of the line that CLIENT LIST has of the client with this address; `None` if it is gone.
    pub(crate) fn client_field(&mut self, address: SocketAddr, field: &str) -> Option<String> {
        let text = self.text(&["CLIENT", "LIST", "ADDR", &address.to_string()]);
        let value = text.split_ascii_whitespace().find_map(|part| part.strip_prefix(field)?.strip_prefix('='));
        value.map(str::to_owned)
    }

    /// Sends a request whose reply is a text.
    pub(crate) fn text(&mut self, args: &[&str]) -> String {
        match self.call(args) {
            Value::Bulk(text) | Value::Verbatim { text, .. } => String::from_utf8_lossy(&text).into_owned(),
            other => panic!("{args:?}: {other:?}"),
        }
    }

    /// Sends a request and decodes its reply.
    pub(crate) fn call(&mut self, args: &[impl AsRef<[u8]>]) -> Value {
        self.send(args);
        self.receive()
    }

    /// Sends a request and returns its reply as it came, byte for byte. Nothing else may be on its way.
    pub(crate) fn call_raw(&mut self, args: &[impl AsRef<[u8]>]) -> Vec<u8> {
        assert!(self.pending.is_empty(), "each request before was answered once");
        self.send(args);
        let mut raw = Vec::new();
        self.read_reply(|chunk| raw.extend_from_slice(chunk));
        assert!(self.pending.is_empty(), "one request has one reply");
        raw
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, args: &[impl AsRef<[u8]>]) {
        self.stream.write_all(&request(args)).expect("the server reads");
    }

    /// Sends requests at once.
    pub(crate) fn send_all<T: AsRef<[u8]>>(&mut self, requests: impl Iterator<Item = Vec<T>>) {
        self.try_send_all(requests).expect("the server reads");
    }

    /// As [`Connection::send_all`], to a server that may end meanwhile.
    pub(crate) fn try_send_all<T: AsRef<[u8]>>(&mut self, requests: impl Iterator<Item = Vec<T>>) -> std::io::Result<()> {
        let bytes: Vec<u8> = requests.flat_map(|args| request(&args)).collect();
        self.stream.write_all(&bytes)
    }

    /// Waits for the next reply or message.
    pub(crate) fn receive(&mut self) -> Value {
        self.read_reply(|_| ())
    }

    /// Waits for the next reply or message. `None` if the server ends the connection before.
    pub(crate) fn try_receive(&mut self) -> Option<Value> {
        self.next_reply(|_| ()).unwrap_or_else(|error| match error.kind() {
            ErrorKind::ConnectionReset => None,
            _ => panic!("the server answers in time: {error}"),
        })
    }

    /// Waits for the next reply or message and returns it as it came, byte for byte.
    pub(crate) fn receive_raw(&mut self) -> Vec<u8> {
        let mut raw = self.pending.to_vec();
        self.read_reply(|chunk| raw.extend_from_slice(chunk));
        raw.truncate(raw.len() - self.pending.len());
        raw
    }

    /// Everything the server sends until it closes the connection, as it comes. No reply may have been decoded in part.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.pending).to_vec();
        self.stream.read_to_end(&mut rest).expect("the server closes the connection in order");
        rest
    }

    fn read_reply(&mut self, seen: impl FnMut(&[u8])) -> Value {
        self.next_reply(seen).expect("the server answers in time").expect("the server closed the connection")
    }

    /// The next reply; `None` if the server closes the connection before.
    fn next_reply(&mut self, mut seen: impl FnMut(&[u8])) -> std::io::Result<Option<Value>> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(value) = self.decoder.decode(&mut self.pending).expect("the server sends replies") {
                return Ok(Some(value));
            }
            let len = match self.stream.read(&mut chunk) {
                // A read with a time limit is not resumed by the system when the machine stood still meanwhile.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            if len == 0 {
                return Ok(None);
            }
            self.pending.extend_from_slice(&chunk[..len]);
            seen(&chunk[..len]);
        }
    }
}
