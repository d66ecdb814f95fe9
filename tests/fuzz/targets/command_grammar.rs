//! Requests made from the commands' specifications, against a node in this process: no panic, every reply is well-formed RESP, and after
//! FLUSHALL the memory is where it was.
//!
//! The generator is that of `scripts/differential`. An input's bytes decide its choices as long as they last, after that a generator which
//! they seed, so that a few bytes make thousands of commands. The node stands for a whole run; each input gets clients of its own.
//! Requests go the ways of a connection's requests but for its socket; what would wait or run beside the worker runs in a transaction.

#![no_main]

#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../../differential/catalog.rs"]
mod catalog;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../../differential/compare.rs"]
mod compare;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../../differential/contents.rs"]
mod contents;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../../differential/generate.rs"]
mod generate;
#[allow(dead_code, reason = "shared with tests/it")]
#[path = "../../differential/in_process.rs"]
mod in_process;
#[allow(dead_code, reason = "shared with scripts/differential")]
#[path = "../../differential/values.rs"]
mod values;

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use larder::base::alloc;
use larder::base::rng::Rng;
use larder::engine::shared::Shared;
use larder::server::in_process::{Peer, plain_node};
use larder_proto::resp::{ReplyDecoder, Value};
use libfuzzer_sys::fuzz_target;

use catalog::{Command, catalog};
use compare::READERS;
use contents::Content;
use generate::{CONNECTIONS, Generator, Request};
use values::Choices;

/// Memory is counted as in the server.
#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Commands per input.
const COMMANDS: usize = 2000;
/// Times that an input is run again to see whether the memory grows each time: what is cached grows once.
const REPETITIONS: usize = 3;

/// From so many commands on, at least so many of a hundred must have succeeded: what is refused tells little.
const JUDGED_MIN: u64 = 20_000;
const SUCCESS_PERCENT_MIN: u64 = 50;
/// What a subscriber is told, and in how many of a hundred cases it then leaves all channels.
const SUBSCRIBED: &[u8] = b"ERR Can't execute";
const LEAVE_PERCENT: u64 = 80;
/// How many of a hundred keys that may have changed are read whole at once, so that arguments meet what they hold.
const READ_PERCENT: u64 = 25;

/// No logs of long requests, which live until others push them out; no value longer than a megabyte.
const OPTIONS: &[&str] = &[
    "--commandlog-execution-slower-than",
    "-1",
    "--commandlog-request-larger-than",
    "-1",
    "--commandlog-reply-larger-than",
    "-1",
    "--latency-tracking",
    "no",
    "--proto-max-bulk-len",
    "1mb",
];

/// An input's bytes, then random numbers that follow from them.
struct Input<'a> {
    bytes: &'a [u8],
    rng: Rng,
}

impl Input<'_> {
    fn new(bytes: &[u8]) -> Input<'_> {
        let seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        Input { bytes, rng: Rng::new(seed) }
    }
}

impl Choices for Input<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        let len = if bound <= 1 << 8 { 1 } else { 2 };
        match self.bytes.split_at_checked(len) {
            Some((number, rest)) if bound <= 1 << 16 => {
                self.bytes = rest;
                number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) % bound
            }
            _ => Rng::below(&mut self.rng, bound),
        }
    }
}

/// What stands for the whole run.
struct Bench {
    node: Arc<Shared>,
    commands: Rc<[Command]>,
    /// How many commands were sent so far, and how many of them succeeded.
    attempts: Cell<u64>,
    successes: Cell<u64>,
}

thread_local! {
    static BENCH: OnceCell<Bench> = const { OnceCell::new() };
}

impl Bench {
    fn new() -> Bench {
        let is_used = |name: &str| in_process::runs_in_process(name, in_process::Use::Grammar);
        Bench { node: plain_node(OPTIONS), commands: catalog(is_used).into(), attempts: Cell::new(0), successes: Cell::new(0) }
    }

    /// Runs an input. Returns the bytes in use after it, when its clients and all keys are gone.
    fn run(&self, input: &[u8]) -> usize {
        let mut peers: Vec<Peer> = (0..CONNECTIONS).map(|_| Peer::new(&self.node)).collect();
        let mut generator = Generator::new(Input::new(input), Rc::clone(&self.commands));
        let mut queued: [Vec<Request>; CONNECTIONS] = Default::default();
        call(&mut peers[1], &[b"HELLO", b"3"]);
        for _ in 0..COMMANDS {
            let connection = generator.choose.below(CONNECTIONS as u64) as usize;
            let request = generator.request(connection);
            let words: Vec<&[u8]> = request.words.iter().map(Vec::as_slice).collect();
            let reply = call(&mut peers[connection], &words).or_else(|| self.call_in_transaction(&mut peers[connection], &words));
            // A subscriber that speaks RESP2 is refused nearly everything: it is told so now and then, and goes on as the others.
            let is_refused = reply.as_ref().and_then(Value::as_error).is_some_and(|error| error.starts_with(SUBSCRIBED));
            if is_refused && generator.choose.chance(LEAVE_PERCENT) {
                for command in ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"] {
                    call(&mut peers[connection], &[command.as_bytes()]);
                }
            }
            self.follow(&mut generator, connection, request, reply.as_ref(), &mut queued[connection]);
        }
        // As the end of a connection does, this takes the client out of all that it is part of.
        for peer in &mut peers {
            call(peer, &[b"RESET"]);
        }
        drop((peers, generator, queued));
        call(&mut Peer::new(&self.node), &[b"CONFIG", b"RESETSTAT"]);
        call(&mut Peer::new(&self.node), &[b"FLUSHALL", b"SYNC"]);
        alloc::used_bytes_here()
    }

    /// Notes what a request did, or those that were queued before it.
    fn follow<C: Choices>(
        &self,
        generator: &mut Generator<C>,
        connection: usize,
        request: Request,
        reply: Option<&Value>,
        queued: &mut Vec<Request>,
    ) {
        if matches!(reply, Some(Value::Simple(text)) if text.as_ref() == b"QUEUED") {
            return queued.push(request);
        }
        let is = |word: &str| request.words[0].eq_ignore_ascii_case(word.as_bytes());
        if let (true, Some(Value::Array(replies))) = (is("exec"), reply) {
            for (request, reply) in queued.drain(..).zip(replies) {
                self.learn(generator, connection, &request, reply.as_error().is_none());
            }
        }
        let is_success = reply.is_some_and(|reply| reply.as_error().is_none());
        if is_success && ["exec", "discard", "reset", "multi"].iter().any(|word| is(word)) {
            queued.clear();
        }
        self.learn(generator, connection, &request, is_success);
    }

    fn learn<C: Choices>(&self, generator: &mut Generator<C>, connection: usize, request: &Request, is_success: bool) {
        self.count(is_success);
        generator.learn_outcome(request.command, &request.keys, is_success);
        if !self.commands[request.command].is_write() || !is_success {
            return;
        }
        let database = generator.database(connection);
        let names: Vec<&'static str> = if request.keys.is_empty() { Generator::<C>::names().collect() } else { request.keys.clone() };
        let mut asking = Peer::new(&self.node);
        call(&mut asking, &[b"SELECT", database.to_string().as_bytes()]);
        for name in names {
            let reply = call(&mut asking, &[b"TYPE", name.as_bytes()]);
            let key_type = reply.as_ref().and_then(Value::as_bytes).map(|name| String::from_utf8_lossy(name).into_owned());
            let key_type = key_type.as_deref().unwrap_or("none");
            generator.learn_type(database, name, key_type);
            let reader = READERS.iter().find(|(of, ..)| *of == key_type);
            if let (true, Some((_, words, _))) = (generator.choose.chance(READ_PERCENT), reader) {
                let words: Vec<&[u8]> = words.iter().map(|word| if *word == "{}" { name.as_bytes() } else { word.as_bytes() }).collect();
                if let Some(value) = call(&mut asking, &words) {
                    generator.learn_content(database, name, Content::of(key_type, &value));
                }
            }
        }
    }

    /// Counts a command, and tells how many of all succeeded whenever their number has doubled.
    fn count(&self, is_success: bool) {
        let (attempts, successes) = (self.attempts.get() + 1, self.successes.get() + u64::from(is_success));
        (self.attempts.set(attempts), self.successes.set(successes));
        let is_enough = successes * 100 >= attempts * SUCCESS_PERCENT_MIN;
        if attempts >= 4096 && attempts.is_power_of_two() {
            eprintln!("success: {:.1} % of {attempts} commands", 100.0 * successes as f64 / attempts as f64);
        }
        assert!(attempts < JUDGED_MIN || is_enough, "only {successes} of {attempts} commands succeeded: the input has no part in it");
    }

    /// A request that does not run at once by itself. `None` if its client is in a transaction already, or the command does not run there.
    fn call_in_transaction(&self, peer: &mut Peer, words: &[&[u8]]) -> Option<Value> {
        let Value::Simple(_) = call(peer, &[b"MULTI"])? else { return None };
        call(peer, words);
        match call(peer, &[b"EXEC"])? {
            Value::Array(mut replies) => replies.pop(),
            error => Some(error),
        }
    }
}

/// Runs a request, whose reply must be well-formed and one.
fn call(peer: &mut Peer, words: &[&[u8]]) -> Option<Value> {
    let bytes = peer.call(words)?;
    let mut decoder = ReplyDecoder::default();
    let mut pending = BytesMut::from(bytes.as_slice());
    let reply = decoder.decode(&mut pending);
    let shown = || format!("{} -> {}", words.join(&b' ').escape_ascii(), bytes[..bytes.len().min(400)].escape_ascii());
    let reply = reply.unwrap_or_else(|error| panic!("{error}: {}", shown()));
    let reply = reply.unwrap_or_else(|| panic!("a part of a reply: {}", shown()));
    // Messages may follow it: of a subscription, and of keys that are tracked. A subscription to several channels inside a transaction has
    // one reply for each, so that EXEC's array is too short for them: as Valkey's.
    let subscribes = bytes.windows(9).any(|window| window == b"subscribe");
    while let Some(more) = decoder.decode(&mut pending).unwrap_or_else(|error| panic!("{error}: {}", shown())) {
        assert!(subscribes || matches!(more, Value::Push(_) | Value::Array(_)), "more than one reply: {}", shown());
    }
    assert!(pending.is_empty(), "a part of a message: {}", shown());
    Some(reply)
}

fuzz_target!(|data: &[u8]| {
    BENCH.with(|bench| {
        let bench = bench.get_or_init(Bench::new);
        let before = alloc::used_bytes_here();
        let mut after = bench.run(data);
        if after <= before {
            return;
        }
        // What is kept for later grew, or something was lost: only that grows again.
        for _ in 0..REPETITIONS {
            let again = bench.run(data);
            if again <= after {
                return;
            }
            after = again;
        }
        panic!("the memory grows with each repetition of this input: from {before} bytes to {after}");
    });
});
