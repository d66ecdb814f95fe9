//! Random string and bitmap commands against Larder and a real Valkey: replies and keyspace notifications are compared byte for byte.
//!
//! A failure prints its seed; `LARDER_TEST_SEED=<seed>` repeats that sequence alone. Left out are times that pass while the test
//! runs, and what the commands' pages name as a difference.

use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server};

const SEEDS: &[u64] = &[1, 2, 3, 4];
/// Commands per seed.
const STEPS: usize = 2500;
/// Commands shown before the one that differs.
const SHOWN: usize = 12;
/// How far apart the servers may execute the same command.
const CLOCKS_APART_MS: u64 = 10_000;
/// Ends the stream of notifications.
const END: &str = "end-of-test";

const OPTIONS: &[&str] = &["--notify-keyspace-events", "AKEmn"];

type Request = Vec<Vec<u8>>;

/// Commands that tell more about a key, used where the server under test has them.
const OBSERVERS: &[&[&str]] = &[&["OBJECT", "ENCODING"], &["PEXPIRETIME"], &["TYPE"], &["EXISTS"]];

/// What random requests are made of.
struct Generator {
    rng: Rng,
    observers: Vec<&'static [&'static str]>,
    has_lists: bool,
}

impl Generator {
    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.below(choices.len() as u64) as usize]
    }

    fn key(&mut self) -> Vec<u8> {
        self.one_of(&["a", "b", "c", "d", "number", "float", "a-key-whose-name-is-longer-than-most-others-are"]).into()
    }

    /// A key whose value stays short enough for LCS.
    fn small_key(&mut self) -> Vec<u8> {
        self.one_of(&["s", "t", "missing"]).into()
    }

    fn integer(&mut self) -> Vec<u8> {
        if self.chance(70) {
            return (self.rng.below(40) as i64 - 20).to_string().into();
        }
        let edges = [
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "4294967295",
            "2147483648",
            "-2147483649",
            "0",
            "-0",
            "+1",
            " 1",
            "1 ",
            "01",
            "",
            "abc",
            "1.5",
            "0x10",
        ];
        self.one_of(&edges).into()
    }

    fn float(&mut self) -> Vec<u8> {
        if self.chance(60) {
            let (whole, fraction) = (self.rng.below(2000) as i64 - 1000, self.rng.below(1_000_000));
            let digits = self.rng.below(6) as usize;
            return format!("{whole}.{fraction:0digits$}").into();
        }
        if self.chance(50) {
            let (mantissa, exponent) = (self.rng.next_u64(), self.rng.below(60) as i64 - 40);
            return format!("{}{mantissa}e{exponent}", self.one_of(&["", "-"])).into();
        }
        let edges = [
            "3.0e3",
            "5.0e-1",
            "17179869184",
            "1e-17",
            "5e-18",
            "1e30",
            "-1e40",
            "0.1",
            "1.1",
            "-1.1",
            ".5",
            "5.",
            "0x1p4",
            "inf",
            "-inf",
            "nan",
            "1e4932",
            "1e5000",
            "1e-4940",
            "1e-5000",
            "123456789012345678901234567890.123456789",
            "abc",
            "",
            " 1",
            "1 ",
            "1e",
            "9223372036854775807.5",
            "18446744073709551615.5",
            "-0",
            "0.00000000000000001",
            "1,5",
        ];
        self.one_of(&edges).into()
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        let alphabet: &[u8] = if self.chance(50) { b"abc" } else { &[0, 0xff, 0x80, 1, b'\r', b'\n', b'a'] };
        (0..len).map(|_| alphabet[self.rng.below(alphabet.len() as u64) as usize]).collect()
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..3 => self.integer(),
            3 => self.float(),
            4..8 => {
                let len = self.rng.below(20);
                self.bytes(len)
            }
            8 => {
                let len = self.rng.below(200);
                self.bytes(len)
            }
            _ => {
                let len = self.one_of(&[0, 1, 3990, 4000, 4001, 4100]);
                self.bytes(len)
            }
        }
    }

    fn small_value(&mut self) -> Vec<u8> {
        let len = self.rng.below(40);
        self.bytes(len)
    }

    /// A position in bytes.
    fn position(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..6 => (self.rng.below(60) as i64 - 30).to_string().into(),
            6..9 => (self.rng.below(4200) as i64).to_string().into(),
            _ => self.integer(),
        }
    }

    /// A position to write at: never one that makes a string of megabytes.
    fn write_position(&mut self, unit: u64) -> Vec<u8> {
        match self.rng.below(20) {
            0 => self.one_of(&["-1", "536870912", "4294967296", "9223372036854775807", "x", ""]).into(),
            1 => self.rng.below(4200 * unit).to_string().into(),
            _ => self.rng.below(30 * unit).to_string().into(),
        }
    }

    fn expiry(&mut self, request: &mut Request) {
        let (word, number) = match self.rng.below(12) {
            0 => ("EX", self.one_of(&["100000", "0", "-1", "abc", "9223372036854775807", "9223372036854775"])),
            1 => ("PX", self.one_of(&["100000000", "0", "-5", "1.5", "9223372036854775807"])),
            2..6 => ("EXAT", self.one_of(&["1", "4102444800", "0", "9223372036854775807", "33177117420"])),
            6..9 => ("pxat", self.one_of(&["1", "4102444800123", "-1", "9223372036854775807"])),
            9 => return request.push(b"KEEPTTL".to_vec()),
            10 => return request.push(b"persist".to_vec()),
            _ => return request.push(self.one_of(&["EX", "PX", "nonsense"]).into()),
        };
        request.extend([word.into(), number.into()]);
    }

    fn options(&mut self, request: &mut Request) {
        while self.chance(45) {
            match self.rng.below(6) {
                0 => request.push(b"NX".to_vec()),
                1 => request.push(b"xx".to_vec()),
                2 => request.push(b"GET".to_vec()),
                3 => {
                    let value = self.value();
                    request.extend([b"IFEQ".to_vec(), value]);
                }
                _ => self.expiry(request),
            }
        }
    }

    fn field(&mut self, request: &mut Request) {
        let word = self.one_of(&["GET", "SET", "INCRBY", "incrby", "OVERFLOW", "get", "nonsense"]);
        request.push(word.into());
        if word == "OVERFLOW" {
            return request.push(self.one_of(&["WRAP", "sat", "FAIL", "fail", "none"]).into());
        }
        let bits = self.rng.below(65);
        request.push(if self.chance(95) { format!("{}{bits}", self.one_of(&["i", "u"])).into() } else { self.value() });
        let offset = self.rng.below(100);
        request.push(match self.rng.below(20) {
            0 => self.write_position(8),
            1..6 => format!("#{}", offset / 8).into(),
            _ => offset.to_string().into(),
        });
        if !word.eq_ignore_ascii_case("get") {
            let number = (self.rng.next_u64() >> self.rng.below(64)) as i64;
            // Saturation far below the range is a difference that the command's page names.
            request.push(number.max(i64::MIN / 4).to_string().into());
        }
    }

    fn request(&mut self) -> Request {
        if !self.observers.is_empty() && self.chance(10) {
            let (words, key) = (self.one_of(&self.observers.clone()), self.key());
            return words.iter().map(|word| word.as_bytes().to_vec()).chain([key]).collect();
        }
        if self.has_lists && self.chance(2) {
            let key = self.key();
            return vec![b"RPUSH".to_vec(), key, b"element".to_vec()];
        }
        let command = self.one_of(&[
            "GET",
            "GET",
            "SET",
            "SET",
            "SET",
            "SETNX",
            "SETEX",
            "PSETEX",
            "GETSET",
            "GETDEL",
            "GETEX",
            "GETEX",
            "DELIFEQ",
            "APPEND",
            "APPEND",
            "STRLEN",
            "GETRANGE",
            "SUBSTR",
            "SETRANGE",
            "INCR",
            "DECR",
            "INCRBY",
            "DECRBY",
            "INCRBYFLOAT",
            "INCRBYFLOAT",
            "MGET",
            "MSET",
            "MSETNX",
            "MSETEX",
            "LCS",
            "LCS",
            "GETBIT",
            "SETBIT",
            "SETBIT",
            "BITCOUNT",
            "BITCOUNT",
            "BITPOS",
            "BITPOS",
            "BITOP",
            "BITFIELD",
            "BITFIELD",
            "BITFIELD_RO",
        ]);
        let mut request: Request = vec![command.into()];
        self.arguments(command, &mut request);
        // Now and then an argument is missing.
        if request.len() > 2 && self.chance(2) {
            request.pop();
        }
        request
    }

    fn arguments(&mut self, command: &str, request: &mut Request) {
        match command {
            "LCS" => return self.lcs(request),
            "BITOP" => return self.bitop(request),
            "MGET" | "MSET" | "MSETNX" | "MSETEX" => return self.many(command, request),
            _ => {}
        }
        request.push(if command == "INCRBYFLOAT" && self.chance(60) { b"float".to_vec() } else { self.key() });
        match command {
            "SET" | "SETNX" | "GETSET" | "APPEND" | "DELIFEQ" => {
                let value = self.value();
                request.push(value);
                if command == "SET" {
                    self.options(request);
                }
            }
            "SETEX" | "PSETEX" => {
                let time = self.one_of(&["1000000", "9999999999", "0", "-1", "x", "9223372036854775807"]);
                let value = self.value();
                request.extend([time.into(), value]);
            }
            "GETEX" if self.chance(80) => self.expiry(request),
            "GETEX" => {}
            "GETRANGE" | "SUBSTR" => request.extend([self.position(), self.position()]),
            "SETRANGE" => request.extend([self.write_position(1), self.small_value()]),
            "INCRBY" | "DECRBY" => request.push(self.integer()),
            "INCRBYFLOAT" => request.push(self.float()),
            "GETBIT" => request.push(self.position()),
            "SETBIT" => request.extend([self.write_position(8), self.one_of(&["0", "1", "1", "0", "2", "x"]).into()]),
            "BITCOUNT" => self.range(request),
            "BITPOS" => {
                request.push(self.one_of(&["0", "1", "0", "1", "2", "x"]).into());
                self.range(request);
            }
            "BITFIELD" | "BITFIELD_RO" => {
                for _ in 0..self.rng.below(5) {
                    self.field(request);
                }
            }
            _ => {}
        }
    }

    fn range(&mut self, request: &mut Request) {
        for _ in 0..self.rng.below(3) {
            request.push(self.position());
        }
        if self.chance(30) {
            request.push(self.one_of(&["BIT", "byte", "bit", "word"]).into());
        }
    }

    fn bitop(&mut self, request: &mut Request) {
        request.push(self.one_of(&["AND", "or", "XOR", "NOT", "not", "DIFF"]).into());
        for _ in 0..2 + self.rng.below(3) {
            request.push(self.key());
        }
    }

    fn lcs(&mut self, request: &mut Request) {
        // The strings it compares are made here too, and changed by nothing else.
        if self.chance(30) {
            request[0] = b"SET".to_vec();
            let (key, len) = (self.one_of(&["s", "t"]), self.rng.below(60));
            let text = (0..len).map(|_| b'a' + self.rng.below(4) as u8).collect();
            return request.extend([key.into(), text]);
        }
        request.extend([self.small_key(), self.small_key()]);
        while self.chance(50) {
            match self.rng.below(5) {
                0 => request.push(b"LEN".to_vec()),
                1 | 2 => request.push(b"idx".to_vec()),
                3 => request.push(b"WITHMATCHLEN".to_vec()),
                _ => request.extend([b"MINMATCHLEN".to_vec(), self.one_of(&["0", "2", "4", "-3", "x"]).into()]),
            }
        }
    }

    fn many(&mut self, command: &str, request: &mut Request) {
        let count = 1 + self.rng.below(4);
        if command == "MSETEX" {
            request.push(if self.chance(90) { count.to_string().into() } else { self.one_of(&["0", "-1", "9", "x", "2147483648"]).into() });
        }
        for _ in 0..count {
            request.push(self.key());
            if command != "MGET" {
                request.push(self.value());
            }
        }
        if command == "MSETEX" {
            self.options(request);
        }
    }
}

fn show(request: &Request) -> String {
    let words: Vec<String> = request.iter().map(|arg| arg[..arg.len().min(80)].escape_ascii().to_string()).collect();
    words.join(" ")
}

/// A server with the connection that commands go through and the one that hears notifications.
struct Side {
    server: Server,
    commands: Connection,
    events: Connection,
}

impl Side {
    fn new(server: Server) -> Side {
        let (commands, mut events) = (server.connect(), server.connect());
        for channel in ["__key*__:*", END] {
            events.call(&["PSUBSCRIBE", channel]);
        }
        Side { server, commands, events }
    }

    fn knows(&mut self, request: &[&str]) -> bool {
        let reply = self.commands.call(request);
        !reply.as_error().is_some_and(|text| text.starts_with(b"ERR unknown"))
    }

    /// The notifications since the last call.
    fn heard(&mut self) -> Vec<Value> {
        self.commands.call(&["PUBLISH", END, ""]);
        let mut heard = Vec::new();
        loop {
            let message = self.events.receive();
            if message.as_items().is_some_and(|items| items.get(2).and_then(Value::as_bytes) == Some(END.as_bytes())) {
                return heard;
            }
            heard.push(message);
        }
    }
}

/// Empties both servers, without FLUSHALL if need be.
fn clear(sides: &mut [Side; 2]) {
    for side in sides {
        if side.knows(&["FLUSHALL"]) {
            continue;
        }
        for key in ["a", "b", "c", "d", "number", "float", "a-key-whose-name-is-longer-than-most-others-are", "s", "t"] {
            side.commands.call(&["GETDEL", key]);
        }
    }
}

/// The same bytes, but for a time that was asked for relative to now: the two servers do not execute in the same millisecond.
fn agree(request: &Request, ours: &[u8], theirs: &[u8]) -> bool {
    let number = |reply: &[u8]| std::str::from_utf8(reply).ok()?.strip_prefix(':')?.trim_end().parse::<i64>().ok();
    match (number(ours), number(theirs)) {
        (Some(ours), Some(theirs)) if request[0] == b"PEXPIRETIME" => ours.abs_diff(theirs) < CLOCKS_APART_MS,
        _ => ours == theirs,
    }
}

fn compare(seed: u64, sides: &mut [Side; 2], observers: &[&'static [&'static str]], has_lists: bool) {
    let mut generator = Generator { rng: Rng::new(seed), observers: observers.to_vec(), has_lists };
    let mut past: Vec<String> = Vec::new();
    clear(sides);
    sides.iter_mut().for_each(|side| drop(side.heard()));
    for step in 0..STEPS {
        let request = generator.request();
        past.push(show(&request));
        let [ours, theirs] = sides.each_mut().map(|side| side.commands.call_raw(&request));
        let shown = &past[past.len().saturating_sub(SHOWN)..];
        let place = || format!("seed {seed}, step {step}, after\n{}", shown.join("\n"));
        assert!(agree(&request, &ours, &theirs), "{}\n  ours: {}\ntheirs: {}", place(), ours.escape_ascii(), theirs.escape_ascii());
        if step % 10 == 0 {
            let [ours, theirs] = sides.each_mut().map(Side::heard);
            assert!(ours == theirs, "notifications differ: {}\n  ours: {ours:?}\ntheirs: {theirs:?}", place());
        }
    }
}

#[test]
fn strings_and_bitmaps_answer_as_valkey_does() {
    let Some(reference) = Server::reference("strings_and_bitmaps_answer_as_valkey_does", OPTIONS) else { return };
    let mut sides = [Side::new(Server::larder(OPTIONS)), Side::new(reference)];
    let observers: Vec<_> = OBSERVERS.iter().copied().filter(|words| sides[0].knows(&[words, &["a"][..]].concat())).collect();
    let has_lists = sides[0].knows(&["RPUSH", "a"]);
    let seed = std::env::var("LARDER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = seed.map_or_else(|| SEEDS.to_vec(), |seed| vec![seed]);
    for seed in &seeds {
        compare(*seed, &mut sides, &observers, has_lists);
    }
    // The same in RESP3.
    if sides[0].knows(&["HELLO", "3"]) {
        sides[1].commands.call(&["HELLO", "3"]);
        compare(seeds[0] + 1000, &mut sides, &observers, has_lists);
    }
    assert!(sides.iter_mut().all(|side| side.server.connect().call(&["PING"]) == Value::Simple("PONG".into())));
}
