//! Checks of single values that go beyond an option's type. Each passes the value on, or a better one in its place, or
//! refuses it with Valkey's text.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::template;
use super::value::{ShutdownFlags, Stored, Value};

/// Longest host name a node may announce, in bytes.
const HOST_NAME_LEN_MAX: usize = 255;
/// Longest text of an IP address a node may announce, in bytes.
const IP_LEN_MAX: usize = 45;
const HASH_SEED_LEN_MAX: usize = 256;

type Checked = Result<Value, String>;

fn text_of(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => unreachable!("a check of text was given {other:?}"),
    }
}

fn number_of(value: &Value) -> i128 {
    match value {
        Value::Number(number) => *number,
        other => unreachable!("a check of a number was given {other:?}"),
    }
}

fn require(value: Value, is_valid: bool, error: &str) -> Checked {
    if is_valid { Ok(value) } else { Err(error.to_owned()) }
}

/// Ticks per second are a wish: out of range they are capped, not refused.
pub(super) fn hz(value: Value) -> Checked {
    Ok(Value::Number(number_of(&value).clamp(1, 500)))
}

pub(super) fn power_of_two(value: Value) -> Checked {
    let number = number_of(&value);
    require(value, number & (number - 1) == 0, "argument must be a power of two")
}

/// Words that ask for what this version does not have are refused: a shutdown would not do what they say.
pub(super) fn shutdown(value: Value) -> Checked {
    let flags = ShutdownFlags::from_value(value.clone());
    let is_contradiction = flags.contains(ShutdownFlags::SAVE) && flags.contains(ShutdownFlags::NOSAVE);
    if is_contradiction {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
    }
    let later = [
        (ShutdownFlags::SAFE, "safe: a node cannot tell yet whether others depend on it"),
        (ShutdownFlags::FAILOVER, "failover: handing over to a replica is not there yet"),
    ];
    match later.iter().find(|(flag, _)| flags.contains(*flag)) {
        Some((_, reason)) => Err((*reason).to_owned()),
        None => Ok(value),
    }
}

fn base_name(value: Value, option: &str, kind: &str) -> Checked {
    let name = text_of(&value);
    if name.is_empty() {
        return Err(format!("{option} can't be empty"));
    }
    if name.contains(['/', '\\']) {
        return Err(format!("{option} can't be a path, just a {kind}"));
    }
    Ok(value)
}

pub(super) fn dbfilename(value: Value) -> Checked {
    base_name(value, "dbfilename", "filename")
}

pub(super) fn appendfilename(value: Value) -> Checked {
    base_name(value, "appendfilename", "filename")
}

pub(super) fn appenddirname(value: Value) -> Checked {
    base_name(value, "appenddirname", "dirname")
}

pub(super) fn cluster_config_file(value: Value) -> Checked {
    let is_valid = !text_of(&value).is_empty();
    require(value, is_valid, "cluster-config-file can't be empty")
}

pub(super) fn announced_ip(value: Value) -> Checked {
    let ip = text_of(&value);
    if ip.len() > IP_LEN_MAX {
        return Err("cluster-announce-ip is too long".to_owned());
    }
    let is_valid = is_plain(ip);
    require(value, is_valid, "cluster-announce-ip contains invalid character")
}

pub(super) fn announced_nodename(value: Value) -> Checked {
    let is_valid = is_plain(text_of(&value));
    require(value, is_valid, "Announced human node name contained invalid character")
}

pub(super) fn announced_hostname(value: Value) -> Checked {
    let name = text_of(&value);
    if name.len() > HOST_NAME_LEN_MAX {
        return Err("Hostnames must be less than 256 characters".to_owned());
    }
    let is_valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    require(value, is_valid, "Hostnames may only contain alphanumeric characters, hyphens or dots")
}

pub(super) fn ipv4(value: Value) -> Checked {
    let text = text_of(&value);
    let is_valid = text.is_empty() || text.parse::<Ipv4Addr>().is_ok();
    require(value, is_valid, "Invalid IPv4 address")
}

pub(super) fn ipv6(value: Value) -> Checked {
    let text = text_of(&value);
    let is_valid = text.is_empty() || text.parse::<Ipv6Addr>().is_ok();
    require(value, is_valid, "Invalid IPv6 address")
}

pub(super) fn hash_seed(value: Value) -> Checked {
    let is_valid = text_of(&value).len() <= HASH_SEED_LEN_MAX;
    require(value, is_valid, "hash-seed must be less than or equal to 256 characters")
}

/// Strings are compared byte by byte, whatever the environment says: only names of that order are valid.
pub(super) fn locale(value: Value) -> Checked {
    let is_valid = matches!(text_of(&value), "" | "C" | "POSIX" | "C.UTF-8");
    require(value, is_valid, "Invalid locale name")
}

pub(super) fn title_template(value: Value) -> Checked {
    // Valid is what shows something besides the variables that may be empty.
    let variable = |name: &str| match name {
        "title" | "server-mode" => Some(String::new()),
        "listen-addr" | "config-file" | "port" | "tls-port" | "unixsocket" => Some("x".to_owned()),
        _ => None,
    };
    let is_valid = template::expand(text_of(&value), variable).is_some_and(|title| !title.is_empty());
    require(value, is_valid, "template format is invalid or contains unknown variables")
}

/// Without blanks, control characters and the punctuation that separates fields in a cluster's node list.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte > b',' && byte != 0x7f && !b";<=>?@[]^{|}~\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{announced_hostname, announced_ip, hz, power_of_two, title_template};
    use crate::config::value::Value;

    #[test]
    fn titles_know_their_variables() {
        let cases = [
            ("{title} {listen-addr} {server-mode}", true),
            ("{title} {server-mode}", false),
            ("TEST {title} {port} {tls-port} {unixsocket} {config-file}", true),
            ("plain", true),
            ("{{title", true),
            ("{invalid-var}", false),
            ("{title", false),
            ("", false),
        ];
        for (template, expected) in cases {
            assert_eq!(title_template(Value::Text(template.to_owned())).is_ok(), expected, "{template:?}");
        }
    }

    #[test]
    fn texts_are_checked() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert!(announced_hostname(text("node-1.example.com")).is_ok());
        assert!(announced_hostname(text("node_1")).is_err());
        assert!(announced_hostname(text(&"a".repeat(256))).is_err());
        assert!(announced_ip(text("10.0.0.1")).is_ok());
        assert!(announced_ip(text("::1")).is_ok());
        assert!(announced_ip(text("10.0.0.1 evil")).is_err());
    }

    #[test]
    fn numbers_are_checked() {
        assert_eq!(hz(Value::Number(0)), Ok(Value::Number(1)));
        assert_eq!(hz(Value::Number(100_000)), Ok(Value::Number(500)));
        assert!(power_of_two(Value::Number(256)).is_ok());
        assert!(power_of_two(Value::Number(257)).is_err());
    }
}
