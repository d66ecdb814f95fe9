//! Real servers for tests: started on a port of their own, awaited, talked to, and killed when the test is over.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use larder::base::clock;
use larder_proto::resp::{ReplyDecoder, Value};

/// How long a server may take to come up. Generous: a loaded machine must not fail a test.
const START_MS: u64 = 30_000;
/// How long a reply may take.
const REPLY_TIME: Duration = Duration::from_secs(60);
/// Ports tried before giving up: another process may take one between its choice and the server's start.
const PORT_TRIES: usize = 5;

/// A running server. Ends with its value.
pub(crate) struct Server {
    child: Child,
    port: u16,
    /// Its working folder, removed after it.
    _folder: tempfile::TempDir,
}

impl Server {
    /// The server under test, with further options.
    pub(crate) fn larder(options: &[&str]) -> Server {
        Server::start(Path::new(env!("CARGO_BIN_EXE_larder-server")), options)
    }

    /// A real Valkey (or Redis) to compare with: the program that VALKEY_SERVER names, else the first one in VALKEY_BIN_DIR or PATH.
    /// `None`, with a word about it, where there is none.
    pub(crate) fn reference(test: &str, options: &[&str]) -> Option<Server> {
        let program =
            std::env::var_os("VALKEY_SERVER").map(PathBuf::from).or_else(|| find("valkey-server")).or_else(|| find("redis-server"));
        if program.is_none() {
            eprintln!("{test}: skipped, there is no valkey-server");
        }
        program.map(|program| Server::start(&program, options))
    }

    fn start(program: &Path, options: &[&str]) -> Server {
        for _ in 0..PORT_TRIES {
            let folder = tempfile::tempdir().expect("a folder");
            let port = free_port();
            let child = Command::new(program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
                .args(options)
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
            let mut server = Server { child, port, _folder: folder };
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
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                let is_answered = Connection::new(stream).call(&["PING"]) == Value::Simple("PONG".into());
                return is_answered;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server on port {} does not answer", self.port);
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::new(TcpStream::connect(("127.0.0.1", self.port)).expect("the server accepts connections"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// The program of this name in VALKEY_BIN_DIR or PATH.
fn find(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("VALKEY_BIN_DIR").map(PathBuf::from).into_iter().collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH")?));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A client.
pub(crate) struct Connection {
    stream: TcpStream,
    decoder: ReplyDecoder,
    /// Bytes that were read beyond the last reply.
    pending: BytesMut,
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        stream.set_read_timeout(Some(REPLY_TIME)).expect("a socket has a timeout");
        stream.set_nodelay(true).expect("a TCP socket");
        Connection { stream, decoder: ReplyDecoder::default(), pending: BytesMut::new() }
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
        let mut request = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            let arg = arg.as_ref();
            request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            request.extend_from_slice(arg);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&request).expect("the server reads");
    }

    /// Waits for the next reply or message.
    pub(crate) fn receive(&mut self) -> Value {
        self.read_reply(|_| ())
    }

    fn read_reply(&mut self, mut seen: impl FnMut(&[u8])) -> Value {
        let mut chunk = [0; 4096];
        loop {
            if let Some(value) = self.decoder.decode(&mut self.pending).expect("the server sends replies") {
                return value;
            }
            let len = self.stream.read(&mut chunk).expect("the server answers in time");
            assert!(len > 0, "the server closed the connection");
            self.pending.extend_from_slice(&chunk[..len]);
            seen(&chunk[..len]);
        }
    }
}
