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
use crate::base::glob::Glob;

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

/// What CONFIG SET answers where there is no such option, with its name in place of `{}`.
pub const UNKNOWN_OPTION: &str = "Unknown option or number of arguments for CONFIG SET - '{}'";

/// Why CONFIG SET failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// One of the options may not change while a dataset is loading: answer `-LOADING`.
    Loading,
    /// There is no option of this name, whose bytes are the client's.
    Unknown(Vec<u8>),
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
            let glob = Glob::ignoring_case(pattern);
            let matching = rows::names()
                .filter(|(name, row)| !row.is_hidden && glob.matches(name.as_bytes()))
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
            SetError::Unknown(name) => UNKNOWN_OPTION.replace("{}", &String::from_utf8_lossy(&name)),
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
        let unknown = || SetError::Unknown(given.to_vec());
        let given = std::str::from_utf8(given).map_err(|_| unknown())?;
        let (name, row) = rows::find_named(given).ok_or_else(unknown)?;
        let is_unchanged = || row.get(config).as_bytes() == *value;
        if row.is_immutable || (row.is_fixed && !is_unchanged()) {
            return Err(failed(given, "can't set immutable config"));
        }
        if row.is_protected && !config.enable_protected_configs.allows(context.is_local) {
            return Err(failed(given, "can't set protected config"));
        }
        if row.is_denied_while_loading && context.is_loading {
            return Err(SetError::Loading);
        }
        if chosen.iter().any(|(other, ..)| *other == name) {
            return Err(failed(given, "duplicate parameter"));
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

#[cfg(test)]
mod tests {
    use super::{ConfigStore, Refusal, SetContext, SetError, is_sensitive};
    use crate::config::{Config, ProtectedAction};

    fn store() -> ConfigStore {
        ConfigStore::new(Config::default(), None)
    }

    fn accept(_old: &Config, _new: &Config) -> Result<(), String> {
        Ok(())
    }

    /// CONFIG SET with the words of one line, `""` for an empty one.
    fn set(store: &ConfigStore, line: &str) -> Result<(), String> {
        let words = crate::config::line::split_args(line.as_bytes()).unwrap();
        let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (&pair[0][..], &pair[1][..])).collect();
        store.set(&pairs, &mut accept)
    }

    fn get(store: &ConfigStore, patterns: &[&str]) -> Vec<(String, String)> {
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        store.get(&patterns)
    }

    fn get_one(store: &ConfigStore, name: &str) -> String {
        let pairs = get(store, &[name]);
        assert_eq!(pairs.len(), 1, "{name}");
        pairs[0].1.clone()
    }

    #[test]
    fn set_values_are_seen_by_get() {
        let cases = [
            ("maxmemory 100mb", "maxmemory", "104857600"),
            ("maxmemory 9223372036854775808", "maxmemory", "9223372036854775808"),
            ("MaxMemory 1k", "maxmemory", "1000"),
            ("maxmemory-clients 5%", "maxmemory-clients", "5%"),
            ("maxmemory-clients 100%", "maxmemory-clients", "100%"),
            ("maxmemory-clients 3mb", "maxmemory-clients", "3145728"),
            ("maxmemory-policy ALLKEYS-LRU", "maxmemory-policy", "allkeys-lru"),
            ("hz 100000", "hz", "500"),
            ("hz 0", "hz", "1"),
            ("slave-priority 7", "replica-priority", "7"),
            ("replica-priority 8", "slave-priority", "8"),
            ("slowlog-log-slower-than -1", "commandlog-execution-slower-than", "-1"),
            ("list-max-ziplist-size 20", "list-max-listpack-size", "20"),
            ("notify-keyspace-events KEA", "notify-keyspace-events", "AKE"),
            ("notify-keyspace-events \"\"", "notify-keyspace-events", ""),
            ("bind 127.0.0.1", "bind", "127.0.0.1"),
            ("bind \"\"", "bind", ""),
            ("bind \"127.0.0.1 -::1\"", "bind", "127.0.0.1 -::1"),
            ("save \"\"", "save", ""),
            ("appendonly no", "appendonly", "no"),
            ("shutdown-on-sigterm \"nosave now\"", "shutdown-on-sigterm", "nosave now"),
            ("shutdown-on-sigterm \"now nosave\"", "shutdown-on-sigterm", "nosave now"),
            ("shutdown-on-sigterm default", "shutdown-on-sigterm", "default"),
            ("oom-score-adj relative", "oom-score-adj", "yes"),
            ("oom-score-adj-values \"1 1 1\"", "oom-score-adj-values", "1 1 1"),
            ("latency-tracking-info-percentiles \"0.0 50.0 100.0\"", "latency-tracking-info-percentiles", "0 50 100"),
            ("latency-tracking-info-percentiles \"\"", "latency-tracking-info-percentiles", ""),
            ("slot-migration-max-failover-repl-bytes -1", "slot-migration-max-failover-repl-bytes", "-1"),
            ("slot-migration-max-failover-repl-bytes 1mb", "slot-migration-max-failover-repl-bytes", "1048576"),
            (
                "client-output-buffer-limit \"normal 1mb 2mb 60 replica 3mb 4mb 70 pubsub 5mb 6mb 80\"",
                "client-output-buffer-limit",
                "normal 1048576 2097152 60 slave 3145728 4194304 70 pubsub 5242880 6291456 80",
            ),
            (
                "client-output-buffer-limit \"pubsub 100000 0 0\"",
                "client-output-buffer-limit",
                "normal 0 0 0 slave 268435456 67108864 60 pubsub 100000 0 0",
            ),
        ];
        for (line, name, expected) in cases {
            let store = store();
            assert_eq!(set(&store, line), Ok(()), "{line}");
            assert_eq!(get_one(&store, name), expected, "{line}");
        }
    }

    #[test]
    fn refusals_have_valkeys_words() {
        let failed = |option: &str, reason: &str| format!("CONFIG SET failed (possibly related to argument '{option}') - {reason}");
        let shutdown_words = "argument(s) must be one of the following: default, save, nosave, now, force, safe, failover";
        let cases = [
            ("maxmemory xyz", failed("maxmemory", "argument must be a memory value")),
            ("MAXmemory xyz", failed("maxmemory", "argument must be a memory value")),
            ("maxmemory-clients 200%", failed("maxmemory-clients", "percentage argument must be less or equal to 100")),
            ("maxmemory-clients -5%", failed("maxmemory-clients", "argument must be a memory or percent value")),
            ("maxmemory-clients x", failed("maxmemory-clients", "argument must be a memory or percent value")),
            ("port 65536", failed("port", "argument must be between 0 and 65535 inclusive")),
            ("port abc", failed("port", "argument couldn't be parsed into an integer")),
            ("port 08", failed("port", "argument couldn't be parsed into an integer")),
            ("maxclients 0", failed("maxclients", "argument must be between 1 and 4294967295 inclusive")),
            (
                "slot-migration-max-failover-repl-bytes -2",
                failed("slot-migration-max-failover-repl-bytes", "argument must be between -1 and 9223372036854775807 inclusive"),
            ),
            ("proto-max-bulk-len 1", failed("proto-max-bulk-len", "argument must be between 1048576 and 9223372036854775807 inclusive")),
            ("protected-mode maybe", failed("protected-mode", "argument must be 'yes' or 'no'")),
            ("loglevel loud", failed("loglevel", "argument(s) must be one of the following: debug, verbose, notice, warning, nothing")),
            ("oom-score-adj x", failed("oom-score-adj", "argument(s) must be one of the following: no, yes, relative, absolute")),
            ("shutdown-on-sigint \"\"", failed("shutdown-on-sigint", shutdown_words)),
            ("shutdown-on-sigint \"now  force\"", failed("shutdown-on-sigint", shutdown_words)),
            (
                "shutdown-on-sigint \"save nosave\"",
                failed("shutdown-on-sigint", "shutdown options SAVE and NOSAVE can't be used simultaneously"),
            ),
            ("save \"900\"", failed("save", "Invalid save parameters")),
            ("save \"0 1\"", failed("save", "Invalid save parameters")),
            ("save \"900 x\"", failed("save", "Invalid save parameters")),
            (
                "client-output-buffer-limit \"wrong number\"",
                failed("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration."),
            ),
            (
                "client-output-buffer-limit \"master 10mb 10mb 60\"",
                failed("client-output-buffer-limit", "Invalid client class specified in buffer limit configuration."),
            ),
            (
                "client-output-buffer-limit \"pubsub 10mb 10mb 60s\"",
                failed("client-output-buffer-limit", "Error in hard, soft or soft_seconds setting in buffer limit configuration."),
            ),
            ("notify-keyspace-events KEq", failed("notify-keyspace-events", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")),
            ("oom-score-adj-values \"1 2\"", failed("oom-score-adj-values", "wrong number of arguments")),
            (
                "oom-score-adj-values \"1 2 9999\"",
                failed("oom-score-adj-values", "Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
            ),
            (
                "latency-tracking-info-percentiles \"10.0 50.0 a\"",
                failed("latency-tracking-info-percentiles", "Invalid latency-tracking-info-percentiles parameters"),
            ),
            (
                "latency-tracking-info-percentiles \"10.0 50.0 101.0\"",
                failed("latency-tracking-info-percentiles", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
            ),
            (
                "proc-title-template {invalid-var}",
                failed("proc-title-template", "template format is invalid or contains unknown variables"),
            ),
            ("cluster-announce-client-ipv4 1.2.3", failed("cluster-announce-client-ipv4", "Invalid IPv4 address")),
            ("daemonize yes", failed("daemonize", "can't set immutable config")),
            ("DAEMONIZE no", failed("DAEMONIZE", "can't set immutable config")),
            ("hash-seed newseed", failed("hash-seed", "can't set immutable config")),
            ("dir /", failed("dir", "can't set protected config")),
            ("maxmemory 1 maxmemory 2", failed("maxmemory", "duplicate parameter")),
            ("maxmemory 1 MAXMEMORY 2", failed("MAXMEMORY", "duplicate parameter")),
            ("nonesuch 1", "Unknown option or number of arguments for CONFIG SET - 'nonesuch'".to_owned()),
            ("maxmemory 1 NoneSuch 1", "Unknown option or number of arguments for CONFIG SET - 'NoneSuch'".to_owned()),
            ("daemonize yes nonesuch 1", failed("daemonize", "can't set immutable config")),
            ("maxmemory x port y", failed("maxmemory", "argument must be a memory value")),
        ];
        for (line, expected) in cases {
            let store = store();
            let before = get(&store, &["*"]);
            assert_eq!(set(&store, line), Err(expected), "{line}");
            assert_eq!(get(&store, &["*"]), before, "{line}");
            assert_eq!(store.version(), 0);
        }
    }

    #[test]
    fn an_alias_and_its_option_are_no_duplicates() {
        let store = store();
        assert_eq!(set(&store, "slave-priority 1 replica-priority 2"), Ok(()));
        assert_eq!(get_one(&store, "slave-priority"), "2");
    }

    #[test]
    fn a_refused_application_changes_nothing() {
        let cases = [
            (
                Refusal::of("port", "Unable to listen on this port. Check server logs."),
                "'port') - Unable to listen on this port. Check server logs.",
            ),
            (Refusal::from("no".to_owned()), "'maxmemory') - no"),
            (Refusal::from(String::new()), "'maxmemory')"),
        ];
        for (refusal, expected) in cases {
            let store = store();
            let pairs: [(&[u8], &[u8]); 3] = [(b"hz", b"10"), (b"maxmemory", b"1000"), (b"port", b"7000")];
            let mut apply = |old: &Config, new: &Config| {
                assert_eq!((old.maxmemory, new.maxmemory, new.port), (0, 1000, 7000));
                Err(refusal.clone())
            };
            let expected = format!("CONFIG SET failed (possibly related to argument {expected}");
            assert_eq!(store.set(&pairs, &mut apply), Err(expected));
            assert_eq!((store.load().maxmemory, store.load().port, store.version()), (0, 6379, 0));
        }
    }

    #[test]
    fn protected_options_and_loading_depend_on_the_context() {
        let dir = std::env::temp_dir();
        let dir = dir.to_str().unwrap().as_bytes();
        let local = SetContext { is_local: true, is_loading: false };
        let loading = SetContext { is_local: true, is_loading: true };
        let mut config = Config::default();
        config.enable_protected_configs = ProtectedAction::Local;
        let store = ConfigStore::new(config, None);
        let set = |context, name: &[u8], value: &[u8]| store.set_as(context, &[(name, value)], &mut accept);
        assert!(matches!(set(SetContext::default(), b"dir", dir), Err(SetError::Message(_))));
        assert_eq!(set(loading, b"dir", dir), Err(SetError::Loading));
        assert_eq!(set(local, b"dir", dir), Ok(()));
        let missing = set(local, b"dir", b"/nonexistent/dir");
        let expected = "CONFIG SET failed (possibly related to argument 'dir') - No such file or directory";
        assert_eq!(missing, Err(SetError::Message(expected.to_owned())));
        assert_eq!(set(loading, b"appendonly", b"no"), Err(SetError::Loading));
        assert_eq!(set(loading, b"maxmemory", b"1"), Ok(()));
    }

    /// Valkey's test suite sets each option that CONFIG GET * shows to its own value, except some that it knows to be
    /// immutable; options that only Larder has must bear it.
    #[test]
    fn every_option_can_be_set_to_its_own_value_unless_valkey_forbids_it() {
        let store = store();
        for (name, value) in get(&store, &["*"]) {
            let row = crate::config::rows::find(&name).unwrap();
            let is_skipped = row.is_immutable || row.is_protected;
            let result = store.set(&[(name.as_bytes(), value.as_bytes())], &mut accept);
            assert_eq!(result.is_ok(), !is_skipped, "{name} {value}: {result:?}");
            assert_eq!(get_one(&store, &name), value);
        }
        assert!(set(&store, "keyspace-stripes 512").unwrap_err().ends_with("can't set immutable config"));
    }

    #[test]
    fn get_finds_names_and_patterns_once_each() {
        let store = store();
        let names = |patterns: &[&str]| -> Vec<String> { get(&store, patterns).into_iter().map(|(name, _)| name).collect() };
        assert_eq!(names(&["MAXMEMORY"]), ["MAXMEMORY"]);
        assert_eq!(names(&["maxmemory", "MAXMEMORY"]), ["maxmemory"]);
        assert_eq!(names(&["slave-priority", "replica-priority"]), ["replica-priority", "slave-priority"]);
        assert_eq!(names(&["*of"]), ["replicaof", "slaveof"]);
        assert_eq!(
            names(&["maxmemory", "MAXMEM*"]),
            ["maxmemory", "maxmemory-clients", "maxmemory-eviction-tenacity", "maxmemory-policy", "maxmemory-samples"]
        );
        assert_eq!(names(&["key-load-delay"]), ["key-load-delay"]);
        assert_eq!(names(&["key-load-dela?"]), Vec::<String>::new());
        assert_eq!(names(&["nonesuch", ""]), Vec::<String>::new());
        let all = names(&["*"]);
        assert!(all.is_sorted());
        // 237 of Valkey, aliases included, and ten of our own.
        assert_eq!(all.len(), 237 + 10);
    }

    #[test]
    fn each_change_raises_the_version() {
        let store = store();
        let other = store.clone();
        set(&store, "maxmemory 1").unwrap();
        store.update(|config| config.port = 7000);
        assert_eq!((other.version(), other.load().maxmemory, other.load().port), (2, 1, 7000));
    }

    #[test]
    fn secrets_are_known() {
        for name in [&b"requirepass"[..], b"RequirePass", b"masterauth", b"cluster-secret", b"tls-key-file-pass"] {
            assert!(is_sensitive(name));
        }
        for name in [&b"port"[..], b"nonesuch", b"\xff"] {
            assert!(!is_sensitive(name));
        }
    }
}
