//! [`ConfigStore`]: the configuration that the whole server shares, and CONFIG GET and SET on it.
//!
//! Invariants: readers always see one consistent [`Config`], never half of a change; changes are made one at a time and
//! are all or nothing; the version grows with each.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::fields::Config;
use super::load::{self, ConfigError};
use super::row::Row;
use super::{rewrite, rows};
use crate::base::glob;

/// The current configuration. Clones share it.
#[derive(Clone)]
pub struct ConfigStore {
    shared: Arc<Shared>,
}

struct Shared {
    current: ArcSwap<Config>,
    version: AtomicU64,
    /// Held by whoever changes or rewrites the configuration.
    writing: Mutex<()>,
    file: Option<PathBuf>,
}

/// Who changes the configuration, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetContext {
    /// The client came over a loopback address or the socket file; `enable-protected-configs local` trusts it.
    pub is_local: bool,
    /// A dataset is being loaded.
    pub is_loading: bool,
}

/// Why a change was refused by whoever has to apply it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The option at fault, if known; else the first changed one is named.
    pub option: Option<&'static str>,
    /// The reason. May be empty.
    pub message: String,
}

impl Refusal {
    /// A refusal because of one option.
    pub fn of(option: &'static str, message: impl Into<String>) -> Self {
        Self { option: Some(option), message: message.into() }
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { option: None, message }
    }
}

/// Why CONFIG SET failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// One of the options may not change while a dataset is loading: answer `-LOADING`.
    Loading,
    /// Answer `-ERR` with this text.
    Message(String),
}

impl ConfigStore {
    /// Takes the configuration from the arguments after the program's name: `[file] [-] [--name value...]...`, where `-`
    /// reads more lines from `stdin`. With the store come warnings, to be logged once.
    ///
    /// # Errors
    /// The message for the operator, complete, when anything could not be accepted.
    pub fn from_args(args: &[String], stdin: &mut dyn Read) -> Result<(Self, Vec<String>), ConfigError> {
        let loaded = load::load(args, stdin)?;
        Ok((Self::new(loaded.config, loaded.file), loaded.warnings))
    }

    /// A store with this configuration and, for CONFIG REWRITE, the absolute path of its file.
    pub fn new(config: Config, file: Option<PathBuf>) -> Self {
        let shared = Shared { current: ArcSwap::from_pointee(config), version: AtomicU64::new(0), writing: Mutex::new(()), file };
        Self { shared: Arc::new(shared) }
    }

    /// The configuration at this moment.
    pub fn load(&self) -> Arc<Config> {
        self.shared.current.load_full()
    }

    /// Number of changes so far. Whoever caches values compares it.
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// Absolute path of the configuration file, if the server was started with one.
    pub fn file(&self) -> Option<&Path> {
        self.shared.file.as_deref()
    }

    /// CONFIG GET: names and values, sorted by name, each name once.
    ///
    /// A name that is no pattern is looked up as it is, hidden options included, and given back in the caller's spelling.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let config = self.load();
        // By lower-case name; the spelling of whoever asked first is kept.
        let mut found: BTreeMap<String, (String, &'static Row)> = BTreeMap::new();
        for pattern in patterns {
            let is_literal = !pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
            if is_literal {
                let name = String::from_utf8_lossy(pattern);
                if let Some(row) = rows::find(&name) {
                    found.entry(name.to_ascii_lowercase()).or_insert_with(|| (name.into_owned(), row));
                }
                continue;
            }
            let matching = rows::names()
                .filter(|(name, row)| !row.is_hidden && glob::matches_ignoring_case(pattern, name.as_bytes()))
                .map(|(name, row)| (name.to_owned(), (name.to_owned(), row)));
            for (key, entry) in matching {
                found.entry(key).or_insert(entry);
            }
        }
        let mut pairs: Vec<(String, String)> = found.into_values().map(|(name, row)| (name, row.get(&config))).collect();
        pairs.sort();
        pairs
    }

    /// CONFIG SET for a client about whom nothing is known: see [`set_as`](Self::set_as).
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    pub fn set<E: Into<Refusal>>(
        &self,
        pairs: &[(&[u8], &[u8])],
        apply: &mut dyn FnMut(&Config, &Config) -> Result<(), E>,
    ) -> Result<(), String> {
        self.set_as(SetContext::default(), pairs, apply).map_err(|error| match error {
            SetError::Message(message) => message,
            SetError::Loading => unreachable!("the default context is not loading"),
        })
    }

    /// CONFIG SET: takes all pairs or none. `apply` sees the old and the new configuration before anybody else does and
    /// may refuse; it must then have undone what it did itself.
    ///
    /// # Errors
    /// See [`SetError`].
    pub fn set_as<E: Into<Refusal>>(
        &self,
        context: SetContext,
        pairs: &[(&[u8], &[u8])],
        apply: &mut dyn FnMut(&Config, &Config) -> Result<(), E>,
    ) -> Result<(), SetError> {
        let _writing = self.shared.writing.lock();
        let old = self.load();
        let chosen = choose_rows(context, &old, pairs)?;
        let mut new = Config::clone(&old);
        for (name, row, value) in &chosen {
            set_one(row, &mut new, value).map_err(|reason| failed(name, &reason))?;
        }
        apply(&old, &new).map_err(|refusal| {
            let Refusal { option, message } = refusal.into();
            let changed = || chosen.iter().find(|(_, row, _)| row.get(&old) != row.get(&new));
            let first = || changed().or_else(|| chosen.first()).map_or("", |(name, ..)| name);
            failed(option.unwrap_or_else(first), &message)
        })?;
        self.publish(new);
        Ok(())
    }

    /// Changes the configuration from inside the server: no range is checked and nothing is applied.
    pub fn update(&self, change: impl FnOnce(&mut Config)) {
        let _writing = self.shared.writing.lock();
        let mut new = Config::clone(&self.load());
        change(&mut new);
        self.publish(new);
    }

    fn publish(&self, new: Config) {
        self.shared.current.store(Arc::new(new));
        self.shared.version.fetch_add(1, Ordering::Release);
    }

    /// CONFIG REWRITE: brings the file in line with the configuration, keeping its comments and its order.
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    pub fn rewrite(&self) -> Result<(), String> {
        self.rewrite_file(false)
    }

    /// Like [`rewrite`](Self::rewrite), but writes every option, even those at their defaults (DEBUG
    /// CONFIG-REWRITE-FORCE-ALL).
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    pub fn rewrite_all(&self) -> Result<(), String> {
        self.rewrite_file(true)
    }

    fn rewrite_file(&self, writes_all: bool) -> Result<(), String> {
        let _writing = self.shared.writing.lock();
        let file = self.shared.file.as_deref().ok_or_else(|| "The server is running without a config file".to_owned())?;
        rewrite::rewrite(file, &self.load(), writes_all).map_err(|reason| format!("Rewriting config file: {reason}"))
    }
}

/// Whether CONFIG SET of this option must be hidden from logs, MONITOR and the command log.
pub fn is_sensitive(name: &[u8]) -> bool {
    std::str::from_utf8(name).ok().and_then(rows::find).is_some_and(|row| row.is_sensitive)
}

/// An option as the error message names it, its row, and the value it is to have.
type Chosen<'pairs> = (&'static str, &'static Row, &'pairs [u8]);

/// Looks all options up and checks that each may be set at all. The first fault counts.
fn choose_rows<'pairs>(context: SetContext, config: &Config, pairs: &[(&[u8], &'pairs [u8])]) -> Result<Vec<Chosen<'pairs>>, SetError> {
    let mut chosen: Vec<Chosen<'pairs>> = Vec::with_capacity(pairs.len());
    for (given, value) in pairs {
        let given = String::from_utf8_lossy(given);
        let Some((name, row)) = rows::find_named(&given) else {
            return Err(SetError::Message(format!("Unknown option or number of arguments for CONFIG SET - '{given}'")));
        };
        let is_unchanged = || row.get(config).as_bytes() == *value;
        if row.is_immutable || (row.is_fixed && !is_unchanged()) {
            return Err(failed(&given, "can't set immutable config"));
        }
        if row.is_protected && !config.enable_protected_configs.allows(context.is_local) {
            return Err(failed(&given, "can't set protected config"));
        }
        if row.is_denied_while_loading && context.is_loading {
            return Err(SetError::Loading);
        }
        if chosen.iter().any(|(other, ..)| *other == name) {
            return Err(failed(&given, "duplicate parameter"));
        }
        chosen.push((name, row, value));
    }
    Ok(chosen)
}

fn set_one(row: &Row, config: &mut Config, value: &[u8]) -> Result<(), String> {
    let value = std::str::from_utf8(value).map_err(|_| "argument must be UTF-8 text".to_owned())?;
    if !row.is_multi_arg {
        return row.set(config, &[value.to_owned()], false);
    }
    // Unlike a line of the file, the value is split at each single blank, and quotes mean nothing.
    let args: Vec<String> = if value.is_empty() { Vec::new() } else { value.split(' ').map(str::to_owned).collect() };
    row.set(config, &args, false)
}

fn failed(option: &str, reason: &str) -> SetError {
    let mut message = format!("CONFIG SET failed (possibly related to argument '{option}')");
    if !reason.is_empty() {
        message.push_str(" - ");
        message.push_str(reason);
    }
    SetError::Message(message)
}
