//! The `user` lines of a configuration file. There are no access control lists yet, so only what is so anyway is taken: the default
//! user, who may do everything, with the password of `requirepass` or none. Valkey's CONFIG REWRITE writes that line into every file.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::fields::Config;

/// The only user there is.
const DEFAULT: &str = "default";

/// What a `user` line makes of its user, beginning with one who may do nothing, as in Valkey.
#[derive(Default)]
pub(super) struct UserLine {
    is_on: bool,
    is_without_password: bool,
    /// SHA-256 of the passwords, in hexadecimal digits.
    passwords: Vec<String>,
    all_keys: bool,
    all_channels: bool,
    all_commands: bool,
    all_databases: bool,
}

impl UserLine {
    /// Reads the rules of a line. The error says why they cannot be so here.
    pub(super) fn read(name: &str, rules: &[String]) -> Result<UserLine, String> {
        if name != DEFAULT {
            return Err(format!("the user '{name}' is not the default one"));
        }
        // Valkey lets a user into all databases who was not told otherwise.
        let mut user = UserLine { all_databases: true, ..UserLine::default() };
        for rule in rules {
            user.apply(rule)?;
        }
        let unlimited = [
            (user.is_on, "on"),
            (user.all_keys, "~*"),
            (user.all_channels, "&*"),
            (user.all_commands, "+@all"),
            (user.all_databases, "alldbs"),
        ];
        match unlimited.iter().find(|(is_so, _)| !is_so) {
            Some((_, rule)) => Err(format!("the default user may do everything, and the line lacks '{rule}'")),
            None => Ok(user),
        }
    }

    fn apply(&mut self, rule: &str) -> Result<(), String> {
        match rule.to_ascii_lowercase().as_str() {
            "on" => self.is_on = true,
            "off" => self.is_on = false,
            "nopass" => {
                self.is_without_password = true;
                self.passwords.clear();
            }
            "resetpass" => {
                self.is_without_password = false;
                self.passwords.clear();
            }
            "~*" | "allkeys" | "%rw~*" => self.all_keys = true,
            "resetkeys" => self.all_keys = false,
            "&*" | "allchannels" => self.all_channels = true,
            "resetchannels" => self.all_channels = false,
            "+@all" | "allcommands" => self.all_commands = true,
            "-@all" | "nocommands" => self.all_commands = false,
            "alldbs" => self.all_databases = true,
            "resetdbs" => self.all_databases = false,
            "reset" => *self = UserLine { all_databases: true, ..UserLine::default() },
            // Whether RESTORE checks a payload thoroughly. Earlier versions of Valkey write it; here every payload is checked.
            "sanitize-payload" => {}
            _ => match rule.split_at_checked(1) {
                Some(("#", hash)) if hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()) => self.add(hash.to_owned()),
                Some((">", password)) => self.add(hash(password)),
                // It may be a secret that was mistyped.
                _ => return Err("the default user may do everything, and a rule says otherwise".to_owned()),
            },
        }
        Ok(())
    }

    fn add(&mut self, hash: String) {
        self.is_without_password = false;
        self.passwords.push(hash);
    }

    /// Whether the line says of passwords what the options say. The error tells what is not so.
    pub(super) fn check_password(&self, config: &Config) -> Result<(), &'static str> {
        match (config.requirepass.as_str(), self.is_without_password) {
            ("", true) => Ok(()),
            ("", false) => Err("its password is not set: give it as requirepass"),
            (_, true) => Err("it says nopass, and requirepass sets a password"),
            (password, false) => {
                let is_same = matches!(&self.passwords[..], [only] if only.eq_ignore_ascii_case(&hash(password)));
                if is_same { Ok(()) } else { Err("its password is another one than requirepass") }
            }
        }
    }
}

/// The line of the default user without `user`, as Valkey's CONFIG REWRITE writes it.
pub(super) fn default_user(config: &Config) -> String {
    let password = if config.requirepass.is_empty() { "nopass".to_owned() } else { format!("#{}", hash(&config.requirepass)) };
    format!("{DEFAULT} on {password} ~* &* +@all")
}

/// How the configuration names a password without telling it.
fn hash(password: &str) -> String {
    Sha256::digest(password.as_bytes()).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::{UserLine, default_user, hash};
    use crate::config::Config;

    fn config(requirepass: &str) -> Config {
        let mut config = Config::default();
        config.requirepass = requirepass.to_owned();
        config
    }

    fn check(line: &str, requirepass: &str) -> Result<(), String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        UserLine::read(&words[0], &words[1..])?.check_password(&config(requirepass)).map_err(str::to_owned)
    }

    #[test]
    fn only_what_is_so_is_taken() {
        let same = "default on #9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 ~* &* +@all";
        for (line, requirepass) in [
            ("default on nopass ~* &* +@all", ""),
            ("default on nopass sanitize-payload ~* &* +@all", ""),
            ("default on nopass sanitize-payload ~* resetchannels &* +@all", ""),
            ("default on nopass allkeys allchannels alldbs allcommands", ""),
            ("default on >test ~* &* +@all", "test"),
            (same, "test"),
        ] {
            assert_eq!(check(line, requirepass), Ok(()), "{line}");
        }
        for (line, requirepass) in [
            ("alice on nopass ~* &* +@all", ""),
            ("default off nopass ~* &* +@all", ""),
            ("default on nopass ~* resetchannels +@all", ""),
            ("default on nopass ~cached:* &* +@all", ""),
            ("default on nopass ~* &* -@all +get", ""),
            ("default on nopass ~* &* db=0 +@all", ""),
            ("default on nopass ~* &* +@all (+get ~k)", ""),
            ("default on nopass ~* &* +@all", "test"),
            ("default on ~* &* +@all", ""),
            ("default on #1234 ~* &* +@all", ""),
            ("default", ""),
            (same, "other"),
            (same, ""),
        ] {
            assert!(check(line, requirepass).is_err(), "{line}");
        }
    }

    #[test]
    fn the_line_that_is_written_is_taken_again() {
        for requirepass in ["", "a secret \u{e9}"] {
            assert_eq!(check(&default_user(&config(requirepass)), requirepass), Ok(()));
        }
        assert_eq!(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
