//! How ready the kernel is to kill this process when memory runs out (`oom-score-adj`).

use std::fs;
use std::io;

use parking_lot::Mutex;

use crate::config::{Config, OomScoreAdj};

/// The process's own score adjustment, read and written.
const FILE: &str = "/proc/self/oom_score_adj";

/// The score of before it was changed, while it is.
#[derive(Debug, Default)]
pub(super) struct OomScore(Mutex<Option<i32>>);

impl OomScore {
    /// Sets the score that the options say, or the one of the start when they say none. An error is the system's.
    pub(super) fn follow(&self, config: &Config) -> io::Result<()> {
        let mut base = self.0.lock();
        // Of the three values the first is that of a primary: a replica's is not taken yet, and there are no child processes.
        let [wanted, ..] = config.oom_score_adj_values;
        let score = match (config.oom_score_adj, *base) {
            (OomScoreAdj::No, None) => return Ok(()),
            (OomScoreAdj::No, Some(base)) => base,
            (OomScoreAdj::Absolute, _) => wanted,
            (OomScoreAdj::Relative, Some(base)) => base + wanted,
            (OomScoreAdj::Relative, None) => read()? + wanted,
        };
        let before = match *base {
            Some(before) => before,
            None => read()?,
        };
        write(score.clamp(-1000, 1000))?;
        *base = (config.oom_score_adj != OomScoreAdj::No).then_some(before);
        Ok(())
    }
}

fn read() -> io::Result<i32> {
    let text = fs::read_to_string(FILE)?;
    text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

fn write(score: i32) -> io::Result<()> {
    fs::write(FILE, format!("{score}\n"))
}
