//! What clients see on several workers is what one thread would have answered, each command and each transaction at one moment.

mod checker;
mod keys;
mod load;

use std::sync::Barrier;

use larder::base::rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server};
use checker::{Verdict, check};
use keys::Keys;
use load::{Client, History};

const WORKERS: usize = 2;
/// Clients of a history. They are of both workers.
const CLIENTS: usize = 4;
/// Histories of the short run.
const HISTORIES: u64 = 200;
/// Histories after which all keys are removed.
const FLUSH_EVERY: u64 = 1000;

/// What all clients saw of a history.
fn history(connections: &mut [Connection], number: u64, seed: u64) -> History {
    let start = Barrier::new(connections.len());
    let prefix = format!("history:{number}");
    std::thread::scope(|scope| {
        let client = |(client, connection)| {
            let client = Client::new(connection, client, &prefix, seed);
            let start = &start;
            scope.spawn(move || client.run(start))
        };
        let clients: Vec<_> = connections.iter_mut().enumerate().map(client).collect();
        clients.into_iter().flat_map(|client| client.join().expect("the server answers as it should")).collect()
    })
}

/// A history for people: one operation a line.
fn lines(history: &History, operations: &[usize]) -> String {
    let first = history.iter().map(|operation| operation.called).min().unwrap_or(0);
    let mut lines: Vec<(u64, String)> = Vec::new();
    for operation in operations.iter().map(|index| &history[*index]) {
        let (called, returned) = (operation.called - first, operation.returned - first);
        let answers = operation.reply.iter().flatten();
        let actions: Vec<String> =
            operation.call.iter().zip(answers).map(|((key, action), answer)| format!("{key}: {action:?} -> {answer:?}")).collect();
        lines.push((called, format!("  client {} from {called} to {returned}: {}\n", operation.client, actions.join("; "))));
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

fn run(histories: u64, seed: u64) {
    let server = Server::larder(&["--io-threads", &WORKERS.to_string()]);
    let mut connections: Vec<Connection> = (0..CLIENTS).map(|_| server.connect()).collect();
    let (mut operations, mut overlapping) = (0, 0);
    for number in 0..histories {
        let history = history(&mut connections, number, seed.wrapping_add(number));
        match check(&Keys, &history) {
            Verdict::Linearizable => {}
            Verdict::Broken { order, left } => panic!(
                "history {number} of seed {seed} is not linearizable. In this order it is:\n{}and of these none can follow:\n{}",
                lines(&history, &order),
                lines(&history, &left)
            ),
            Verdict::Unknown => panic!("history {number} of seed {seed} took too many steps:\n{}", lines(&history, &[0])),
        }
        operations += history.len();
        let overlaps = |a: &usize| {
            let one = &history[*a];
            history.iter().any(|other| other.client != one.client && other.called < one.returned && one.called < other.returned)
        };
        overlapping += (0..history.len()).filter(overlaps).count();
        if number % FLUSH_EVERY == FLUSH_EVERY - 1 {
            assert_eq!(connections[0].call(&["FLUSHALL"]), Value::Simple("OK".into()));
        }
    }
    eprintln!("{histories} histories of seed {seed} are linearizable: {operations} operations, {overlapping} at the same time as others");
    // With all clients on one of them nothing would have happened at the same time.
    let times = busy_times(&mut connections[0]);
    let (least, most) = times.iter().fold((f64::MAX, 0.0), |(least, most), time| (least.min(*time), time.max(most)));
    assert!(times.len() == WORKERS && least > most / 10.0, "one of the workers did nothing: {times:?}");
    assert!(overlapping * 2 > operations, "clients come one after the other, so that nothing was tried");
}

/// How long each worker was busy, in seconds.
fn busy_times(connection: &mut Connection) -> Vec<f64> {
    let text = connection.text(&["INFO", "cpu"]);
    let values = text.lines().filter_map(|line| line.strip_prefix("used_active_time_")?.split_once(':'));
    values.map(|(_, value)| value.trim().parse().expect("a number")).collect()
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn seed() -> u64 {
    // Short enough to be typed again.
    number_of("LINEARIZABILITY_SEED").unwrap_or_else(|| rng::process_seed() >> 32)
}

#[test]
fn what_clients_see_is_linearizable() {
    run(HISTORIES, seed());
}

#[test]
#[ignore = "the long run: scripts/linearizability"]
fn what_clients_see_is_linearizable_for_long() {
    run(number_of("LINEARIZABILITY_HISTORIES").unwrap_or(10_000), seed());
}
