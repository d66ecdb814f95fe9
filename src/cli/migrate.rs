//! `migrate-from URI`: takes over the data of a running Redis or Valkey while that is written to.
//!
//! 1. Both servers are looked at. What would break off the copy, or be lost by it, is told before anything changes.
//! 2. This server follows the other one, which goes on serving: a copy, then all that is written to it.
//! 3. The cut-over, once this server lags by little. The other server holds writes back, this one gets the rest and becomes a primary, and the
//!    other one follows it: it answers writes with READONLY, and has everything for the way back.
//!
//! Invariants:
//! * Nothing of the other server changes before the cut-over.
//! * Until this server is a primary, whatever fails in the cut-over lets the other one go on as before.
//! * Run again on a server that follows already, it goes on where it was.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use larder_proto::resp::Value;

use super::session::Session;
use super::settings::{Address, Family, MigrateWish};
use super::stop::{Stop, complain, fail};
use super::uri;
use crate::base::clock;

/// How often both servers are looked at, and while writes wait.
const LOOK_PERIOD: Duration = Duration::from_millis(200);
const CUT_OVER_PERIOD: Duration = Duration::from_millis(1);
/// A copy of which nothing has come for so long is given up.
const SILENCE_MS_MAX: u64 = 60_000;
/// With so little to come the cut-over can begin: a fraction of a second's worth.
const LAG_LEN_MAX: u64 = 1024 * 1024;
/// The other server holds writes back for at most so long. Within half of it everything has to be here.
const PAUSE_MS: u64 = 10_000;
/// So many replicas no server has: one that must not be written to, and cannot follow, is told to want them.
const REPLICAS_IMPOSSIBLE: &str = "1000000";

/// Said when a copy begins anew.
const AGAIN: &str = "The copy has ended before its end, and begins anew; the log of this server says why, or that of the other one. If that says\n\
    \"overcoming of output buffer limits\", more is written there than it keeps for a replica: until this is over, set its\n\
    client-output-buffer-limit to \"replica 0 0 0\" with CONFIG SET, or write less.\n";

/// One of the two servers.
struct Node {
    session: Session,
    /// As it is spoken of.
    name: &'static str,
}

impl Node {
    /// Connects.
    fn open(mut session: Session, name: &'static str) -> Result<Node, Stop> {
        session.connected()?;
        Ok(Node { session, name })
    }

    fn call(&mut self, words: &[&str]) -> Result<Value, Stop> {
        let Some(connection) = &mut self.session.connection else { return Err(Stop::Exit(1)) };
        connection.call(words).map_err(|error| fail(format_args!("{}: {error}", self.name)))
    }

    /// The error that a command is answered with, if it is.
    fn refusal(&mut self, words: &[&str]) -> Result<Option<String>, Stop> {
        Ok(self.call(words)?.as_error().map(|text| String::from_utf8_lossy(text).into_owned()))
    }

    /// Has it do something, or ends.
    fn must(&mut self, words: &[&str]) -> Result<(), Stop> {
        match self.refusal(words)? {
            None => Ok(()),
            Some(error) => Err(fail(format_args!("{} does not do {}: {error}", self.name, words[0]))),
        }
    }

    /// A section of INFO.
    fn info(&mut self, section: &str) -> Result<Info, Stop> {
        match self.call(&["INFO", section])? {
            Value::Bulk(text) => Ok(Info(String::from_utf8_lossy(&text).into_owned())),
            Value::Verbatim { text, .. } => Ok(Info(String::from_utf8_lossy(&text).into_owned())),
            Value::Error(text) => Err(fail(format_args!("{} does not do INFO: {}", self.name, String::from_utf8_lossy(&text)))),
            _ => Err(fail(format_args!("{} answers INFO with something else", self.name))),
        }
    }

    /// Items of a reply that is a list; none if the command is not known or not allowed.
    fn count(&mut self, words: &[&str]) -> Result<usize, Stop> {
        Ok(match self.call(words)? {
            Value::Array(items) => items.len(),
            _ => 0,
        })
    }

    /// The value of an option.
    fn option(&mut self, name: &str) -> Result<Option<String>, Stop> {
        Ok(match self.call(&["CONFIG", "GET", name])? {
            Value::Array(items) => match &items[..] {
                [_, Value::Bulk(value)] => Some(String::from_utf8_lossy(value).into_owned()),
                _ => None,
            },
            _ => None,
        })
    }
}

/// What INFO says.
struct Info(String);

impl Info {
    fn text(&self, field: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim)
    }

    fn number(&self, field: &str) -> u64 {
        self.text(field).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn is(&self, field: &str, value: &str) -> bool {
        self.text(field) == Some(value)
    }

    /// Keys, and the number of the last database that has some.
    fn keys(&self) -> (u64, Option<u32>) {
        let databases = self.0.lines().filter_map(|line| line.strip_prefix("db")?.split_once(":keys="));
        databases.fold((0, None), |(all, last), (db, rest)| {
            let keys: u64 = rest.split(',').next().and_then(|keys| keys.parse().ok()).unwrap_or(0);
            (all + keys, last.max(db.parse().ok()))
        })
    }

    /// Where replicas that listen on this port are, as the server sees them.
    fn replicas_at(&self, port: &str) -> Vec<&str> {
        let replicas = self.0.lines().filter(|line| line.starts_with("slave")).filter_map(|line| line.split_once(":ip="));
        let parted = replicas.filter_map(|(_, rest)| rest.split_once(",port="));
        parted.filter(|(_, rest)| rest.split(',').next() == Some(port)).map(|(ip, _)| ip).collect()
    }
}

/// Runs it for the server of the session.
pub(super) fn run(session: Session, wish: &MigrateWish) -> Result<(), Stop> {
    let mut settings = session.settings.clone();
    (settings.user, settings.password, settings.db) = (None, None, 0);
    settings.address = Address::Tcp("127.0.0.1".to_owned(), 6379);
    settings.family = Family::Any;
    uri::apply(&wish.uri, &mut settings)?;
    let Address::Tcp(host, port) = settings.address.clone() else { return Err(fail("Invalid URI: a host and a port are needed.")) };
    let login = (settings.user.clone(), settings.password.clone());
    let here = Node::open(session, "this server")?;
    let there = Node::open(Session::new(settings), "the other server")?;
    Migration { here, there, host, port, out: io::stdout() }.run(wish, login)
}

struct Migration {
    here: Node,
    there: Node,
    /// Where the other server is, as this one reaches it.
    host: String,
    port: u16,
    out: io::Stdout,
}

/// User and password.
type Login = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Migration {
    fn run(&mut self, wish: &MigrateWish, login: Login) -> Result<(), Stop> {
        if self.follows()? {
            writeln!(self.out, "This server follows {}:{} already.", self.host, self.port)?;
        } else {
            self.check(wish.replaces)?;
            self.begin(login)?;
        }
        self.copy()?;
        if !wish.cuts_over && !self.asks_to_cut_over()? {
            writeln!(self.out, "This server goes on following. Run this again to cut over, with --cut-over to do so without a question;")?;
            writeln!(self.out, "REPLICAOF NO ONE on this server ends it, and leaves the other server as it is.")?;
            return Ok(());
        }
        self.cut_over()
    }

    /// True if this server follows the other one.
    fn follows(&mut self) -> Result<bool, Stop> {
        let info = self.here.info("replication")?;
        if !info.is("role", "slave") {
            return Ok(false);
        }
        if info.is("master_host", &self.host) && info.number("master_port") == u64::from(self.port) {
            return Ok(true);
        }
        let primary = format!("{}:{}", info.text("master_host").unwrap_or_default(), info.number("master_port"));
        Err(fail(format_args!("This server follows {primary}. End that first, with REPLICAOF NO ONE.")))
    }

    /// Looks at both servers. Tells what is wrong, all of it, and what will be done.
    fn check(&mut self, replaces: bool) -> Result<(), Stop> {
        let (theirs, ours) = (self.there.info("everything")?, self.here.info("everything")?);
        let mut wrong: Vec<String> = Vec::new();
        let product = theirs.text("server_name").unwrap_or("redis").to_owned();
        let version = theirs.text("valkey_version").or_else(|| theirs.text("redis_version")).unwrap_or("of an unknown version").to_owned();
        if theirs.is("role", "slave") {
            let primary = format!("{}:{}", theirs.text("master_host").unwrap_or_default(), theirs.number("master_port"));
            wrong.push(format!("The other server is a replica. Name its primary: {primary}."));
        }
        if theirs.is("cluster_enabled", "1") || ours.is("cluster_enabled", "1") {
            wrong.push(
                "One of the two is a node of a cluster, which has a part of the keys only: this takes over whole servers.".to_owned(),
            );
        }
        if theirs.number("loading") != 0 {
            wrong.push("The other server is loading its data.".to_owned());
        }
        if theirs.is("run_id", ours.text("run_id").unwrap_or_default()) {
            wrong.push("The two are the same server.".to_owned());
        }
        if self.there.count(&["FUNCTION", "LIST"])? > 0 {
            wrong.push("The other server has functions, which this one does not take yet.".to_owned());
        }
        let ((keys, last_db), (own_keys, _)) = (theirs.keys(), ours.keys());
        let databases: u32 = self.here.option("databases")?.and_then(|text| text.parse().ok()).unwrap_or(u32::MAX);
        if let Some(last_db) = last_db.filter(|last_db| *last_db >= databases) {
            wrong.push(format!("There are keys in database {last_db}, and this server has {databases} (the option databases)."));
        }
        if own_keys > 0 && !replaces {
            wrong.push(format!("This server has {} keys, which would go: --replace says that they may.", HumanCount(own_keys)));
        }
        if ours.number("connected_slaves") > 0 && !replaces {
            wrong.push("This server has replicas, which would lose what they have: --replace says that they may.".to_owned());
        }
        let (size, bound) = (theirs.number("used_memory"), ours.number("maxmemory"));
        if bound > 0 && size > bound {
            let (size, bound) = (HumanBytes(size), HumanBytes(bound));
            wrong.push(format!("The other server uses {size}, and this one may use {bound} (the option maxmemory)."));
        }
        if !wrong.is_empty() {
            wrong.iter().for_each(complain);
            return Err(Stop::Exit(1));
        }
        writeln!(self.out, "{product} {version} at {}:{}: {} keys, {} in use.", self.host, self.port, HumanCount(keys), HumanBytes(size))?;
        if self.there.count(&["MODULE", "LIST"])? > 0 {
            writeln!(self.out, "It has modules. If there are keys of their types, the copy ends with an error that names the first one.")?;
        }
        Ok(())
    }

    /// Has this server follow the other one.
    fn begin(&mut self, (user, password): Login) -> Result<(), Stop> {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).map_err(|_| fail("The password is no text."));
        let (user, password) = (text(user)?, text(password)?);
        self.here.must(&["CONFIG", "SET", "masteruser", &user, "masterauth", &password])?;
        self.here.must(&["REPLICAOF", &self.host, &self.port.to_string()])
    }

    /// Waits until the copy is here, and little of what was written since is to come.
    fn copy(&mut self) -> Result<(), Stop> {
        let bar = progress();
        let (mut last, mut heard_ms, mut is_here) = ((0, 0), clock::monotonic_ms(), false);
        let mut is_told = false;
        loop {
            let (ours, end) = (self.here.info("replication")?, self.there.info("replication")?.number("master_repl_offset"));
            if !ours.is("role", "slave") {
                return Err(fail("Somebody has ended it: this server is a primary."));
            }
            let (came, total) = (ours.number("master_sync_read_bytes"), ours.number("master_sync_total_bytes"));
            let offset = ours.number("slave_repl_offset");
            if ours.is("master_link_status", "up") {
                let lag = end.saturating_sub(offset);
                if !is_here {
                    bar.suspend(|| writeln!(self.out, "The copy is here. This server follows."))?;
                    is_here = true;
                }
                bar.set_message(format!("{} to come", HumanBytes(lag)));
                if lag <= LAG_LEN_MAX {
                    break;
                }
            } else {
                // Less than before: that copy has been given up, and another one begun.
                if came < last.0 && !is_told {
                    is_told = true;
                    bar.suspend(|| self.out.write_all(AGAIN.as_bytes()))?;
                }
                let of = if total > 0 { format!(" of {}", HumanBytes(total)) } else { String::new() };
                bar.set_message(format!("{}{of} copied", HumanBytes(came)));
            }
            bar.tick();
            if (came, offset) != last {
                (last, heard_ms) = ((came, offset), clock::monotonic_ms());
            } else if clock::monotonic_ms().saturating_sub(heard_ms) > SILENCE_MS_MAX {
                bar.finish_and_clear();
                self.here.must(&["REPLICAOF", "NO", "ONE"])?;
                return Err(fail("Nothing comes. This server follows no longer; its log says why. What it had is still there."));
            }
            std::thread::sleep(LOOK_PERIOD);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Asks whoever sits there.
    fn asks_to_cut_over(&mut self) -> Result<bool, Stop> {
        if !io::stdin().is_terminal() {
            return Ok(false);
        }
        writeln!(
            self.out,
            "Cut over now? The other server holds writes back until everything is here, this one becomes a primary, and the other"
        )?;
        write!(self.out, "one its replica: clients that go on writing to it are answered READONLY. [y/N]: ")?;
        self.out.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.starts_with(['y', 'Y']))
    }

    fn cut_over(&mut self) -> Result<(), Stop> {
        let seen = self.there.info("replication")?;
        let own_port = self.here.option("port")?.unwrap_or_default();
        let own_address = match (&seen.replicas_at(&own_port)[..], &self.here.session.settings.address) {
            ([ip], _) => (*ip).to_owned(),
            (_, Address::Tcp(host, _)) => host.clone(),
            (_, Address::Unix(_)) => {
                return Err(fail("The other server does not say where this one is. Connect to this one by its address."));
            }
        };
        let begun_us = clock::monotonic_us();
        // A server before 6.2 refuses this: it could only hold back all commands, and with them what is asked here meanwhile.
        self.there.must(&["CLIENT", "PAUSE", &PAUSE_MS.to_string(), "WRITE"])?;
        let promoted = match self.rest(begun_us) {
            Ok(true) => self.here.must(&["REPLICAOF", "NO", "ONE"]),
            Ok(false) => Err(fail("The rest did not come in time. The other server goes on, and this one follows it.")),
            Err(stop) => Err(stop),
        };
        if promoted.is_err() {
            self.there.must(&["CLIENT", "UNPAUSE"])?;
            return promoted;
        }
        let paused_ms = (clock::monotonic_us() - begun_us) as f64 / 1000.0;
        self.turn_round(&own_address, &own_port)?;
        self.there.must(&["CLIENT", "UNPAUSE"])?;
        writeln!(self.out, "This server is the primary. Writes waited for {paused_ms:.1} ms.")?;
        writeln!(
            self.out,
            "Now have all clients use this server. The way back is the same with the roles exchanged: writes to this server are paused,"
        )?;
        writeln!(self.out, "and REPLICAOF NO ONE on the other server makes it a primary again.")?;
        Ok(())
    }

    /// Waits for what was written before writes were held back. False if it does not come in time.
    fn rest(&mut self, begun_us: u64) -> Result<bool, Stop> {
        let end = self.there.info("replication")?.number("master_repl_offset");
        while clock::monotonic_us() - begun_us < PAUSE_MS * 1000 / 2 {
            let ours = self.here.info("replication")?;
            if ours.is("master_link_status", "up") && ours.number("slave_repl_offset") >= end {
                return Ok(true);
            }
            std::thread::sleep(CUT_OVER_PERIOD);
        }
        Ok(false)
    }

    /// Has the other server follow this one: what is written to it now would be nowhere else.
    fn turn_round(&mut self, address: &str, port: &str) -> Result<(), Stop> {
        let settings = &self.here.session.settings;
        let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (user, password) = (text(&settings.user).unwrap_or_default(), text(&settings.password));
        let login = match password {
            Some(password) => self.there.refusal(&["CONFIG", "SET", "masteruser", &user, "masterauth", &password])?,
            None => None,
        };
        let refusal = match login {
            None => self.there.refusal(&["REPLICAOF", address, port])?,
            refused => refused,
        };
        let Some(refusal) = refusal else { return Ok(()) };
        complain(format_args!("The other server does not follow this one: {refusal}"));
        match self.there.refusal(&["CONFIG", "SET", "min-replicas-to-write", REPLICAS_IMPOSSIBLE])? {
            None => writeln!(self.out, "It refuses writes all the same: min-replicas-to-write is {REPLICAS_IMPOSSIBLE} there.")?,
            Some(error) => complain(format_args!(
                "It cannot be kept from taking writes ({error}): end its clients within {} s, what they write later is lost.",
                PAUSE_MS / 1000
            )),
        }
        Ok(())
    }
}

/// What is going on, on a terminal.
fn progress() -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::with_draw_target(None, target).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_info_says_is_found() {
        let info = Info(
            "# Keyspace\r\ndb0:keys=3,expires=0\r\ndb12:keys=4,expires=0,avg_ttl=0\r\nrole:master\r\nconnected_slaves:3\r\n\
             slave0:ip=10.0.0.1,port=7000,state=online,offset=1,lag=0\r\nslave1:ip=::1,port=7001,state=online,offset=1,lag=0\r\n\
             slave2:ip=10.0.0.3,port=70,state=online,offset=1,lag=0\r\n"
                .to_owned(),
        );
        assert_eq!(info.keys(), (7, Some(12)));
        assert_eq!(info.replicas_at("7000"), ["10.0.0.1"]);
        assert_eq!(info.replicas_at("7001"), ["::1"]);
        assert_eq!(info.replicas_at("7"), [""; 0]);
        assert!(info.is("role", "master") && !info.is("rol", "e:master"));
        assert_eq!((info.number("connected_slaves"), info.number("role"), info.number("none")), (3, 0, 0));
    }
}
