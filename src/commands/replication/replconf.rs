//! REPLCONF: a replica says where it is and what it can, before PSYNC. What it says later goes to who serves replicas.
//!
//! Differs from Valkey in that a snapshot with a part of the data is refused: who asks for one hears so.

use crate::clients::Session;
use crate::clients::session::ReplicaSelf;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

/// Longest address that a replica may give.
const ADDRESS_LEN_MAX: usize = 255;

pub(crate) static REPLCONF: CommandSpec = CommandSpec {
    name: "replconf",
    arity: -1,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::ALLOW_BUSY,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    run: Run::Session(exec),
    docs: Docs {
        summary: "Says what a replica is and can, and how far it is",
        complexity: "O(1)",
        since: "3.0.0",
        group: "server",
        flags: &["syscmd"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, session: &mut Session, args: &Args<'_>) -> CmdResult {
    if args.len().is_multiple_of(2) {
        return Err(CmdError::Syntax);
    }
    let mut about = session.replica.as_deref().cloned().unwrap_or_default();
    for option in args[1..].chunks_exact(2) {
        let (name, value) = (option[0], option[1]);
        // Whoever is no replica gets no answer to these, as in Valkey.
        if is_word(name, "ACK") || is_word(name, "GETACK") {
            return Ok(());
        }
        set(&mut about, name, value)?;
    }
    session.replica = Some(Box::new(about));
    context.reply.ok();
    Ok(())
}

fn set(about: &mut ReplicaSelf, name: &[u8], value: &[u8]) -> CmdResult {
    match name {
        name if is_word(name, "LISTENING-PORT") => {
            // Valkey takes any number, and shows it.
            about.port = u16::try_from(integer(value)?).unwrap_or(0);
        }
        name if is_word(name, "IP-ADDRESS") => {
            if value.len() > ADDRESS_LEN_MAX {
                let len = value.len();
                return Err(CmdError::err(format!("REPLCONF ip-address provided by replica instance is too long: {len} bytes")));
            }
            // It becomes a part of a line of INFO.
            about.ip = String::from_utf8_lossy(value).replace([',', '\r', '\n'], "_");
        }
        name if is_word(name, "CAPA") => {
            // What is not known here is nothing that a replica may count on.
            about.finds_mark |= is_word(value, "EOF");
            about.renames |= is_word(value, "PSYNC2");
        }
        name if is_word(name, "VERSION") => {
            let version = parse_version(value).ok_or_else(|| CmdError::naming("Unrecognized version format: {}", value))?;
            about.version = Some(version);
        }
        name if is_word(name, "RDB-ONLY") => match integer(value)? {
            wants @ (0 | 1) => about.only_snapshot = wants == 1,
            _ => return Err(CmdError::err("value is out of range, must be between 0 and 1")),
        },
        name if is_word(name, "RDB-FILTER-ONLY") => return Err(CmdError::err("REPLCONF rdb-filter-only is not there yet")),
        name if is_word(name, "RDB-CHANNEL") => match integer(value)? {
            0 => {}
            _ => return Err(CmdError::err("REPLCONF rdb-channel is not there yet")),
        },
        _ => return Err(CmdError::naming("Unrecognized REPLCONF option: {}", name)),
    }
    Ok(())
}

/// Three numbers with dots in between.
fn parse_version(text: &[u8]) -> Option<[u32; 3]> {
    let text = std::str::from_utf8(text).ok()?;
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers() {
        let cases =
            [("9.1.2", Some([9, 1, 2])), ("255.255.255", Some([255; 3])), ("9.1", None), ("9.1.2.3", None), ("9.1.x", None), ("", None)];
        for (text, version) in cases {
            assert_eq!(parse_version(text.as_bytes()), version, "{text}");
        }
    }

    #[test]
    fn what_a_replica_says_of_itself() {
        let mut about = ReplicaSelf::default();
        for (name, value) in
            [("listening-port", "7000"), ("IP-ADDRESS", "h,1"), ("capa", "eof"), ("capa", "psync2"), ("capa", "new"), ("rdb-only", "1")]
        {
            assert_eq!(set(&mut about, name.as_bytes(), value.as_bytes()), Ok(()), "{name}");
        }
        assert_eq!(about, ReplicaSelf { ip: "h_1".into(), port: 7000, finds_mark: true, ..about.clone() });
        assert_eq!((about.renames, about.only_snapshot, about.version), (true, true, None));
        for (name, value, error) in [
            ("listening-port", "x", "ERR value is not an integer or out of range"),
            ("version", "9", "ERR Unrecognized version format: 9"),
            ("rdb-only", "2", "ERR value is out of range, must be between 0 and 1"),
            ("rdb-filter-only", "", "ERR REPLCONF rdb-filter-only is not there yet"),
            ("other", "", "ERR Unrecognized REPLCONF option: other"),
        ] {
            let found = set(&mut about, name.as_bytes(), value.as_bytes()).expect_err(name);
            assert_eq!(found.text(), error);
        }
    }
}
