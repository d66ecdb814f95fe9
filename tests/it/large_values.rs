//! Strings that are longer than one piece: what commands on them reply, and that neither replies nor copies nor small changes cost what the
//! string does.

use std::io::{Read, Write};
use std::net::TcpStream;

use larder::base::limits::{CHUNK_LEN, CONTIGUOUS_LEN_MAX, REPLY_LEN_MAX, STRING_LEN_MAX};
use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server, request, wait_until};

const MIB: usize = 1024 * 1024;
/// Length of the string of which replies wait: far more than sockets take.
const LARGE_LEN: usize = 96 * MIB;
/// Clients that ask for it and do not read the reply.
const READERS: usize = 3;
/// What sockets take of a reply that nobody reads, at most.
const SOCKET_LEN_MAX: usize = 16 * MIB;
/// What may come and go beside what is measured.
const NOISE_LEN: u64 = 2 * MIB as u64;

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn random(len: usize) -> Vec<u8> {
    let mut rng = Rng::new(1);
    (0..len.div_ceil(8)).flat_map(|_| rng.next_u64().to_le_bytes()).take(len).collect()
}

fn number(client: &mut Connection, stream: &TcpStream, field: &str) -> usize {
    let address = stream.local_addr().expect("it is connected");
    client.client_field(address, field).map_or(0, |field| field.parse().expect("a number"))
}

#[test]
fn replies_copies_and_small_changes_take_no_memory_for_the_rest_of_the_value() {
    let server = Server::larder(&["--io-threads", "2"]);
    let mut client = server.connect();
    let content = random(LARGE_LEN);
    let empty = client.info("used_memory");
    assert_eq!(client.call(&[&b"SET"[..], b"large", &content]), ok());
    wait_until("the request is gone", || client.info("used_memory") < empty + LARGE_LEN as u64 + NOISE_LEN);
    client.config_set("maxmemory-clients", "32mb");
    let before = client.info("used_memory");
    let mut readers: Vec<TcpStream> = (0..READERS).map(|_| server.connect_raw()).collect();
    for reader in &mut readers {
        reader.write_all(&request(&["GET", "large"])).expect("the server reads");
    }
    for reader in &readers {
        wait_until("the reply waits", || number(&mut client, reader, "omem") > LARGE_LEN - SOCKET_LEN_MAX);
        // So they are not what `maxmemory-clients` looks for.
        assert!(number(&mut client, reader, "tot-mem") < MIB);
    }
    let mut used = |what: &str| {
        let used = client.info("used_memory") as i64 - before as i64;
        eprintln!("large_values: {what}: {} KiB more", used / 1024);
        used
    };
    assert!(used("three replies") < NOISE_LEN as i64);
    let mut other = server.connect();
    assert_eq!(other.call(&["COPY", "large", "copy"]), Value::Integer(1));
    assert_eq!(other.call(&["SETRANGE", "large", "1000000", "changed"]), Value::Integer(LARGE_LEN as i64));
    assert_eq!(other.call(&["APPEND", "copy", "more"]), Value::Integer(LARGE_LEN as i64 + 4));
    assert!(used("a copy, two changes") < NOISE_LEN as i64);
    assert_eq!(other.call(&["DEL", "large", "copy"]), Value::Integer(2));
    wait_until("the replies alone keep the value", || used("deleted") < 0);
    assert!(used("deleted") > -((SOCKET_LEN_MAX + MIB) as i64));
    // They are what the value was when they were asked for.
    let mut got = vec![0; LARGE_LEN];
    for reader in &mut readers {
        let mut header = vec![0; format!("${LARGE_LEN}\r\n").len()];
        reader.read_exact(&mut header).expect("the server answers in time");
        assert_eq!(header, format!("${LARGE_LEN}\r\n").as_bytes());
        reader.read_exact(&mut got).expect("the server answers in time");
        assert!(got == content);
        reader.read_exact(&mut header[..2]).expect("the server answers in time");
    }
    wait_until("the memory is given back", || other.info("used_memory") < empty + NOISE_LEN);
}

/// One reply, and one EXEC, have a bound of their own, whatever the limits of output say. They refer to long values: what is asked for takes no
/// memory on its way to the bound.
#[test]
fn a_reply_has_a_bound_and_takes_no_memory_until_there() {
    let server = Server::larder(&["--client-output-buffer-limit", "normal 0 0 0"]);
    let mut client = server.connect();
    let len = (REPLY_LEN_MAX / 4).min(STRING_LEN_MAX);
    assert_eq!(client.call(&["SETRANGE", "long", &(len - 1).to_string(), "x"]), Value::Integer(len as i64));
    let before = client.info("used_memory");
    let fitting = REPLY_LEN_MAX / len - 1;
    let mget = |count: usize| request(&[&["MGET"], &vec!["long"; count][..]].concat());
    let exec = |count: usize| [request(&["MULTI"]), request(&["GET", "long"]).repeat(count), request(&["EXEC"])].concat();
    for (what, requests) in [("MGET", [mget(fitting), mget(fitting + 2)]), ("EXEC", [exec(fitting), exec(fitting + 2)])] {
        let [mut kept, mut closed] = [server.connect_raw(), server.connect_raw()];
        kept.write_all(&requests[0]).expect("the server reads");
        wait_until("its reply waits", || number(&mut client, &kept, "omem") > fitting * len - SOCKET_LEN_MAX);
        closed.write_all(&requests[1]).expect("the server reads");
        wait_until("the bound closes the client", || client.info("connected_clients") == 2);
        assert!(number(&mut client, &kept, "omem") > 0, "{what}: the other one stays");
        let used = client.info("used_memory_peak").saturating_sub(before);
        assert!(used < NOISE_LEN, "{what}: {used}");
        drop(kept);
        wait_until("it is gone", || client.info("connected_clients") == 1);
    }
}

#[test]
fn replies_are_copies_where_the_options_want_it() {
    let sizes = ["--min-string-size-avoid-copy-reply", "0", "--min-string-size-avoid-copy-reply-threaded", "0"];
    let server = Server::larder(&[&sizes[..], &["--min-io-threads-avoid-copy-reply", "0"]].concat());
    let mut client = server.connect();
    let content = random(LARGE_LEN / 2);
    let empty = client.info("used_memory");
    assert_eq!(client.call(&[&b"SET"[..], b"large", &content]), ok());
    wait_until("the request is gone", || client.info("used_memory") < empty + content.len() as u64 + NOISE_LEN);
    let before = client.info("used_memory");
    let mut reader = server.connect_raw();
    reader.write_all(&request(&["GET", "large"])).expect("the server reads");
    wait_until("the reply waits", || number(&mut client, &reader, "tot-mem") > content.len() - SOCKET_LEN_MAX);
    assert!(client.info("used_memory") > before + (content.len() - SOCKET_LEN_MAX) as u64);
    let mut got = vec![0; format!("${}\r\n", content.len()).len() + content.len()];
    reader.read_exact(&mut got).expect("the server answers in time");
    assert!(got.ends_with(&content));
}

#[test]
fn a_bit_far_away_takes_one_chunk() {
    let server = Server::larder(&[]);
    let mut client = server.connect();
    let before = client.info("used_memory");
    assert_eq!(client.call(&["SETBIT", "sparse", "4294967295", "1"]), Value::Integer(0));
    assert_eq!(client.call(&["SETRANGE", "other", "536870000", "x"]), Value::Integer(536_870_001));
    assert!(client.info("used_memory") < before + NOISE_LEN);
    assert_eq!(client.call(&["STRLEN", "sparse"]), Value::Integer(512 * MIB as i64));
    assert_eq!(client.call(&["BITCOUNT", "sparse"]), Value::Integer(1));
    assert_eq!(client.call(&["BITPOS", "sparse", "1"]), Value::Integer(4_294_967_295));
    assert_eq!(client.call(&["OBJECT", "ENCODING", "sparse"]), Value::Bulk("raw".into()));
    let used = client.call(&["MEMORY", "USAGE", "sparse"]);
    assert!(matches!(used, Value::Integer(used) if (CHUNK_LEN as i64..MIB as i64).contains(&used)), "{used:?}");
}

/// A client, and what its key "key" must hold.
struct Checked {
    client: Connection,
    model: Vec<u8>,
}

impl Checked {
    fn integer(&mut self, request: &[&[u8]], expected: i64) {
        let reply = self.client.call(request);
        assert!(reply == Value::Integer(expected), "{:?}: {reply:?}, not {expected}", String::from_utf8_lossy(request[0]));
    }

    fn write(&mut self, at: usize, part: &[u8]) {
        self.model.resize(self.model.len().max(at + part.len()), 0);
        self.model[at..at + part.len()].copy_from_slice(part);
    }

    /// Asks for all that commands know of a string.
    fn check(&mut self) {
        let len = self.model.len();
        self.integer(&[b"STRLEN", b"key"], len as i64);
        assert!(self.client.call(&["GET", "key"]).as_bytes() == Some(&self.model[..]));
        for (start, end) in [(0, 9), (CHUNK_LEN - 3, CHUNK_LEN + 2), (10, len - 10), (MIB - 9, MIB), (CHUNK_LEN * 2, CHUNK_LEN * 3 - 1)] {
            let reply = self.client.call(&["GETRANGE", "key", &start.to_string(), &end.to_string()]);
            let expected = self.model.get(start..).map_or(&[][..], |rest| &rest[..rest.len().min(end + 1 - start)]);
            assert!(reply.as_bytes() == Some(expected), "{start} {end}");
            let ones: u32 = expected.iter().map(|byte| byte.count_ones()).sum();
            self.integer(&[b"BITCOUNT", b"key", start.to_string().as_bytes(), end.to_string().as_bytes()], i64::from(ones));
        }
        for bit in [0, CHUNK_LEN * 8 - 1, CHUNK_LEN * 8, len * 8 - 1, len * 8] {
            let is_set = self.model.get(bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
            self.integer(&[b"GETBIT", b"key", bit.to_string().as_bytes()], i64::from(is_set));
        }
        let window = i64::from_be_bytes(std::array::from_fn(|at| self.model.get(CHUNK_LEN - 3 + at).copied().unwrap_or_default()));
        let offset = ((CHUNK_LEN - 3) * 8).to_string();
        let reply = self.client.call(&["BITFIELD_RO", "key", "GET", "i64", &offset]);
        assert_eq!(reply, Value::Array(vec![Value::Integer(window)]));
        assert_eq!(self.client.call(&["MGET", "key", "none"]).as_items().map(|items| items[0].as_bytes() == Some(&self.model)), Some(true));
        // A key that was set to the same bytes is the same to all that compare.
        assert_eq!(self.client.call(&[&b"SET"[..], b"twin", &self.model]), ok());
        let digests = self.client.call(&["DEBUG", "DIGEST-VALUE", "key", "twin"]);
        assert!(digests.as_items().is_some_and(|digests| digests[0] == digests[1]));
        for (bit, deleted) in [(1, 0), (0, 1)] {
            let mut other = self.model.clone();
            other[len - 1] ^= bit;
            self.integer(&[b"DELIFEQ", b"twin", &other], deleted);
        }
    }
}

#[test]
fn commands_on_a_string_in_chunks_reply_as_if_it_lay_in_one_piece() {
    let server = Server::larder(&["--enable-debug-command", "yes"]);
    let mut checked = Checked { client: server.connect(), model: random(CONTIGUOUS_LEN_MAX - 7) };
    assert_eq!(checked.client.call(&[&b"SET"[..], b"key", &checked.model]), ok());
    checked.check();
    // Beyond one piece by each of the ways.
    checked.model.extend_from_slice(b"0123456789");
    checked.integer(&[b"APPEND", b"key", b"0123456789"], CONTIGUOUS_LEN_MAX as i64 + 3);
    checked.check();
    checked.write(3 * MIB + 100, b"far away");
    checked.integer(&[b"SETRANGE", b"key", (3 * MIB + 100).to_string().as_bytes(), b"far away"], checked.model.len() as i64);
    checked.check();
    let part = random(CHUNK_LEN * 2 + 77);
    checked.write(CHUNK_LEN - 33, &part);
    checked.integer(&[b"SETRANGE", b"key", (CHUNK_LEN - 33).to_string().as_bytes(), &part], checked.model.len() as i64);
    let bit = 4 * MIB * 8 + 3;
    checked.write(bit / 8, &[0x10]);
    checked.integer(&[b"SETBIT", b"key", bit.to_string().as_bytes(), b"1"], 0);
    checked.integer(&[b"SETBIT", b"key", bit.to_string().as_bytes(), b"1"], 1);
    checked.check();
    // A field across the border of two chunks.
    let offset = ((CHUNK_LEN - 3) * 8).to_string();
    checked.write(CHUNK_LEN - 3, &0x1234_5678_9abc_def0_i64.to_be_bytes());
    let reply = checked.client.call(&["BITFIELD", "key", "SET", "i64", &offset, "1311768467463790319", "INCRBY", "i64", &offset, "1"]);
    assert!(matches!(reply.as_items(), Some([_, Value::Integer(0x1234_5678_9abc_def0)])), "{reply:?}");
    checked.check();

    // Against another long string and a short one.
    let other = random(2 * MIB + 11);
    assert_eq!(checked.client.call(&[&b"SET"[..], b"other", &other]), ok());
    assert_eq!(checked.client.call(&["SET", "short", "1234"]), ok());
    let model = checked.model.clone();
    let at = |string: &[u8], at: usize| string.get(at).copied().unwrap_or_default();
    let operations: [(&str, fn(u8, u8) -> u8); 3] =
        [("AND", |one, two| one & two), ("OR", |one, two| one | two), ("XOR", |one, two| one ^ two)];
    for (name, operation) in operations {
        for (key, other) in [("other", &other[..]), ("short", b"1234"), ("none", b"")] {
            checked.integer(&[b"BITOP", name.as_bytes(), b"result", b"key", key.as_bytes()], model.len() as i64);
            let expected: Vec<u8> = model.iter().enumerate().map(|(number, byte)| operation(*byte, at(other, number))).collect();
            assert!(checked.client.call(&["GET", "result"]).as_bytes() == Some(&expected[..]), "{name} {key}");
        }
    }
    checked.integer(&[b"BITOP", b"NOT", b"key", b"key"], model.len() as i64);
    checked.model.iter_mut().for_each(|byte| *byte = !*byte);
    checked.check();

    // All that replies the old value, and takes it away.
    let all = Some(&checked.model[..]);
    let client = &mut checked.client;
    assert!(client.call(&["GETEX", "key", "EX", "1000"]).as_bytes() == all);
    assert_eq!(client.call(&["COPY", "key", "copy"]), Value::Integer(1));
    assert!(client.call(&["SET", "key", "1", "GET", "KEEPTTL"]).as_bytes() == all);
    assert!(client.call(&["GETSET", "copy", "2"]).as_bytes() == all);
    assert_eq!(client.call(&[&b"SET"[..], b"key", &checked.model]), ok());
    assert!(client.call(&["GETDEL", "key"]).as_bytes() == all);
    assert_eq!(client.call(&["EXISTS", "key"]), Value::Integer(0));
    assert_eq!(client.call(&[&b"SET"[..], b"key", &checked.model]), ok());
    assert_eq!(client.call(&["INCR", "key"]), Value::Error("ERR value is not an integer or out of range".into()));
    assert_eq!(client.call(&["INCRBYFLOAT", "key", "1"]), Value::Error("ERR value is not a valid float".into()));
    assert_eq!(client.call(&["LCS", "key", "none", "LEN"]), Value::Integer(0));
    // In a transaction and without replies.
    assert_eq!(client.call(&["MULTI"]), ok());
    client.call(&["GET", "key"]);
    client.call(&["GETRANGE", "key", "5", "-5"]);
    let replies = client.call(&["EXEC"]);
    let replies: Vec<_> = replies.as_items().expect("an array").iter().map(Value::as_bytes).collect();
    assert!(replies == [all, Some(&checked.model[5..checked.model.len() - 4])]);
    client.send(&["CLIENT", "REPLY", "SKIP"]);
    client.send(&["GET", "key"]);
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
}

/// A reply beyond the limit is not sent, though the server would have needed no memory for it.
#[test]
fn a_limit_of_output_counts_what_is_to_be_sent() {
    let server = Server::larder(&["--client-output-buffer-limit", "normal 8mb 0 0"]);
    let mut client = server.connect();
    assert_eq!(client.call(&[&b"SET"[..], b"small", &random(2 * MIB)]), ok());
    assert_eq!(client.call(&[&b"SET"[..], b"large", &random(9 * MIB)]), ok());
    assert_eq!(client.call(&["GET", "small"]).as_bytes().map(<[u8]>::len), Some(2 * MIB));
    let mut refused = server.connect_raw();
    refused.write_all(&request(&["GET", "large"])).expect("the server reads");
    let mut answer = Vec::new();
    // Closed, or reset.
    let _ = refused.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{} bytes were sent", answer.len());
    assert_eq!(client.info("client_output_buffer_limit_disconnections"), 1);
}
