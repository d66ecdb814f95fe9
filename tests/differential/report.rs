//! What was tried, command by command.

use std::fmt::Write;

use super::catalog::Command;
use super::pair::Outcome;

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    attempts: u64,
    successes: u64,
    on_existing: u64,
}

/// Counts per command.
pub(crate) struct Report {
    names: Vec<String>,
    counts: Vec<Counts>,
}

impl Report {
    pub(crate) fn new(commands: &[Command]) -> Report {
        Report { names: commands.iter().map(|command| command.name.clone()).collect(), counts: vec![Counts::default(); commands.len()] }
    }

    pub(crate) fn count(&mut self, outcome: &Outcome) {
        let counts = &mut self.counts[outcome.command];
        counts.attempts += 1;
        counts.successes += u64::from(outcome.is_success);
        counts.on_existing += u64::from(outcome.is_on_existing);
    }

    fn sum(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.counts.iter().map(of).sum()
    }

    /// Attempts and successes of all commands.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.sum(|counts| counts.attempts), self.sum(|counts| counts.successes))
    }

    /// As lines. Commands that succeeded less often than `wanted` are named at the end.
    pub(crate) fn text(&self, seconds: f64, wanted: u64) -> String {
        let mut text = format!("{:<32} {:>10} {:>10} {:>12}\n", "command", "attempts", "successes", "on existing");
        for (name, counts) in self.names.iter().zip(&self.counts) {
            let _ = writeln!(text, "{name:<32} {:>10} {:>10} {:>12}", counts.attempts, counts.successes, counts.on_existing);
        }
        let (attempts, successes) = self.totals();
        let share = |part: u64| 100.0 * part as f64 / attempts.max(1) as f64;
        let on_existing = self.sum(|counts| counts.on_existing);
        let _ = writeln!(
            text,
            "{attempts} commands, {:.0} per second; {:.1} % succeeded, {:.1} % on existing keys of the right type",
            attempts as f64 / seconds.max(0.001),
            share(successes),
            share(on_existing)
        );
        let rows = self.names.iter().zip(&self.counts);
        let few: Vec<String> =
            rows.filter(|(_, counts)| counts.successes < wanted).map(|(name, counts)| format!("{name} ({})", counts.successes)).collect();
        let _ = writeln!(text, "fewer than {wanted} successes: {}", if few.is_empty() { "none".to_owned() } else { few.join(", ") });
        text
    }
}
