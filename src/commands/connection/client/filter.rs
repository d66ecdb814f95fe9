//! Which clients CLIENT LIST and CLIENT KILL mean: conditions that a client must meet, and conditions that it must not.
//!
//! A condition given twice counts as given last; only ID and NOT-ID collect.

use std::sync::atomic::Ordering;

use crate::base::{clock, number};
use crate::clients::client::{Client, ClientClass, capability};
use crate::engine::client_line;
use crate::engine::context::is_word;
use crate::engine::error::CmdError;

/// Letters that FLAGS takes.
const FLAGS: &[u8] = b"OSMPxbtRBdcuAUreTIiEN";

/// What a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    PubSub,
    Primary,
    Replica,
}

impl Kind {
    fn parse(word: &[u8]) -> Option<Kind> {
        let kinds = [
            ("normal", Kind::Normal),
            ("pubsub", Kind::PubSub),
            ("master", Kind::Primary),
            ("primary", Kind::Primary),
            ("slave", Kind::Replica),
            ("replica", Kind::Replica),
        ];
        kinds.iter().find(|(name, _)| is_word(word, name)).map(|(_, kind)| *kind)
    }
}

/// Conditions that may be required or excluded.
#[derive(Debug, Default)]
struct Conditions<'a> {
    ids: Option<Vec<u64>>,
    kind: Option<Kind>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    flags: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    lib_name: Option<&'a [u8]>,
    lib_ver: Option<&'a [u8]>,
    db: Option<u32>,
    capa: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    required: Conditions<'a>,
    excluded: Conditions<'a>,
    skip_me: bool,
    /// Connected for at least so many seconds.
    age_s: Option<u64>,
    /// Idle for at least so many seconds.
    idle_s: Option<u64>,
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn seconds(arg: &[u8], name: &str) -> Result<u64, CmdError> {
    let number = number::parse_i64(arg).ok_or_else(|| CmdError::err(format!("{name} is not an integer or out of range")))?;
    u64::try_from(number).ok().filter(|seconds| *seconds > 0).ok_or_else(|| CmdError::err(format!("{name} should be greater than 0")))
}

impl<'a> Conditions<'a> {
    /// Takes a condition called `name` (without `NOT-`). False if there is none of that name.
    fn set(&mut self, name: &str, value: &'a [u8], is_excluded: bool, databases: u32) -> Result<bool, CmdError> {
        match name {
            "type" => {
                self.kind = Some(Kind::parse(value).ok_or_else(|| CmdError::naming("Unknown client type '{}'", value))?);
            }
            "addr" => self.addr = Some(value),
            "laddr" => self.laddr = Some(value),
            "user" => {
                if value != b"default" {
                    return Err(CmdError::naming("No such user '{}'", value));
                }
                self.user = Some(value);
            }
            "flags" => {
                if !value.iter().all(|letter| FLAGS.contains(letter)) {
                    let which = if is_excluded { "the NOT-FLAGS" } else { "the provided" };
                    return Err(CmdError::naming(&format!("Unknown flags found in {which} filter: {{}}"), value));
                }
                self.flags = Some(value);
            }
            "name" => self.name = Some(value),
            "lib-name" => self.lib_name = Some(value),
            "lib-ver" => self.lib_ver = Some(value),
            "db" => {
                let option = if is_excluded { "NOT-DB" } else { "DB" };
                let db = number::parse_i64(value)
                    .and_then(|db| i32::try_from(db).ok())
                    .ok_or_else(|| CmdError::err(format!("{option} is not an integer or out of range")))?;
                let db = u32::try_from(db).ok().filter(|db| *db < databases);
                self.db = Some(db.ok_or_else(|| CmdError::err(format!("{option} number should be between 0 and {}", databases - 1)))?);
            }
            "capa" => {
                if !value.iter().all(|letter| *letter == b'r') {
                    let which = if is_excluded { "the NOT-CAPA" } else { "the provided" };
                    return Err(CmdError::naming(&format!("Unknown capa found in {which} filter: {{}}"), value));
                }
                self.capa = Some(value);
            }
            "ip" => self.ip = Some(value),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// For each condition that is given, whether the client meets it.
    fn check<'s>(&'s self, client: &'s Client) -> impl Iterator<Item = bool> + 's {
        let equals = |own: &parking_lot::Mutex<Vec<u8>>, wanted: &[u8]| {
            let own = own.lock();
            !own.is_empty() && *own == wanted
        };
        [
            self.ids.as_ref().map(|ids| ids.contains(&client.id)),
            self.kind.map(|kind| match client.class() {
                ClientClass::Normal => kind == Kind::Normal,
                ClientClass::PubSub => kind == Kind::PubSub,
                ClientClass::Replica => kind == Kind::Replica,
                ClientClass::Primary => kind == Kind::Primary,
            }),
            self.addr.map(|addr| client.addr.as_bytes() == addr),
            self.laddr.map(|addr| client.laddr.as_bytes() == addr),
            self.user.map(|user| user == b"default"),
            self.flags.map(|letters| has_flags(client, letters)),
            self.name.map(|name| equals(&client.name, name)),
            self.lib_name.map(|name| equals(&client.lib_name, name)),
            self.lib_ver.map(|version| equals(&client.lib_ver, version)),
            self.db.map(|db| client.db.load(Ordering::Relaxed) == db),
            self.capa.map(|letters| letters.is_empty() || client.capabilities.load(Ordering::Relaxed) & capability::REDIRECT != 0),
            self.ip.map(|ip| has_ip(client, ip)),
        ]
        .into_iter()
        .flatten()
    }
}

/// True if the client has all flags of these letters.
fn has_flags(client: &Client, letters: &[u8]) -> bool {
    let own = client_line::flags(client);
    let none = own == "N";
    letters.iter().all(|letter| match letter {
        b'N' => none,
        // A client in MONITOR is something of a replica, as in Valkey.
        b'S' => own.contains(['O', 'S']),
        _ => own.as_bytes().contains(letter),
    })
}

/// True if the client's address is this one and any port.
fn has_ip(client: &Client, ip: &[u8]) -> bool {
    let addr = client.addr.as_bytes();
    let addr = addr.strip_prefix(b"[").unwrap_or(addr);
    let Some(rest) = addr.strip_prefix(ip) else { return false };
    let rest = rest.strip_prefix(b"]").unwrap_or(rest);
    matches!(rest, [b':', port, ..] if *port != b'0')
}

impl<'a> Filter<'a> {
    /// The old form of CLIENT KILL: one address, which may be the caller's own.
    pub(super) fn by_address(addr: &'a [u8]) -> Filter<'a> {
        Filter { required: Conditions { addr: Some(addr), ..Conditions::default() }, ..Filter::default() }
    }

    /// Reads options and their values. `databases` bounds DB.
    pub(super) fn parse(args: &[&'a [u8]], skip_me: bool, databases: u32) -> Result<Filter<'a>, CmdError> {
        let mut filter = Filter { skip_me, ..Filter::default() };
        let mut rest = args;
        while let [word, more @ ..] = rest {
            let name = text(word).to_ascii_lowercase();
            let (base, is_excluded) = name.strip_prefix("not-").map_or((name.as_str(), false), |base| (base, true));
            let conditions = if is_excluded { &mut filter.excluded } else { &mut filter.required };
            if base == "id" {
                rest = take_ids(conditions.ids.get_or_insert_default(), more)?;
                continue;
            }
            let [value, more @ ..] = more else { return Err(CmdError::Syntax) };
            rest = more;
            match name.as_str() {
                "maxage" => filter.age_s = Some(seconds(value, "maxage")?),
                "idle" => filter.idle_s = Some(seconds(value, "idle")?),
                "skipme" if is_word(value, "YES") => filter.skip_me = true,
                "skipme" if is_word(value, "NO") => filter.skip_me = false,
                _ if conditions.set(base, value, is_excluded, databases)? => {}
                _ => return Err(CmdError::Syntax),
            }
        }
        Ok(filter)
    }

    /// True if the filter means this client. `own` is the number of the client that asks.
    pub(super) fn takes(&self, client: &Client, own: u64) -> bool {
        let now_ms = clock::monotonic_ms();
        let at_least = |since_ms: u64, seconds: u64| now_ms.saturating_sub(since_ms) / 1000 >= seconds;
        !(self.skip_me && client.id == own)
            && self.age_s.is_none_or(|seconds| at_least(client.created_ms, seconds))
            && self.idle_s.is_none_or(|seconds| at_least(client.last_interaction_ms.load(Ordering::Relaxed), seconds))
            && self.required.check(client).all(|meets| meets)
            && !self.excluded.check(client).any(|meets| meets)
    }
}

/// Takes as many numbers as there are. Returns what follows.
fn take_ids<'r, 'a>(ids: &mut Vec<u64>, mut rest: &'r [&'a [u8]]) -> Result<&'r [&'a [u8]], CmdError> {
    while let [id, more @ ..] = rest {
        let Some(id) = number::parse_i64(id) else { break };
        let id = u64::try_from(id).ok().filter(|id| *id > 0);
        ids.push(id.ok_or_else(|| CmdError::err("client-id should be greater than 0"))?);
        rest = more;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::bit;

    fn takes(request: &str, id: u64) -> Result<bool, CmdError> {
        let client = Client::new(id, "127.0.0.1:5000".into(), "127.0.0.1:6379".into(), 8, 0, clock::monotonic_ms());
        client.name.lock().extend_from_slice(b"worker");
        client.set(bit::READONLY, id == 2);
        client.set(bit::PUBSUB, id == 3);
        let args: Vec<&[u8]> = request.split_ascii_whitespace().map(str::as_bytes).collect();
        Filter::parse(&args, false, 16).map(|filter| filter.takes(&client, 1))
    }

    #[test]
    fn conditions() {
        let cases: &[(&str, [bool; 3])] = &[
            ("", [true, true, true]),
            ("ID 1 2", [true, true, false]),
            ("id 1 ID 3", [true, false, true]),
            ("not-id 1 2 type normal", [false, false, false]),
            ("SKIPME yes", [false, true, true]),
            ("TYPE pubsub", [false, false, true]),
            ("TYPE replica", [false, false, false]),
            ("NOT-TYPE replica", [true, true, true]),
            ("FLAGS r", [false, true, false]),
            ("FLAGS N", [true, false, false]),
            ("NOT-FLAGS N", [false, true, true]),
            ("NAME worker NOT-DB 3", [true, true, true]),
            ("NAME other NAME worker", [true, true, true]),
            ("NOT-NAME worker", [false, false, false]),
            ("LIB-NAME x", [false, false, false]),
            ("IP 127.0.0.1 ADDR 127.0.0.1:5000", [true, true, true]),
            ("IP 127.0.0", [false, false, false]),
            ("MAXAGE 1000", [false, false, false]),
            ("CAPA r", [false, false, false]),
            ("NOT-CAPA r USER default", [true, true, true]),
        ];
        for (request, expected) in cases {
            let found = [1, 2, 3].map(|id| takes(request, id).expect("is valid"));
            assert_eq!(found, *expected, "{request}");
        }
    }

    #[test]
    fn faults() {
        let cases = [
            ("id 10 wrong", "ERR syntax error"),
            ("id str", "ERR syntax error"),
            ("id 0", "ERR client-id should be greater than 0"),
            ("type x", "ERR Unknown client type 'x'"),
            ("user x", "ERR No such user 'x'"),
            ("skipme maybe", "ERR syntax error"),
            ("maxage str", "ERR maxage is not an integer or out of range"),
            ("idle -1", "ERR idle should be greater than 0"),
            ("flags NZ", "ERR Unknown flags found in the provided filter: NZ"),
            ("not-flags Q", "ERR Unknown flags found in the NOT-FLAGS filter: Q"),
            ("capa z", "ERR Unknown capa found in the provided filter: z"),
            ("db 16", "ERR DB number should be between 0 and 15"),
            ("not-db x", "ERR NOT-DB is not an integer or out of range"),
            ("not-maxage 1", "ERR syntax error"),
            ("addr", "ERR syntax error"),
        ];
        for (request, expected) in cases {
            assert_eq!(takes(request, 1).expect_err("is refused").text(), expected, "{request}");
        }
    }
}
