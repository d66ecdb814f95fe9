//! Servers as child processes, and connections to them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::BytesMut;
use larder::base::clock;
use larder_proto::resp::{ReplyDecoder, Value};

/// How long a server may take to come up.
const START_MS: u64 = 30_000;
/// How long a reply may take: longer is as wrong as another reply.
const REPLY_TIME: Duration = Duration::from_secs(60);
const LOOK_TIME: Duration = Duration::from_millis(10);
/// Ports tried before giving up.
const PORT_TRIES: usize = 5;
const CHUNK: usize = 64 * 1024;

/// A running server. Ends with its value.
pub(crate) struct Server {
    program: PathBuf,
    options: Vec<String>,
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a server with these options and waits until it answers.
    pub(crate) fn start(program: &Path, options: &[String]) -> anyhow::Result<Server> {
        for _ in 0..PORT_TRIES {
            let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).context("no free port")?.port();
            let mut server = Server { program: program.to_owned(), options: options.to_vec(), child: spawn(program, port, options)?, port };
            if server.is_up()? {
                return Ok(server);
            }
        }
        bail!("{} does not come up", program.display())
    }

    /// Waits until it answers; false if it ended.
    fn is_up(&mut self) -> anyhow::Result<bool> {
        let deadline_ms = clock::monotonic_ms() + START_MS;
        while clock::monotonic_ms() < deadline_ms {
            if !self.is_running() {
                return Ok(false);
            }
            let answer = self.connect().and_then(|mut connection| connection.call(&["PING"]));
            if answer.is_ok() {
                return Ok(true);
            }
            std::thread::sleep(LOOK_TIME);
        }
        bail!("{} does not answer", self.program.display())
    }

    /// False once it ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, if it does so within this time.
    pub(crate) fn wait_for_end(&mut self, time_ms: u64) -> Option<ExitStatus> {
        let deadline_ms = clock::monotonic_ms() + time_ms;
        loop {
            match self.child.try_wait() {
                Ok(None) if clock::monotonic_ms() < deadline_ms => std::thread::sleep(LOOK_TIME),
                ended => return ended.ok().flatten(),
            }
        }
    }

    /// Another one in its place.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        let fresh = Server::start(&self.program, &self.options)?;
        *self = fresh;
        Ok(())
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(REPLY_TIME))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, decoder: ReplyDecoder::default(), pending: BytesMut::new() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Path, port: u16, options: &[String]) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]).args(options);
    // What somebody else has left in the folder is not loaded.
    command.args(["--dbfilename", &format!("differential-{port}.rdb")]);
    command.current_dir(std::env::temp_dir()).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().with_context(|| format!("{} does not start", program.display()))
}

/// A client.
pub(crate) struct Connection {
    stream: TcpStream,
    decoder: ReplyDecoder,
    /// Bytes that were read beyond the last reply.
    pending: BytesMut,
}

impl Connection {
    /// Sends requests that were encoded.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// The next reply.
    pub(crate) fn receive(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some(value) = self.decoder.decode(&mut self.pending)? {
                return Ok(value);
            }
            let from = self.pending.len();
            self.pending.resize(from + CHUNK, 0);
            let len = self.stream.read(&mut self.pending[from..]);
            self.pending.truncate(from + *len.as_ref().unwrap_or(&0));
            match len {
                Ok(0) => bail!("the connection was closed"),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => bail!("no reply: {error}"),
            }
        }
    }

    /// Sends a request and waits for its reply.
    pub(crate) fn call(&mut self, words: &[impl AsRef<[u8]>]) -> anyhow::Result<Value> {
        let mut bytes = Vec::new();
        encode(words, &mut bytes);
        self.send(&bytes)?;
        self.receive()
    }
}

/// Appends a request as clients encode it.
pub(crate) fn encode(words: &[impl AsRef<[u8]>], into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        let word = word.as_ref();
        into.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        into.extend_from_slice(word);
        into.extend_from_slice(b"\r\n");
    }
}
