//! Random commands on lists of long elements against Larder and a real Valkey. What is compared after each command: the reply, the encoding,
//! and the payload of DUMP, which shows into which nodes the elements are divided.
//!
//! A failure prints its seed; `LARDER_TEST_SEED=<seed>` repeats that run alone. Left out: a limit that changes while lists are there. A list of
//! Valkey keeps the one that it began with.

use larder::base::rng::Rng;
use larder_proto::resp::Value;

use crate::support::{Connection, Server};

/// Each with `list-max-listpack-size`.
const RUNS: &[(u64, &str)] = &[(1, "-2"), (2, "-1"), (3, "3"), (4, "128"), (5, "-5"), (6, "1")];
/// Lists per run.
const LISTS: usize = 250;
/// Commands per list.
const STEPS: u64 = 14;
/// Bytes of a payload that say with which version it was written, and its checksum.
const TRAILER_LEN: usize = 10;

struct Generator(Rng);

impl Generator {
    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.below(choices.len() as u64) as usize]
    }

    fn element(&mut self) -> String {
        let letter = self.one_of(&["a", "b", "c"]);
        let len = self.one_of(&[1, 1, 1, 60, 1000, 1500, 3000, 4096, 5000, 8100, 9000, 40_000, 70_000]);
        letter.repeat(len)
    }

    fn request(&mut self) -> Vec<String> {
        let index = (self.0.below(12) as i64 - 6).to_string();
        let (one, other) = (self.element(), self.element());
        let words: Vec<&str> = match self.0.below(16) {
            0..3 => vec!["RPUSH", "l", &one, &other],
            3..5 => vec!["LPUSH", "l", &one],
            5..8 => vec!["LSET", "l", &index, &one],
            8..10 => vec!["LINSERT", "l", "BEFORE", &one, &other],
            10..12 => vec!["LINSERT", "l", "AFTER", &one, &other],
            12 => vec!["LREM", "l", "1", &one],
            13 => vec![self.one_of(&["LPOP", "RPOP"]), "l"],
            14 => vec!["LMOVE", "l", "l", self.one_of(&["LEFT", "RIGHT"]), self.one_of(&["LEFT", "RIGHT"])],
            _ => vec!["LTRIM", "l", self.one_of(&["0", "1"]), self.one_of(&["-1", "-2"])],
        };
        words.into_iter().map(str::to_owned).collect()
    }
}

/// What can be seen of the list, a payload without its end.
fn look(side: &mut Connection) -> (Value, Vec<u8>) {
    let encoding = side.call(&["OBJECT", "ENCODING", "l"]);
    let dump = side.call(&["DUMP", "l"]);
    let payload = dump.as_bytes().map(|bytes| bytes[..bytes.len() - TRAILER_LEN].to_vec()).unwrap_or_default();
    (encoding, payload)
}

fn shown(request: &[String]) -> String {
    let words = request.iter().map(|word| if word.len() > 8 { format!("{}*{}", &word[..1], word.len()) } else { word.clone() });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn lists_of_long_elements_are_divided_as_in_valkey() {
    const NAME: &str = "lists_of_long_elements_are_divided_as_in_valkey";
    let options = ["--rdbcompression", "no"];
    let Some(reference) = Server::reference(NAME, &options) else { return };
    let larder = Server::larder(&options);
    let mut sides = [larder.connect(), reference.connect()];
    let wanted: Option<u64> = std::env::var("LARDER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    for (seed, limit) in RUNS.iter().filter(|(seed, _)| wanted.is_none_or(|wanted| wanted == *seed)) {
        sides.iter_mut().for_each(|side| side.config_set("list-max-listpack-size", limit));
        let mut generator = Generator(Rng::new(*seed));
        for _ in 0..LISTS {
            sides.iter_mut().for_each(|side| drop(side.call(&["DEL", "l"])));
            let mut done = Vec::new();
            for _ in 0..STEPS {
                let request = generator.request();
                done.push(shown(&request));
                let [ours, theirs] = sides.each_mut().map(|side| (side.call(&request), look(side)));
                assert!(
                    ours == theirs,
                    "seed {seed}, limit {limit}: {}\n  ours: {:?}, {} bytes\ntheirs: {:?}, {} bytes",
                    done.join("; "),
                    ours.1.0,
                    ours.1.1.len(),
                    theirs.1.0,
                    theirs.1.1.len()
                );
            }
        }
    }
}
