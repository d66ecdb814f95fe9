//! How long GETs take while slow commands hold one stripe: the load of `scripts/bench --isolation`.
//!
//! One connection sends GETs, each after the reply to the one before, and notes how long each took; others run a slow command on one
//! huge string as often as they can: by itself, which runs beside the worker, or in a transaction, which keeps the worker busy. None of
//! the keys that are read lies in the stripe of that string. Which connections share a worker is found out by trying: a reply that
//! comes while a transaction runs comes from the other worker.
//!
//! `isolation keys <key>...` prints keys that lie in no stripe of those, for a server of that seed.
//!
//! `cargo run --release --example isolation -- <port> <seconds per row> <megabytes>`, against a server with 2 workers and
//! `--hash-seed isolation`. Prints a line of fields separated by tabs for each row: name, `free` or `waits` (what the GETs are expected
//! to do), slow commands, their mean time in milliseconds, GETs, then p50, p90, p99, p99.9 and the longest, in microseconds.
#![allow(clippy::print_stdout, reason = "it is a program of its own")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use larder::base::clock;
use larder::keyspace::Keyspace;
use larder::keyspace::hash::KeyHasher;

/// The server's `hash-seed`, from which follows in which stripe a key lies.
const HASH_SEED: &str = "isolation";
/// The server's default number of stripes.
const STRIPES: usize = 256;
/// The string that slow commands work on.
const SLOW_KEY: &str = "slow";
/// Keys that are read.
const KEYS: usize = 1000;
const VALUE_LEN: usize = 64;
/// Connections among which three of each worker are looked for.
const CONNECTIONS: usize = 8;
/// Tries of finding out which worker a connection is on.
const PROBES: usize = 3;

struct Connection {
    stream: TcpStream,
    /// What was read beyond the last reply.
    input: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, input: Vec::new() })
    }

    fn send(&mut self, words: &str) -> anyhow::Result<()> {
        Ok(self.stream.write_all(format!("{words}\r\n").as_bytes())?)
    }

    /// The next line, and with it the bulk string that it announces.
    fn receive(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&self.input[..end - 1]).into_owned();
                let len = line.strip_prefix('$').and_then(|len| len.parse::<usize>().ok());
                let whole = end + 1 + len.map_or(0, |len| len + 2);
                if self.input.len() >= whole {
                    self.input.drain(..whole);
                    ensure!(!line.starts_with('-'), "the server answers {line}");
                    return Ok(line);
                }
            }
            let mut chunk = [0; 16 * 1024];
            let len = self.stream.read(&mut chunk)?;
            ensure!(len > 0, "the server closed the connection");
            self.input.extend_from_slice(&chunk[..len]);
        }
    }

    fn call(&mut self, words: &str) -> anyhow::Result<String> {
        self.send(words)?;
        self.receive()
    }

    /// True if a reply is there already.
    fn has_reply(&mut self) -> anyhow::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let seen = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        Ok(seen.is_ok())
    }
}

/// What runs beside the GETs of a row, and on which worker they come.
struct Row {
    name: &'static str,
    /// Connections with slow commands on worker 0 and 1.
    slow: [usize; 2],
    /// The worker that the GETs are sent to.
    worker: usize,
    /// What they send, and how many lines answer it.
    request: (&'static str, usize),
    /// What another connection of that worker sends all the time.
    beside: Option<&'static str>,
}

const COUNT: (&str, usize) = ("BITCOUNT slow", 1);
const INVERT: (&str, usize) = ("BITOP NOT slow slow", 1);
const TRANSACTION: (&str, usize) = ("MULTI\r\nBITCOUNT slow\r\nEXEC", 4);

const ROW: Row = Row { name: "", slow: [0, 0], worker: 1, request: COUNT, beside: None };

const ROWS: &[Row] = &[
    Row { name: "no slow command", ..ROW },
    Row { name: "BITCOUNT on one connection, of the other worker", slow: [1, 0], ..ROW },
    Row { name: "BITCOUNT on two, of the other worker", slow: [2, 0], ..ROW },
    Row { name: "BITCOUNT on two, one of each worker", slow: [1, 1], ..ROW },
    Row { name: "BITCOUNT on two, of this worker", slow: [0, 2], ..ROW },
    Row { name: "BITOP NOT on two, one of each worker", slow: [1, 1], request: INVERT, ..ROW },
    Row { name: "BITCOUNT on two, while this worker is asked for a key of their stripe", slow: [1, 1], beside: Some("EXISTS slow"), ..ROW },
    Row { name: "BITCOUNT on two, while this worker is asked for INFO", slow: [1, 1], beside: Some("INFO everything"), ..ROW },
    Row { name: "BITCOUNT on two, while this worker is asked to SCAN", slow: [1, 1], beside: Some("SCAN 0 COUNT 2000"), ..ROW },
    Row { name: "BITCOUNT in transactions on two, of the other worker", slow: [2, 0], request: TRANSACTION, ..ROW },
    Row { name: "BITCOUNT in transactions on one, of this worker", slow: [0, 1], request: TRANSACTION, ..ROW },
];

impl Row {
    /// A transaction runs on its connection's worker: what else that serves has to wait.
    fn expectation(&self) -> &'static str {
        if self.request == TRANSACTION && self.slow[self.worker] > 0 { "waits" } else { "free" }
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|word| word == "keys").is_some() {
        let slow: Vec<String> = args.collect();
        keys_elsewhere(&slow).iter().for_each(|key| println!("{key}"));
        return Ok(());
    }
    let mut next = || args.next().context("usage: isolation <port> <seconds per row> <megabytes>");
    let (port, seconds, megabytes): (u16, u64, usize) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
    let mut control = Connection::open(port)?;
    let keys = fill(&mut control, megabytes)?;
    let workers = pick(port)?;
    let [mut first, mut second] = workers;
    for row in ROWS {
        let all = [&mut first, &mut second];
        measure(row, all, &keys, seconds)?;
    }
    Ok(())
}

/// Writes the huge string and the keys that are read. Returns the latter.
fn fill(control: &mut Connection, megabytes: usize) -> anyhow::Result<Vec<String>> {
    control.call(&format!("SETRANGE {SLOW_KEY} {} x", megabytes * 1024 * 1024 - 1))?;
    // Pages that were never written are all the same one, and stay in the cache.
    control.call(&format!("BITOP NOT {SLOW_KEY} {SLOW_KEY}"))?;
    let keys = keys_elsewhere(&[SLOW_KEY]);
    for key in &keys {
        control.call(&format!("SET {key} {}", "v".repeat(VALUE_LEN)))?;
    }
    Ok(keys)
}

/// Keys that lie in no stripe of these.
fn keys_elsewhere(slow: &[impl AsRef<str>]) -> Vec<String> {
    let seed = KeyHasher::new(0).hash(HASH_SEED.as_bytes()).0;
    let keyspace = Keyspace::new(STRIPES, 1, false, seed);
    let stripe = |key: &str| keyspace.place(key.as_bytes()).stripe;
    let held: Vec<u32> = slow.iter().map(|key| stripe(key.as_ref())).collect();
    let names = (0..).map(|number| format!("key:{number}"));
    names.filter(|key| !held.contains(&stripe(key))).take(KEYS).collect()
}

/// Connections of each of the two workers.
fn pick(port: u16) -> anyhow::Result<[Vec<Connection>; 2]> {
    let mut probe = Connection::open(port)?;
    let mut workers = [Vec::new(), Vec::new()];
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(port)?;
        // The probe's is worker 0. A reply may also come early because its worker has not begun with the transaction yet, but not always.
        let mut worker = 1;
        for _ in 0..PROBES {
            if !is_served_beside(&mut probe, &mut connection)? {
                worker = 0;
            }
        }
        workers[worker].push(connection);
    }
    ensure!(workers.iter().all(|worker| worker.len() >= 3), "the connections are not spread over two workers");
    Ok(workers)
}

/// Whether `connection` is served while a slow transaction of `probe` runs.
fn is_served_beside(probe: &mut Connection, connection: &mut Connection) -> anyhow::Result<bool> {
    let (request, replies) = TRANSACTION;
    probe.send(request)?;
    // Time for the worker to begin with it.
    std::thread::sleep(std::time::Duration::from_millis(2));
    connection.call("PING")?;
    let is_running = !probe.has_reply()?;
    (0..replies).try_for_each(|_| probe.receive().map(drop))?;
    Ok(is_running)
}

/// What slow commands took in total.
#[derive(Default)]
struct Slow {
    count: u64,
    total_us: u64,
}

fn measure(row: &Row, workers: [&mut Vec<Connection>; 2], keys: &[String], seconds: u64) -> anyhow::Result<()> {
    let stop = AtomicBool::new(false);
    let mut rest: Vec<_> = workers.into_iter().map(|worker| worker.iter_mut()).collect();
    let getter = rest[row.worker].next().context("a connection")?;
    let beside = row.beside.and_then(|request| Some((rest[row.worker].next()?, request)));
    let mut slow = Vec::new();
    for (worker, count) in row.slow.into_iter().enumerate() {
        slow.extend(rest[worker].by_ref().take(count));
    }
    let (latencies, slow) = std::thread::scope(|scope| {
        let stop = &stop;
        let slow: Vec<_> = slow.into_iter().map(|connection| scope.spawn(move || run_slow(connection, row.request, stop))).collect();
        let beside = beside.map(|(connection, request)| scope.spawn(move || repeat(connection, request, stop)));
        let latencies = read(getter, keys, seconds);
        stop.store(true, Ordering::Relaxed);
        let mut sum = Slow::default();
        for thread in slow {
            let one = thread.join().expect("it does not panic")?;
            sum.count += one.count;
            sum.total_us += one.total_us;
        }
        if let Some(beside) = beside {
            beside.join().expect("it does not panic")?;
        }
        anyhow::Ok((latencies?, sum))
    })?;
    let at = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{}\t{}\t{}\t{:.1}\t{}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.1}",
        row.name,
        row.expectation(),
        slow.count,
        slow.total_us as f64 / 1000.0 / slow.count.max(1) as f64,
        latencies.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        latencies.max() as f64 / 1000.0
    );
    Ok(())
}

fn run_slow(connection: &mut Connection, (request, replies): (&str, usize), stop: &AtomicBool) -> anyhow::Result<Slow> {
    let mut slow = Slow::default();
    while !stop.load(Ordering::Relaxed) {
        let started = clock::monotonic_us();
        connection.send(request)?;
        (0..replies).try_for_each(|_| connection.receive().map(drop))?;
        slow.total_us += clock::monotonic_us() - started;
        slow.count += 1;
    }
    Ok(slow)
}

fn repeat(connection: &mut Connection, request: &str, stop: &AtomicBool) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        // SCAN's reply has parts: an ECHO behind each request tells where it ends.
        connection.send(&format!("{request}\r\nECHO the-end-of-it"))?;
        let end = b"the-end-of-it\r\n";
        while !connection.input.ends_with(end) {
            let mut chunk = [0; 16 * 1024];
            let len = connection.stream.read(&mut chunk)?;
            ensure!(len > 0, "the server closed the connection");
            connection.input.extend_from_slice(&chunk[..len]);
        }
        connection.input.clear();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok(())
}

/// Sends GETs for so many seconds. Returns their times in nanoseconds.
fn read(connection: &mut Connection, keys: &[String], seconds: u64) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    let until_us = clock::monotonic_us() + seconds * 1_000_000;
    for key in keys.iter().cycle() {
        let started = clock::ticks();
        connection.call(&format!("GET {key}"))?;
        latencies.record(clock::elapsed_ns(started, clock::ticks()))?;
        if clock::monotonic_us() > until_us {
            break;
        }
    }
    Ok(latencies)
}
