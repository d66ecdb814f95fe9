//! What every option is when nobody sets it, and what follows from the comparison with that: which values are taken, and which are
//! written by CONFIG REWRITE.

use std::sync::LazyLock;

use super::fields::Config;
use super::line::quote;
use super::memory::format_memory;
use super::row::{Kind, Row, Status};
use super::rows;
use super::value::Value;

/// The defaults, which "was it changed?" is asked against.
pub(super) static DEFAULTS: LazyLock<Config> = LazyLock::new(|| {
    let mut config = Config::blank();
    for row in rows::all() {
        row.reset(&mut config);
    }
    config.io_threads = default_io_threads();
    let start_dir = std::env::current_dir().ok().and_then(|dir| dir.into_os_string().into_string().ok());
    config.dir = start_dir.unwrap_or_else(|| "/".to_owned());
    config
});

/// Most workers started without being asked: beyond this a node gains less than its neighbours on the machine lose.
const IO_THREADS_DEFAULT_MAX: usize = 8;

/// One worker per core that this process may use, within bounds.
fn default_io_threads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores.min(IO_THREADS_DEFAULT_MAX)).unwrap_or(1)
}

impl Default for Config {
    /// Every option at its default.
    fn default() -> Self {
        DEFAULTS.clone()
    }
}

impl Row {
    /// Takes a value given as arguments. The error is Valkey's text.
    pub(super) fn set(&self, config: &mut Config, args: &[String], is_repeated: bool) -> Result<(), String> {
        if let Kind::Custom(custom) = self.kind {
            (custom.set)(config, args, is_repeated)?;
        } else {
            let value = (self.check)(self.parse(args)?)?;
            self.store(config, value);
        }
        match self.status {
            Status::Later(reason) if !self.is_default(config) => Err(self.refusal(reason)),
            _ => Ok(()),
        }
    }

    /// The sentence that refuses a value of an option that waits for a later version.
    fn refusal(&self, reason: &str) -> String {
        let default = self.get(&DEFAULTS);
        let only = if default.is_empty() { "an empty value".to_owned() } else { format!("'{default}'") };
        format!("{reason}; only {only} is accepted for now")
    }

    /// Whether the value is the one the option has when nobody sets it.
    pub fn is_default(&self, config: &Config) -> bool {
        self.get(config) == self.get(&DEFAULTS)
    }

    /// The lines of CONFIG REWRITE, name included, and whether they are added to a file that does not have them.
    pub(super) fn lines(&self, config: &Config) -> (Vec<String>, bool) {
        let name = self.name;
        let is_changed = !self.is_default(config);
        if let Kind::Custom(custom) = self.kind {
            let lines = (custom.lines)(config).into_iter().map(|line| format!("{name} {line}"));
            return (lines.collect(), custom.is_always_written || is_changed);
        }
        let text = match (self.value(config), self.kind) {
            (Value::Text(text), Kind::Text { is_unset_when_empty, .. }) => {
                if text.is_empty() && is_unset_when_empty {
                    return (Vec::new(), false);
                }
                quote(text.as_bytes())
            }
            (Value::Number(number), Kind::Number { form, .. }) if form.is_memory() && number >= 0 => {
                format_memory(u64::try_from(number).expect("an amount of memory fits 64 bits"))
            }
            _ => self.get(config),
        };
        (vec![format!("{name} {text}")], is_changed)
    }
}
