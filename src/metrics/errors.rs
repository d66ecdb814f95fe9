//! Errors replied, by code (INFO errorstats).
//!
//! Invariant: who counts waits for nobody, neither for others that count nor for those who read. Errors are counted while stripes are held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

/// Codes counted; further ones are dropped, since a script can invent codes without end.
const CODES_MAX: usize = 128;
/// Longest code counted as it is.
const CODE_LEN_MAX: usize = 64;

/// Each code with its count.
type Codes = BTreeMap<Box<str>, Arc<AtomicU64>>;

/// See the module's page.
#[derive(Debug, Default)]
pub struct ErrorStats {
    /// Replaced by a map with one code more, and the same counts, when a code comes up for the first time: at most [`CODES_MAX`] times. A mutex
    /// would be taken for each error, and by INFO for as long as that reads.
    codes: ArcSwap<Codes>,
}

impl ErrorStats {
    /// Counts an error by its text after `-`, of which the first word is the code.
    pub fn count(&self, text: impl AsRef<[u8]>) {
        let code = text.as_ref().split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = &*String::from_utf8_lossy(code);
        if code.is_empty() || code.len() > CODE_LEN_MAX {
            return;
        }
        if !self.count_known(code) && self.codes.load().len() < CODES_MAX {
            self.add(code);
            self.count_known(code);
        }
    }

    /// Counts an error of a code that came up before. False if it did not.
    fn count_known(&self, code: &str) -> bool {
        let codes = self.codes.load();
        let Some(count) = codes.get(code) else { return false };
        count.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Adds a code, unless somebody else just did, or there are enough.
    #[cold]
    fn add(&self, code: &str) {
        self.codes.rcu(|codes| {
            let mut codes = Codes::clone(codes);
            if codes.len() < CODES_MAX {
                codes.entry(code.into()).or_default();
            }
            codes
        });
    }

    /// Calls `visit` with each code and its count.
    pub fn for_each(&self, mut visit: impl FnMut(&str, u64)) {
        self.codes.load_full().iter().for_each(|(code, count)| visit(code, count.load(Ordering::Relaxed)));
    }

    /// Sum over all codes.
    pub fn total(&self) -> u64 {
        let mut sum = 0;
        self.for_each(|_, count| sum += count);
        sum
    }

    /// Forgets all; what is counted at the same time may be forgotten as well.
    pub fn reset(&self) {
        self.codes.store(Arc::default());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// How long a test waits for what must happen.
    const DEADLINE: Duration = Duration::from_secs(30);

    fn all(stats: &ErrorStats) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        stats.for_each(|code, count| all.push((code.to_owned(), count)));
        all
    }

    #[test]
    fn errors_are_counted_while_others_read_the_counts() {
        let stats = Arc::new(ErrorStats::default());
        stats.count("ERR first");
        stats.for_each(|code, count| {
            assert_eq!((code, count), ("ERR", 1));
            let (done, is_done) = mpsc::channel();
            let stats = Arc::clone(&stats);
            // A thread that nobody joins: if it waited for the reader, this test would fail and not stand still.
            std::thread::spawn(move || {
                ["ERR second", "WRONGTYPE of a code that is new", "WRONGTYPE"].iter().for_each(|text| stats.count(text));
                let _ = done.send(());
            });
            is_done.recv_timeout(DEADLINE).expect("who counts waits for nobody who reads");
        });
        assert_eq!(all(&stats), [("ERR".to_owned(), 2), ("WRONGTYPE".to_owned(), 2)]);
    }

    #[test]
    fn no_error_is_lost_when_several_threads_meet_a_new_code() {
        const THREADS: u64 = 4;
        let rounds = if cfg!(miri) { 5 } else { 500 };
        let stats = ErrorStats::default();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..rounds).for_each(|round| stats.count(format!("CODE{} text", round % 100))));
            }
        });
        assert_eq!(stats.total(), THREADS * rounds);
        stats.reset();
        assert_eq!(all(&stats), []);
    }

    #[test]
    fn codes_are_bounded_in_number_and_length() {
        let stats = ErrorStats::default();
        stats.count("");
        stats.count(" no code");
        stats.count("X".repeat(CODE_LEN_MAX + 1));
        assert_eq!(stats.total(), 0);
        stats.count(b"\xff odd");
        (0..CODES_MAX * 2).for_each(|number| stats.count(format!("CODE{number}")));
        stats.count(b"\xff odd");
        assert_eq!((all(&stats).len(), stats.total()), (CODES_MAX, CODES_MAX as u64 + 1));
        stats.reset();
        stats.count("ERR text");
        assert_eq!(all(&stats), [("ERR".to_owned(), 1)], "what was dropped makes room");
    }
}
