//! Power cuts, and disks that fail or are full, while commands, rewrites and saves run: what is left is loaded, and has everything that
//! was promised.
//!
//! A seed is a history: a node works, the power goes at one of its operations on files, and another one starts on what that left, several times.
//! What a node holds after each command is known by its digest, so that what is loaded can be told to be what was there at one moment, and which.
//!
//! LARDER_POWER_SEEDS is how many histories there are (by default a few), LARDER_POWER_SEED the first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::in_process::node;
use super::{data, in_process};
use crate::base::clock;
use crate::base::rng::Rng;
use crate::engine::shared::Shared;
use crate::engine::{rewriting, saving};
use crate::persist::aof::header::HEADER_LEN;
use crate::persist::files::Files as _;
use crate::persist::files::faulty::{Fault, FaultyFiles, Operation};
use crate::server::in_process::Peer;

const SEEDS: u64 = 30;
/// Nodes, one after the other, of a history.
const LIVES: u64 = 4;
/// Steps and operations on files at most until the power goes.
const STEPS_MAX: u64 = 120;
const OPERATIONS_MAX: u64 = 300;
/// Shorter than a page of the disk: one that is lost within a value nobody notices, since an append only file has no checksums.
const VALUE_LEN_MAX: u64 = 400;
const PAUSE: Duration = Duration::from_millis(1);
const DEADLINE_MS: u64 = 60_000;

/// What was there behind an offset of the log.
#[derive(Debug)]
struct State {
    offset: u64,
    digest: String,
}

fn words(text: &str) -> Vec<&[u8]> {
    text.split(' ').map(str::as_bytes).collect()
}

/// Waits for whoever holds a stripe: a rewrite that runs does so now and then.
fn digest(shared: &Arc<Shared>) -> String {
    loop {
        match in_process::digest(shared) {
            Some(digest) => return digest,
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// A command on one of a few keys.
fn command(rng: &mut Rng) -> Vec<Vec<u8>> {
    let (key, number) = (rng.below(5), rng.below(1000));
    let long = "v".repeat(rng.below(VALUE_LEN_MAX) as usize);
    let text = match rng.below(18) {
        0 => format!("SET string:{key} {number}"),
        1 => format!("SET string:{key} x{long} PXAT 4102444800000"),
        2 if number < 100 => format!("DEL string:{key}"),
        2 => format!("APPEND string:{key} {long}x"),
        3 => format!("RPUSH list:{key} {number} {long}x"),
        4 if number < 300 => format!("LTRIM list:{key} 0 5"),
        4 => format!("LPOP list:{key}"),
        5 => format!("HSET hash:{key} {} x{long}", number % 12),
        6 => format!("HDEL hash:{key} {}", number % 12),
        7 => format!("SADD set:{key} {}", number % 20),
        8 => format!("SPOP set:{key}"),
        9 => format!("ZADD zset:{key} {number} member:{}", number % 12),
        10 => format!("ZPOPMIN zset:{key}"),
        11 => format!("XADD stream:{key} MAXLEN 10 * field {number}"),
        12 => format!("INCR counter:{key}"),
        13 => format!("DEL string:{key} list:{key} hash:{key}"),
        14 => format!("RENAME list:{key} list:{}", number % 5),
        15 => format!("EXPIREAT hash:{key} 4102444800"),
        16 => format!("LMOVE list:{key} list:{} LEFT RIGHT", number % 5),
        _ if number < 20 => "FLUSHALL".to_owned(),
        _ => format!("SETRANGE string:{key} {number} {long}x"),
    };
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// A node that works until the power goes.
struct Life {
    shared: Arc<Shared>,
    files: FaultyFiles,
    is_always: bool,
    /// After each command, the first is what was loaded.
    states: Vec<State>,
    /// What lies before it was promised to be on the disk.
    promised: usize,
    /// The state of the last snapshot that was saved whole began at this one or later.
    saved: Option<usize>,
}

impl Life {
    fn begin(shared: Arc<Shared>, files: &FaultyFiles, is_always: bool) -> Life {
        let first = State { offset: shared.write_log.end(), digest: digest(&shared) };
        Life { shared, files: files.clone(), is_always, states: vec![first], promised: 0, saved: None }
    }

    /// Runs a command or a transaction, and has it written as a connection does before it replies.
    fn change(&mut self, rng: &mut Rng) {
        let mut peer = Peer::new(&self.shared);
        let is_transaction = rng.below(6) == 0;
        let count = if is_transaction { 1 + rng.below(4) } else { 1 };
        if is_transaction {
            peer.call(&words("MULTI"));
        }
        for _ in 0..count {
            let request = command(rng);
            peer.call(&request.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        if is_transaction {
            peer.call(&words("EXEC"));
        }
        drop(peer);
        self.states.push(State { offset: self.shared.write_log.end(), digest: digest(&self.shared) });
        self.shared.need_durable(self.shared.write_log.end());
    }

    fn flush(&mut self) {
        let aof = &self.shared.aof;
        aof.write_and_flush();
        let safe = if self.is_always { self.shared.durable.now() } else { aof.flushed.now() };
        let promised = self.states.iter().rposition(|state| state.offset <= safe).unwrap_or(0);
        self.promised = self.promised.max(promised);
    }

    fn step(&mut self, rng: &mut Rng) {
        match rng.below(40) {
            0..=27 => self.change(rng),
            28..=35 => self.flush(),
            36 | 37 => _ = rewriting::rewrite_in_background(&self.shared),
            38 => {
                let before = self.states.len() - 1;
                if saving::save(&self.shared).is_ok() {
                    self.saved = Some(before);
                }
            }
            _ => {
                self.files.mend();
                match rng.below(4) {
                    0 => self.files.set_room(rng.below(4000) as usize),
                    1 => self.spoil(rng),
                    _ => {}
                }
            }
        }
    }

    /// From now on some operations fail, or do a part of what they are to do.
    fn spoil(&self, rng: &mut Rng) {
        let mut rng = Rng::new(rng.next_u64());
        self.files.set_fault(move |operation, _| match rng.below(12) {
            0 if operation == Operation::Write => Some(Fault::Short(rng.below(700) as usize)),
            1 if matches!(operation, Operation::Write | Operation::Create | Operation::Rename | Operation::SetLen) => {
                Some(Fault::Error(libc::EIO))
            }
            1 if operation == Operation::Sync => Some(Fault::Error(libc::EIO)),
            _ => None,
        });
    }

    /// Works, and ends with the power or with the process.
    fn run(mut self, rng: &mut Rng) -> Life {
        self.files.cut_power_after(1 + rng.below(OPERATIONS_MAX));
        for _ in 0..rng.below(STEPS_MAX) {
            // With `always` the process ends if its file fails.
            let has_ended = catch_unwind(AssertUnwindSafe(|| self.step(rng))).is_err();
            if has_ended || self.files.is_off() {
                break;
            }
        }
        self.files.cut_power_after(0);
        let deadline_ms = clock::monotonic_ms() + DEADLINE_MS;
        while Arc::strong_count(&self.shared) > 1 {
            assert!(clock::monotonic_ms() < deadline_ms, "a rewrite goes on without power");
            std::thread::sleep(PAUSE);
        }
        self
    }

    /// The last state that is what was loaded.
    fn find(&self, digest: &str) -> Option<usize> {
        self.states.iter().rposition(|state| state.digest == digest)
    }
}

/// Starts a node on what is there. If it refuses, it says what to cut off where, and that is done; else its reason is the error.
fn start(files: &FaultyFiles, policy: &str) -> Result<Arc<Shared>, String> {
    loop {
        let shared = node(files, &["--appendonly", "yes", "--appendfsync", policy]);
        let error = match in_process::start(&shared) {
            Ok(()) => return Ok(shared),
            Err(error) => format!("{error:#}"),
        };
        if !repair(files, &error) {
            return Err(error);
        }
    }
}

/// Does what `larder-cli aof check --fix` does, which the error names: cuts the last part off where the error says. False if it says no such thing.
fn repair(files: &FaultyFiles, error: &str) -> bool {
    let (_, named) =
        error.split_once(" reading the append only file ").filter(|_| error.contains("larder-cli aof check --fix")).unwrap_or_default();
    let Some((name, rest)) = named.split_once(" at offset ") else { return false };
    let path = Path::new("appendonlydir").join(name);
    let offset = rest.split(':').next().and_then(|text| text.parse::<usize>().ok());
    let (Some(offset), Some(content)) = (offset, files.content(&path)) else { return false };
    files.put(path, &content[..offset]);
    true
}

/// True if a page is missing within a value: a record of which the disk had a part already, behind a write that failed. No reader of an append
/// only file can see that, since it has no checksums. No value here has a zero byte.
fn has_hole(files: &FaultyFiles) -> bool {
    let dir = Path::new("appendonlydir");
    let names = files.list(dir).unwrap_or_default().into_iter().filter(|name| name.to_string_lossy().ends_with(".incr.aof"));
    let mut contents = names.filter_map(|name| files.content(dir.join(name)));
    contents.any(|content| content.get(HEADER_LEN..).is_some_and(|rest| rest.contains(&0)))
}

/// Loads the last snapshot alone.
fn snapshot(files: &FaultyFiles, what: &str) -> String {
    let shared = node(files, &[]);
    let loaded = data::begin(&shared);
    assert!(matches!(loaded, Ok(None)), "{what}: {loaded:?}");
    digest(&shared)
}

/// Returns how many states there were, and how many power cuts took the last ones.
fn history(seed: u64) -> (u64, u64) {
    let mut rng = Rng::new(seed);
    let (is_always, policy) = if seed.is_multiple_of(2) { (true, "always") } else { (false, "everysec") };
    let mut files = FaultyFiles::default();
    let dir = std::env::current_dir().expect("there is one");
    dir.ancestors().collect::<Vec<_>>().into_iter().rev().for_each(|dir| files.create_dir(dir).expect("no fault is planned"));
    let mut saved = digest(&node(&FaultyFiles::default(), &[]));
    let mut shared = start(&files, policy).expect("there is nothing yet");
    let (mut shortened, mut states) = (0, 0);
    for number in 0..LIVES {
        let what = format!("seed {seed}, {policy}, node {number}");
        let life = Life::begin(shared, &files, is_always).run(&mut rng);
        let (count, promised) = (life.states.len(), life.promised);
        files = files.after_power_cut(rng.next_u64());
        // A snapshot is of a moment since the last one that was saved whole.
        let found = snapshot(&files, &what);
        let is_old = life.saved.is_none() && saved == found;
        assert!(
            is_old || life.find(&found).is_some_and(|state| life.saved.is_none_or(|from| state >= from)),
            "{what}: dump.rdb is of no moment that it may be of"
        );
        saved = found;
        shared = match start(&files, policy) {
            Ok(shared) => shared,
            // What a flush has failed for may be lost before what came later, and was promised to nobody.
            Err(error)
                if life.shared.aof.is_doubtful() && error.contains("append only file appendonly.aof.") && error.contains("offset") =>
            {
                break;
            }
            Err(error) => panic!("{what}: it does not start: {error}"),
        };
        if has_hole(&files) {
            break;
        }
        let state = life.find(&digest(&shared)).unwrap_or_else(|| panic!("{what}: what is loaded was never there"));
        assert!(state >= promised, "{what}: {promised} of {count} states were promised, and {state} is there");
        shortened += u64::from(state < count - 1);
        states += count as u64;
    }
    (states, shortened)
}

#[test]
fn what_was_promised_is_there_after_power_cuts() {
    let variable = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (seeds, first): (u64, u64) = (variable("LARDER_POWER_SEEDS", SEEDS), variable("LARDER_POWER_SEED", 0));
    let (mut states, mut shortened) = (0, 0);
    for seed in first..first + seeds {
        let (more, cuts) = history(seed);
        (states, shortened) = (states + more, shortened + cuts);
    }
    assert!(shortened > 0 || seeds < 10, "no power cut took anything that was not promised: they were none");
    tracing::info!("{seeds} histories, {states} states, {shortened} of the power cuts took something");
}
