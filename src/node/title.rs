//! The process title: what the process list shows (`set-proc-title`, `proc-title-template`).
//!
//! The kernel shows the memory in which it passed the arguments, and goes on into that of the environment when the last byte of the
//! arguments is no longer zero. The title is written there through `/proc/self/mem`. Nothing reads the arguments any more by then;
//! of the environment the room ends before `TZ`, which the log's clock looks up again and again, and the very last byte stays zero.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

use crate::config::{Config, template};

/// See the module's page.
#[derive(Debug)]
pub(super) struct ProcessTitle {
    /// The program as it was called.
    called: String,
    /// Absolute path of the configuration file, if there is one.
    config_file: Option<String>,
    /// Address of the room and its length; 0 if the system does not tell.
    room: (u64, usize),
}

impl ProcessTitle {
    /// Looks for the room. Call it while the arguments are still there.
    pub(super) fn find(config_file: Option<String>) -> ProcessTitle {
        let called = std::env::args().next().unwrap_or_default();
        ProcessTitle { called, config_file, room: room().unwrap_or((0, 0)) }
    }

    /// Shows what the options say. An error is the system's.
    pub(super) fn show(&self, config: &Config) -> io::Result<()> {
        let (at, len) = self.room;
        if !config.set_proc_title || len == 0 {
            return Ok(());
        }
        let text = template::expand(&config.proc_title_template, |name| self.variable(name, config)).unwrap_or_default();
        let mut shown = text.into_bytes();
        shown.truncate(len - 1);
        shown.resize(len, 0);
        fs::OpenOptions::new().write(true).open("/proc/self/mem")?.write_all_at(&shown, at)
    }

    fn variable(&self, name: &str, config: &Config) -> Option<String> {
        Some(match name {
            "title" => self.called.clone(),
            "listen-addr" if config.port == 0 => format!("unixsocket:{}", config.unixsocket),
            "listen-addr" => format!("{}:{}", config.bind.first().map_or("*", String::as_str), config.port),
            "server-mode" => if config.cluster_enabled { "[cluster]" } else { "" }.to_owned(),
            "config-file" => self.config_file.clone().unwrap_or_else(|| "-".to_owned()),
            "port" => config.port.to_string(),
            "tls-port" => "0".to_owned(),
            "unixsocket" => config.unixsocket.clone(),
            _ => return None,
        })
    }
}

/// Where the arguments begin, and how many bytes there are up to `TZ` or the end of the environment.
fn room() -> Option<(u64, usize)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets, which may hold blanks; arg_start is the 48th.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut addresses = fields.split_ascii_whitespace().skip(48 - 3).map(str::parse::<u64>);
    let mut next = || addresses.next()?.ok();
    let (arg_start, _arg_end, env_start, env_end) = (next()?, next()?, next()?, next()?);
    if arg_start == 0 || env_start < arg_start || env_end < env_start {
        return None;
    }
    let environment = fs::read("/proc/self/environ").ok()?;
    let spared = environment.split_inclusive(|byte| *byte == 0).take_while(|variable| !variable.starts_with(b"TZ="));
    let free: usize = spared.map(<[u8]>::len).sum();
    let len = usize::try_from(env_start - arg_start).ok()? + free.min(usize::try_from(env_end - env_start).ok()?);
    Some((arg_start, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_valkeys_values() {
        let title = ProcessTitle { called: "larder-server".to_owned(), config_file: None, room: (0, 0) };
        let mut config = Config::default();
        let show = |config: &Config| {
            template::expand("{title} {listen-addr} {server-mode} {port} {unixsocket} {config-file}", |name| title.variable(name, config))
        };
        assert_eq!(show(&config).as_deref(), Some("larder-server *:6379  6379  -"));
        config.port = 0;
        config.unixsocket = "/s".to_owned();
        config.cluster_enabled = true;
        assert_eq!(show(&config).as_deref(), Some("larder-server unixsocket:/s [cluster] 0 /s -"));
    }

    #[test]
    fn there_is_room_for_the_arguments() {
        let (start, len) = room().expect("/proc is there");
        assert!(start > 0 && len >= std::env::args().map(|arg| arg.len() + 1).sum());
    }
}
