//! Many clients of one worker that are ready at the same time: each gets its own replies, in order, whatever the others send.

use std::io::{Read, Write};
use std::net::TcpStream;

use larder::base::limits::{READ_BUFFER_LEN, WAITING_REQUESTS_MAX};
use larder::base::rng::Rng;

use crate::support::{Server, request, wait_until};

/// Together they send more than can wait at once, in requests and in bytes.
const CLIENTS: usize = 80;
const ROUNDS: usize = 60;
/// Requests of a client in one round.
const REQUESTS_MAX: u64 = 6;
const VALUE_LEN_MAX: u64 = 3000;

/// Requests of one client for one round, and their replies. Each client has keys of its own.
fn round(client: usize, round: usize, rng: &mut Rng) -> (Vec<u8>, Vec<u8>) {
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    let mut add = |args: &[&str], reply: &str| {
        requests.extend(request(args));
        replies.extend_from_slice(reply.as_bytes());
    };
    for number in 0..=rng.below(REQUESTS_MAX) {
        let key = format!("key:{client}:{number}");
        let value = format!("{client}-{round}-").repeat(1 + rng.below(VALUE_LEN_MAX / 8) as usize);
        let bulk = format!("${}\r\n{value}\r\n", value.len());
        match rng.below(8) {
            0 => add(&["GET", &format!("missing:{client}")], "$-1\r\n"),
            1 => add(&["GET"], "-ERR wrong number of arguments for 'get' command\r\n"),
            2 => add(&["ECHO", &value], &bulk),
            3 => {
                // Another database, and back.
                add(&["SELECT", "3"], "+OK\r\n");
                add(&["EXISTS", &key], ":0\r\n");
                add(&["SELECT", "0"], "+OK\r\n");
            }
            4 => {
                add(&["MULTI"], "+OK\r\n");
                add(&["SET", &key, &value], "+QUEUED\r\n");
                add(&["GET", &key], "+QUEUED\r\n");
                add(&["EXEC"], &format!("*2\r\n+OK\r\n{bulk}"));
            }
            _ => {
                add(&["SET", &key, &value], "+OK\r\n");
                add(&["GET", &key], &bulk);
            }
        }
    }
    (requests, replies)
}

#[test]
fn clients_that_are_ready_together_get_their_own_replies() {
    const { assert!(CLIENTS * REQUESTS_MAX as usize > WAITING_REQUESTS_MAX && CLIENTS * VALUE_LEN_MAX as usize > READ_BUFFER_LEN) };
    let server = Server::larder(&["--io-threads", "1"]);
    let mut watcher = server.connect();
    let mut rng = Rng::new(1);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| server.connect_raw()).collect();
    for number in 0..ROUNDS {
        let rounds: Vec<_> = (0..CLIENTS).map(|client| round(client, number, &mut rng)).collect();
        // Some requests come in two parts; some clients hang up after theirs.
        let cuts: Vec<usize> =
            rounds.iter().map(|(requests, _)| if rng.below(4) == 0 { requests.len() / 2 } else { requests.len() }).collect();
        for ((client, (requests, _)), cut) in clients.iter_mut().zip(&rounds).zip(&cuts) {
            client.write_all(&requests[..*cut]).expect("the server reads");
        }
        for ((client, (requests, _)), cut) in clients.iter_mut().zip(&rounds).zip(&cuts) {
            client.write_all(&requests[*cut..]).expect("the server reads");
        }
        for (at, (client, (_, replies))) in clients.iter_mut().zip(&rounds).enumerate() {
            if rng.below(20) == 0 {
                *client = server.connect_raw();
                continue;
            }
            let mut got = vec![0; replies.len()];
            client.read_exact(&mut got).expect("the server answers in time");
            assert!(&got == replies, "client {at}, round {number}: {}", String::from_utf8_lossy(&got));
        }
    }
    wait_until("those that hung up are gone", || watcher.info("connected_clients") == CLIENTS as u64 + 1);
}
