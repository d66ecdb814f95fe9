//! Random requests against Larder and a real Valkey, whose replies are compared: `scripts/differential` runs it.
//!
//! The requests follow from the commands' specifications ([`generate`]), so that a new command is covered by being in its family's list.
//! Several connections in RESP2 and RESP3 take turns, each with pipelines of random length, transactions and watched keys. Every few
//! thousand commands both keyspaces are compared whole and emptied. At a difference the last requests are shown, then the few that it
//! takes, and the exit status is 1.
//!
//! Time: the two servers do not execute a request at the same moment. An expiry is therefore longer than a minute and a half, or at most
//! 20 ms and waited for before anything else is sent; a request whose words were moved so that one of them may have become an expiry is
//! followed by a look, and a key that would go soon is deleted on both.
//!
//! The servers are the programs that LARDER_SERVER and VALKEY_SERVER name; without the former, the release build beside this program.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program of its own")]

mod catalog;
mod compare;
mod contents;
mod generate;
mod limits;
mod minimise;
mod pair;
mod report;
mod servers;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, ensure};
use clap::Parser;
use larder::base::clock;
use larder::base::rng::{Rng, process_seed};

use catalog::Command;
use compare::Rule;
use generate::{CONNECTIONS, Generator, Request};
use pair::{Difference, Outcome, Pair, Seen, Step};
use report::Report;
use servers::Server;
use values::{Choices, LARGE_LEN, Passing};

/// Commands after which both keyspaces are compared and emptied. More take longer to do again when a difference is found.
const EPOCH: usize = 5000;
/// How often the reference may stop answering in one run: with limits at their ends it does, some millions of commands apart.
const STUCK_MAX: usize = 10;
/// How many of a hundred keys that may have changed are read whole at once.
const READ_PERCENT: u64 = 25;
/// From so many commands on, at least so many of a hundred must succeed: what is refused tells little.
const JUDGED_MIN: u64 = 10_000;
const SUCCESS_PERCENT_MIN: u64 = 50;
/// Longest pipeline.
const PIPELINE_MAX: u64 = 64;
/// Most bytes sent before the replies are read: as many fit the system's buffers, so that both sides never wait for each other.
const PIPELINE_BYTES_MAX: usize = 64 * 1024;
/// Longest word that is taken for a key's name where words were moved.
const NAME_LEN_MAX: usize = 200;
/// Requests shown before the one that differs.
const SHOWN: usize = 20;
/// For both: no value becomes longer than this, so that an offset at an edge is an error and not half a gigabyte.
const VALUE_MAX: &str = "1mb";

/// Random requests against Larder and Valkey.
#[derive(Debug, Parser)]
struct Options {
    /// How many commands.
    #[arg(long, default_value_t = 200_000)]
    commands: u64,
    /// Determines the requests; by default another one each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Ends after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Larder's workers.
    #[arg(long, default_value_t = 2)]
    workers: u32,
    /// Only this command (`get`, `object|encoding`) and its neighbours.
    #[arg(long)]
    command: Option<String>,
    /// Successes that each command should reach. Commands that did not are named.
    #[arg(long, default_value_t = 1000)]
    wanted: u64,
    /// Ends after so many differences. A command that differed is not sent again.
    #[arg(long, default_value_t = 1)]
    differences: usize,
    /// Up to which size collections are compact changes every few thousand commands.
    #[arg(long)]
    limits: bool,
    /// Without a reference server the exit status is 0.
    #[arg(long)]
    allow_skip: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    clock::warm_up();
    let options = Options::parse();
    let Some(reference) = std::env::var_os("VALKEY_SERVER").map(PathBuf::from).filter(|program| program.is_file()) else {
        println!("SKIPPED: there is no reference server: VALKEY_SERVER names none");
        return Ok(if options.allow_skip { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    };
    let larder = match std::env::var_os("LARDER_SERVER") {
        Some(program) => PathBuf::from(program),
        // Examples lie in a folder beside the programs.
        None => std::env::current_exe()?.parent().and_then(|folder| folder.parent()).context("no folder")?.join("larder-server"),
    };
    let seed = options.seed.unwrap_or_else(process_seed);
    println!("seed {seed}, {} workers, {}", options.workers, larder.display());

    let mut commands = catalog::catalog(compare::is_sent);
    if let Some(name) = &options.command {
        ensure!(catalog::narrow(&mut commands, &name.to_ascii_lowercase().replace(' ', "|")), "there is no command {name}");
    }
    for command in &mut commands {
        command.is_random = command.is_write() && compare::rule(command) == Rule::Shape;
        command.may_have_zeros = compare::may_have_zeros(&command.name);
    }
    let commands: Rc<[Command]> = commands.into();
    let bound = ["--proto-max-bulk-len".to_owned(), VALUE_MAX.to_owned()];
    let workers = ["--io-threads".to_owned(), options.workers.to_string()];
    // Valkey ends a blocked client's waiting when its clock next ticks.
    let often = ["--hz".to_owned(), "500".to_owned()];
    let servers =
        [Server::start(&larder, &[bound.as_slice(), &workers].concat())?, Server::start(&reference, &[bound.as_slice(), &often].concat())?];
    let mut run = Run {
        report: Report::new(&commands),
        pair: Pair::new(servers, Rc::clone(&commands)),
        generator: Generator::new(Rng::new(seed), commands),
        steps: Vec::new(),
        held: None,
    };
    run.generator.wanted = options.wanted;
    run.all(&options)
}

/// A run.
struct Run {
    generator: Generator<Rng>,
    pair: Pair,
    report: Report,
    /// What was done since the servers were last empty.
    steps: Vec<Step>,
    /// A long request that has a pipeline of its own.
    held: Option<Request>,
}

impl Run {
    fn all(&mut self, options: &Options) -> anyhow::Result<ExitCode> {
        let started_ms = clock::monotonic_ms();
        let seconds = || (clock::monotonic_ms() - started_ms) as f64 / 1000.0;
        let mut done = 0;
        let (mut found, mut stuck) = (0, 0);
        while found < options.differences && done < options.commands && options.seconds.is_none_or(|limit| seconds() < limit as f64) {
            if options.limits {
                self.pair.configure(limits::choose(&mut self.generator.choose));
            }
            self.pair.reset()?;
            self.generator.forget_all();
            self.steps.clear();
            self.held = None;
            let len = EPOCH.min((options.commands - done) as usize);
            let result = self.epoch(len);
            done += self.steps.iter().filter(|step| matches!(step, Step::Request { .. })).count() as u64;
            if let Err(difference) = result {
                if stuck < STUCK_MAX && !self.pair.is_lost() && self.pair.is_reference_stuck() {
                    stuck += 1;
                    println!("\nThe reference answers nobody any more, since a {}. It is started anew.", difference.what);
                    continue;
                }
                found += 1;
                println!("\nDIFFERENCE after {:.1} s and {done} commands. The last steps:", seconds());
                if options.limits {
                    println!("  {}", self.pair.configuration().join(" "));
                }
                self.explain(&difference)?;
            }
        }
        print!("{}", self.report.text(seconds(), options.wanted));
        println!("{stuck} times the reference had to be started anew");
        println!("{found} differences");
        let (attempts, successes) = self.report.totals();
        let is_idle = options.command.is_none() && attempts >= JUDGED_MIN && successes * 100 < attempts * SUCCESS_PERCENT_MIN;
        if is_idle {
            println!("FAILED: less than {SUCCESS_PERCENT_MIN} % of the commands succeeded");
        }
        Ok(if found == 0 && !is_idle { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Shows a difference, what led to it, and the few steps that it takes.
    fn explain(&mut self, difference: &Difference) -> anyhow::Result<()> {
        let shown = self.steps.len().saturating_sub(SHOWN);
        tell(&self.steps[shown..], difference);
        let mut last = self.steps.last().cloned();
        match minimise::minimise(&mut self.pair, &self.steps)? {
            Some((steps, difference)) => {
                println!("\nIt takes these steps (number of the connection before each; 1 speaks RESP3):");
                tell(&steps, &difference);
                last = steps.last().cloned();
            }
            None => println!("\nDone again, the same steps show no difference: it depends on the moment."),
        }
        if let Some(Step::Request { request, .. }) = last {
            self.generator.stop_using(request.command);
        }
        Ok(())
    }

    /// So many commands on servers that are empty, then a comparison of everything.
    fn epoch(&mut self, len: usize) -> Result<(), Difference> {
        let mut done = 0;
        while done < len {
            let connection = self.generator.choose.below(CONNECTIONS as u64) as usize;
            let requests = self.requests(connection);
            done += requests.len();
            let mut from = self.steps.len();
            let last = requests.len() - 1;
            let steps = requests.iter().cloned().enumerate();
            self.steps.extend(steps.map(|(at, request)| Step::Request { connection, request, ends_pipeline: at == last }));
            let outcomes = self.pair.pipeline(connection, &requests.iter().collect::<Vec<_>>()).inspect_err(|difference| {
                from += difference.at + 1;
                self.steps.truncate(from);
            })?;
            self.learn(&outcomes);
            self.look_after(connection, &requests, &outcomes)?;
        }
        self.steps.push(Step::Whole);
        self.pair.whole()
    }

    /// The next pipeline of a connection.
    fn requests(&mut self, connection: usize) -> Vec<Request> {
        let len = 1 + self.generator.choose.below(PIPELINE_MAX);
        let mut requests: Vec<Request> = Vec::new();
        let mut bytes = 0;
        while (requests.len() as u64) < len && bytes < PIPELINE_BYTES_MAX {
            let request = self.held.take().unwrap_or_else(|| self.generator.request(connection));
            let request_len: usize = request.words.iter().map(Vec::len).sum();
            if request_len as u64 >= LARGE_LEN && !requests.is_empty() {
                self.held = Some(request);
                break;
            }
            bytes += request_len;
            let is_random = self.generator.commands()[request.command].is_random;
            let is_last = request.passing == Passing::Soon || request.may_expire || is_random;
            requests.push(request);
            if is_last {
                break;
            }
        }
        requests
    }

    fn learn(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.report.count(outcome);
            self.generator.learn_outcome(outcome.command, &outcome.keys, outcome.is_success);
        }
    }

    /// After a pipeline: waits for what goes soon, takes away what would go at an unknown moment, asks what the keys are now.
    fn look_after(&mut self, connection: usize, requests: &[Request], outcomes: &[Outcome]) -> Result<(), Difference> {
        let Some(last) = requests.last() else { return Ok(()) };
        if last.passing == Passing::Soon {
            self.steps.push(Step::Wait);
            pair::wait();
        }
        let is_random = self.generator.commands()[last.command].is_random;
        if last.may_expire || is_random || last.passing == Passing::Soon {
            self.take_away(&last.words, is_random)?;
        }
        let database = self.generator.database(connection);
        let writes = outcomes.iter().filter(|outcome| self.generator.commands()[outcome.command].is_write());
        let mut names: Vec<&'static str> = Vec::new();
        for outcome in writes {
            let is_sweeping = outcome.keys.is_empty() && outcome.is_success;
            names.extend(&outcome.keys);
            if is_sweeping {
                names.extend(Generator::<Rng>::names());
            }
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.steps.push(Step::Look(database, name));
            let Seen { key_type, expiry_ms } = self.pair.look(database, name)?;
            self.generator.learn_type(database, name, &key_type);
            if self.generator.choose.chance(READ_PERCENT) {
                self.steps.push(Step::Read(database, name, key_type.clone()));
                if let Some(mut content) = self.pair.read(database, name.as_bytes(), &key_type)? {
                    content.set_expiry(expiry_ms.unwrap_or(-1));
                    self.generator.learn_content(database, name, content);
                }
            }
        }
        Ok(())
    }

    /// Deletes the keys that a request names if they go soon, or in any case. Where words were moved, any of them may be a key; asking for
    /// one that has gone also lets it be removed, so that both servers count the same keys.
    fn take_away(&mut self, words: &[Vec<u8>], in_any_case: bool) -> Result<(), Difference> {
        for word in words.iter().skip(1).filter(|word| word.len() <= NAME_LEN_MAX) {
            // What is random was chosen in the database that was selected, seldom one of the others.
            for database in 0..if in_any_case { pair::DATABASES } else { generate::DATABASES } {
                if !in_any_case {
                    self.steps.push(Step::Touch(database, word.clone()));
                }
                if in_any_case || self.pair.is_near_expiry(database, word)? {
                    self.steps.push(Step::Forget(database, word.clone()));
                    self.pair.forget(database, word)?;
                }
            }
        }
        Ok(())
    }
}

fn tell(steps: &[Step], difference: &Difference) {
    for step in steps {
        println!("  {}", step.show());
    }
    println!("{}\n  ours:   {}\n  theirs: {}", difference.what, difference.ours, difference.theirs);
}
