//! Random commands on sorted sets and positions against Larder and a real Valkey: replies, encodings and digests are compared byte for byte,
//! in both protocols and with several limits of the compact form.
//!
//! A failure prints its seed; `LARDER_TEST_SEED=<seed>` repeats that sequence alone. Left out is what Valkey leaves to chance (ZRANDMEMBER, the
//! order of members at the same distance) or calls unspecified (ranges of members where scores differ).

use larder::base::rng::Rng;

use crate::support::{Connection, Server};

/// Each with `zset-max-listpack-entries`, `zset-max-listpack-value` and the protocol.
const RUNS: &[(u64, &str, &str, &str)] = &[(1, "128", "64", "2"), (2, "0", "64", "3"), (3, "1", "64", "2"), (4, "20", "20", "3")];
/// Commands per run.
const STEPS: usize = 2500;
/// Commands shown before the one that differs.
const SHOWN: usize = 12;
const KEYS: &[&str] = &["a", "b", "c", "text", "places"];

type Request = Vec<Vec<u8>>;

struct Generator(Rng);

impl Generator {
    fn chance(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.0.below(choices.len() as u64) as usize]
    }

    fn number(&mut self, from: i64, to: i64) -> String {
        (from + self.0.below((to - from) as u64) as i64).to_string()
    }

    fn key(&mut self) -> String {
        if self.chance(94) { self.one_of(&["a", "b", "c"]).into() } else { self.one_of(&["text", "missing"]).into() }
    }

    fn member(&mut self) -> String {
        match self.0.below(10) {
            0..=5 => format!("m{}", self.0.below(50)),
            6 | 7 => self.number(-20, 40),
            8 => "x".repeat(60 + self.0.below(10) as usize),
            _ => self.one_of(&["", "007", "-0", "9223372036854775807", "9223372036854775808", "place:1"]).into(),
        }
    }

    fn fraction(&mut self, limit: f64) -> String {
        ((self.0.next_u64() as f64 / u64::MAX as f64 - 0.5) * 2.0 * limit).to_string()
    }

    fn score(&mut self) -> String {
        match self.0.below(20) {
            0..=9 => self.number(-10, 20),
            10..=16 => self.fraction(100.0),
            _ => {
                let edges =
                    ["inf", "-inf", "1e17", "-0", ".5", "1e300", "12345678901234567890", "nan", "abc", "", " 1", "1e400", "0x10", "+5"];
                self.one_of(&edges).into()
            }
        }
    }

    fn bound(&mut self) -> String {
        if self.chance(30) { format!("({}", self.score()) } else { self.score() }
    }

    fn limit(&mut self) -> String {
        if self.chance(30) { format!(" LIMIT {} {}", self.number(-3, 20), self.number(-2, 20)) } else { String::new() }
    }

    fn keys(&mut self) -> (usize, String) {
        let count = 1 + self.0.below(6) as usize;
        let keys: Vec<String> = (0..count).map(|_| self.key()).collect();
        (count, format!("{count} {}", keys.join(" ")))
    }

    fn combination(&mut self) -> String {
        let operation = self.one_of(&["ZUNION", "ZINTER", "ZDIFF"]);
        let stores = self.chance(50);
        let target = if stores { format!("STORE {}", self.one_of(&["a", "b", "c", "text"])) } else { String::new() };
        let (count, keys) = self.keys();
        let mut line = format!("{operation}{target} {keys}");
        if operation != "ZDIFF" && self.chance(40) {
            let weights: Vec<String> = (0..count).map(|_| self.one_of(&["1", "-1", "0", "0.5", "inf", "x"]).to_owned()).collect();
            line.push_str(&format!(" WEIGHTS {} AGGREGATE {}", weights.join(" "), self.one_of(&["SUM", "min", "MAX"])));
        }
        if !stores && self.chance(50) {
            line.push_str(" WITHSCORES");
        }
        line
    }

    fn position(&mut self) -> String {
        format!("{} {}", self.fraction(20.0), self.fraction(20.0))
    }

    fn search(&mut self) -> String {
        let place = format!("p{}", self.0.below(40));
        let from = if self.chance(50) { format!("FROMMEMBER {place}") } else { format!("FROMLONLAT {}", self.position()) };
        let reach = self.0.below(3000);
        let by = if self.chance(50) { format!("BYRADIUS {reach} km") } else { format!("BYBOX {reach} {} mi", reach / 2) };
        if self.chance(15) {
            return format!("BYPOLYGON 3 {} {} {}", self.position(), self.position(), self.position());
        }
        format!("{from} {by}")
    }

    fn line(&mut self) -> String {
        let (key, member) = (self.key(), self.member());
        match self.0.below(30) {
            0..=6 => {
                let option = self.one_of(&["", "", "NX", "XX CH", "GT", "LT CH", "INCR", "NX GT"]);
                format!("ZADD {key} {option} {} {member} {} {}", self.score(), self.score(), self.member())
            }
            7 => format!("ZADD {key} {} {member}", self.score()),
            8 => format!("ZINCRBY {key} {} {member}", self.score()),
            9 => format!("ZREM {key} {member} {}", self.member()),
            10 => format!("{} {key} {member} {}", self.one_of(&["ZRANK", "ZREVRANK"]), self.one_of(&["", "WITHSCORE"])),
            11 => format!("ZMSCORE {key} {member} {}", self.member()),
            12 => format!("ZCOUNT {key} {} {}", self.bound(), self.bound()),
            13 => {
                format!("ZRANGE {key} {} {} {}", self.number(-30, 30), self.number(-30, 30), self.one_of(&["", "REV", "WITHSCORES", "FOO"]))
            }
            14 => format!("ZRANGE {key} {} {} BYSCORE {}{}", self.bound(), self.bound(), self.one_of(&["", "REV"]), self.limit()),
            15 => format!("ZREVRANGEBYSCORE {key} {} {} WITHSCORES{}", self.bound(), self.bound(), self.limit()),
            16 => {
                format!("ZRANGESTORE {} {key} {} {} BYSCORE{}", self.one_of(&["a", "b", "text"]), self.bound(), self.bound(), self.limit())
            }
            17 => format!("ZREMRANGEBYRANK {key} {} {}", self.number(-10, 30), self.number(-60, 3)),
            18 => format!("ZREMRANGEBYSCORE {key} {} (-50", self.bound()),
            19 => format!("{} {key} {}", self.one_of(&["ZPOPMIN", "ZPOPMAX"]), self.one_of(&["", "0", "2", "-1", "x"])),
            20 => format!("ZMPOP {} {} COUNT 2", self.keys().1, self.one_of(&["MIN", "max"])),
            21 | 22 => self.combination(),
            23 => format!("ZINTERCARD {} LIMIT {}", self.keys().1, self.number(-1, 4)),
            24 => format!("OBJECT ENCODING {key}"),
            25 => format!("DEBUG DIGEST-VALUE {}", KEYS.join(" ")),
            26 => format!("{} {key} {} {}", self.one_of(&["COPY", "RENAME"]), self.one_of(&["a", "b"]), self.one_of(&["", "REPLACE"])),
            27 => format!("GEOADD places {} p{}", self.position(), self.0.below(40)),
            28 => format!("GEOSEARCH places {} ASC WITHDIST WITHHASH WITHCOORD", self.search()),
            _ => format!("GEOSEARCHSTORE c places {} {}", self.search(), self.one_of(&["", "STOREDIST"])),
        }
    }

    fn request(&mut self) -> Request {
        self.line().split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
    }
}

fn compare(seed: u64, sides: &mut [Connection; 2]) {
    let mut generator = Generator(Rng::new(seed));
    let mut past: Vec<String> = Vec::new();
    for step in 0..STEPS {
        let request = generator.request();
        past.push(request.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" "));
        let [ours, theirs] = sides.each_mut().map(|side| side.call_raw(&request));
        let shown = past[past.len().saturating_sub(SHOWN)..].join("\n");
        assert!(
            ours == theirs,
            "seed {seed}, step {step}, after\n{shown}\n  ours: {}\ntheirs: {}",
            ours.escape_ascii(),
            theirs.escape_ascii()
        );
    }
}

#[test]
fn sorted_sets_and_positions_answer_as_valkey_does() {
    let options = ["--enable-debug-command", "yes"];
    let Some(reference) = Server::reference("sorted_sets_and_positions_answer_as_valkey_does", &options) else { return };
    let larder = Server::larder(&options);
    let wanted: Option<u64> = std::env::var("LARDER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    for (seed, members, member_len, protocol) in RUNS {
        if wanted.is_some_and(|wanted| wanted != *seed) {
            continue;
        }
        let mut sides = [larder.connect(), reference.connect()];
        for side in &mut sides {
            side.config_set("zset-max-listpack-entries", members);
            side.config_set("zset-max-ziplist-value", member_len);
            for request in [vec!["FLUSHALL"], vec!["HELLO", protocol], vec!["SET", "text", "value"]] {
                side.call(&request);
            }
        }
        compare(*seed, &mut sides);
    }
}
