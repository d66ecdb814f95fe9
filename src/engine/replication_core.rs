//! Roles, histories and offsets of replication, decided without I/O: [`State::step`] takes what happened and says what is to be done.
//!
//! Offsets are those of the write log ([`crate::persist::write_log`]): how many bytes lie before a place. PSYNC counts from 1: who has `n`
//! bytes asks for byte `n + 1`.
//!
//! Invariants:
//! * Who goes on from an offset has the same bytes before it: it names this history, or the one before up to where that ended, and all that
//!   follows is kept.
//! * A replica is sent the stream once it has said that it has the snapshot, or at once if the snapshot's length was announced: who looks for
//!   a mark at the end must not read beyond it.
//! * Time, and what is chosen at random, are part of the events.

use std::collections::BTreeMap;

pub use super::replication_parts::{Failover, Following, History, Link, Replica, Stage};

/// While replicas are far behind, writes wait a part of each such time.
pub const WRITE_PERIOD_MS: u64 = 100;
/// They never wait all of it.
const WRITE_DELAY_MS_MAX: u64 = 95;

/// The options that matter here.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// `repl-timeout`, milliseconds.
    pub timeout_ms: u64,
    /// `repl-ping-replica-period`, milliseconds.
    pub ping_ms: u64,
    /// `repl-backlog-size`.
    pub backlog_len: u64,
    /// `repl-backlog-ttl`, milliseconds; 0: for ever.
    pub backlog_ttl_ms: u64,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A replica wants to go on from a place, or to have everything (`None`).
    Asks {
        /// Its number.
        replica: u64,
        /// What is known of it.
        about: Replica,
        /// The history that it names and the byte that it wants first, counted from 1; `None` for SYNC.
        wish: Option<(&'a [u8], i64)>,
        /// The end of the log.
        end: u64,
    },
    /// The snapshot of some replicas has begun: all that comes behind this offset they get from the log.
    Began {
        /// The replicas.
        replicas: Vec<u64>,
        /// The offset.
        at: u64,
        /// Nobody has read the log before: a history begins, of this name.
        new_history: Option<String>,
    },
    /// Its snapshot is sent. `has_mark`: it looks for a mark at its end.
    Sent {
        /// The replica.
        replica: u64,
        /// See above.
        has_mark: bool,
        /// Now.
        now_ms: u64,
    },
    /// It has said something: so it is there, be it busy.
    Heard {
        /// The replica.
        replica: u64,
        /// Now.
        now_ms: u64,
    },
    /// It says how far it is.
    Acked {
        /// The replica.
        replica: u64,
        /// Up to where it has everything.
        offset: u64,
        /// Up to where that is on its disk, if it says so.
        flushed: Option<u64>,
        /// Now.
        now_ms: u64,
    },
    /// The node is to follow another one.
    Follow {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// The end of the log, which goes on as a copy of the primary's.
        end: u64,
        /// Somebody has read the log until now: it has all that was changed.
        is_logging: bool,
        /// Now.
        now_ms: u64,
    },
    /// The node is to follow nobody.
    Lead {
        /// The end of the log.
        end: u64,
        /// The name of the history that begins here.
        new_history: String,
        /// Now.
        now_ms: u64,
    },
    /// The link that has this number is so far now.
    Linked {
        /// The number.
        number: u64,
        /// How far.
        link: Link,
        /// Now.
        now_ms: u64,
    },
    /// The primary lets this node go on from the end of its log; its history may have got another name.
    Continued {
        /// The link's number.
        number: u64,
        /// The history's name, if the primary has said it.
        id: Option<String>,
        /// The end of the log.
        end: u64,
    },
    /// What was here is about to go: a full copy takes its place.
    Replacing {
        /// The link's number.
        number: u64,
    },
    /// A full copy has taken the place of what was here.
    Copied {
        /// The link's number.
        number: u64,
        /// The primary's history.
        id: String,
        /// The offset that the copy has.
        at: u64,
    },
    /// The node's own file has given it what the history had at this offset.
    Loaded {
        /// The history.
        id: String,
        /// From this offset on the log has it.
        from: u64,
        /// The offset.
        at: u64,
        /// The name of the history that begins here, if the node leads.
        new_history: String,
        /// Now.
        now_ms: u64,
    },
    /// Its connection has ended.
    Gone {
        /// The replica.
        replica: u64,
        /// Now.
        now_ms: u64,
    },
    /// Time has passed.
    Tick {
        /// Now.
        now_ms: u64,
        /// The end of the log.
        end: u64,
        /// Options.
        options: Options,
        /// The name of the history that begins if the backlog ends.
        new_history: String,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The replica goes on from this offset, and is told the history's name.
    Continue {
        /// The replica.
        replica: u64,
        /// The offset.
        from: u64,
    },
    /// The replica gets a snapshot.
    FullSync {
        /// The replica.
        replica: u64,
    },
    /// Its connection is ended at once: a full copy is taking the place of what this node has.
    Refuse {
        /// The replica.
        replica: u64,
    },
    /// It is sent what follows its snapshot.
    Stream {
        /// The replica.
        replica: u64,
    },
    /// Its connection is ended: it has been silent for too long.
    Drop {
        /// The replica.
        replica: u64,
    },
    /// PING enters the log.
    Ping,
    /// The backlog begins at this offset from now on.
    Trim {
        /// The offset.
        from: u64,
    },
    /// There is no backlog any more, and no log for replicas.
    EndBacklog,
    /// Those look again who wait for replicas to have something.
    WakeWaiters,
    /// Every replica's connection is ended: what they follow is another history.
    DropAll,
}

/// Figures for INFO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Replicas that needed a snapshot.
    pub full: u64,
    /// Snapshots that were taken for them: one may serve several.
    pub snapshots: u64,
    /// Replicas that went on from where they were.
    pub partial_ok: u64,
    /// Replicas that could not.
    pub partial_err: u64,
}

/// What is known.
#[derive(Debug)]
pub struct State {
    /// The history.
    pub history: History,
    /// By their numbers.
    pub replicas: BTreeMap<u64, Replica>,
    /// Where the backlog begins, if there is one.
    pub backlog: Option<u64>,
    /// Figures.
    pub figures: Figures,
    /// Whom this node follows, if it is a replica.
    pub following: Option<Following>,
    /// To whom it hands over, if it does.
    pub failover: Option<Failover>,
    /// See [`Following::number`].
    followed: u64,
    /// Somebody has followed this node, and knows its history by its name.
    was_followed: bool,
    /// Since when there is no replica.
    alone_since_ms: u64,
    pinged_ms: u64,
}

impl State {
    /// A primary without replicas, whose history has this name.
    pub fn new(history: History) -> State {
        State {
            history,
            replicas: BTreeMap::new(),
            backlog: None,
            figures: Figures::default(),
            following: None,
            failover: None,
            followed: 0,
            was_followed: false,
            alone_since_ms: 0,
            pinged_ms: 0,
        }
    }

    /// Takes what happened, and says what is to be done, in this order.
    pub fn step(&mut self, event: Event<'_>) -> Vec<Action> {
        match event {
            Event::Asks { replica, about, wish, end } => self.asked(replica, about, wish, end),
            Event::Began { replicas, at, new_history } => {
                if let Some(id) = new_history {
                    self.history = History::new(id);
                }
                self.backlog.get_or_insert(at);
                self.figures.snapshots += 1;
                for replica in &replicas {
                    if let Some(replica) = self.replicas.get_mut(replica) {
                        (replica.stage, replica.acked) = (Stage::Sending, at);
                    }
                }
                Vec::new()
            }
            Event::Sent { replica, has_mark, now_ms } => {
                let Some(known) = self.replicas.get_mut(&replica) else { return Vec::new() };
                known.acked_ms = now_ms;
                // Who never says how far it is knows where its snapshot ends by other means.
                let waits = has_mark && known.acks;
                known.stage = if waits { Stage::Loading } else { Stage::Online };
                // One that loads what it was sent counts as current, as in Valkey.
                if waits { vec![Action::WakeWaiters] } else { vec![Action::Stream { replica }, Action::WakeWaiters] }
            }
            Event::Heard { replica, now_ms } => {
                self.replicas.get_mut(&replica).into_iter().for_each(|known| known.acked_ms = now_ms);
                Vec::new()
            }
            Event::Acked { replica, offset, flushed, now_ms } => self.acked(replica, offset, flushed, now_ms),
            Event::Gone { replica, now_ms } => {
                if self.replicas.remove(&replica).is_some() && self.replicas.is_empty() {
                    self.alone_since_ms = now_ms;
                }
                Vec::new()
            }
            Event::Tick { now_ms, end, options, new_history } => self.tick(now_ms, end, options, new_history),
            Event::Follow { host, port, end, is_logging, now_ms } => self.follow(host, port, end, is_logging, now_ms),
            Event::Lead { end, new_history, now_ms } => self.lead(end, new_history, now_ms),
            Event::Linked { number, link, now_ms } => {
                let Some(following) = self.link_of(number) else { return Vec::new() };
                if following.link == Link::Connected && link != Link::Connected {
                    following.down_since_ms = now_ms;
                }
                following.link = link;
                Vec::new()
            }
            Event::Continued { number, id, end } => {
                let Some(following) = self.link_of(number) else { return Vec::new() };
                following.link = Link::Connected;
                match id {
                    Some(id) if id != self.history.id => {
                        let before = std::mem::replace(&mut self.history.id, id);
                        self.history.previous = Some((before, end + 1));
                        vec![Action::DropAll]
                    }
                    _ => Vec::new(),
                }
            }
            Event::Replacing { number } => {
                let Some(following) = self.link_of(number) else { return Vec::new() };
                // If it does not come to its end, what is here then is a part of something.
                (following.has_history, following.has_part) = (false, true);
                vec![Action::DropAll]
            }
            Event::Copied { number, id, at } => {
                let Some(following) = self.link_of(number) else { return Vec::new() };
                following.link = Link::Connected;
                (following.has_history, following.has_part) = (true, false);
                (self.history, self.backlog) = (History::new(id), Some(at));
                Vec::new()
            }
            Event::Loaded { id, from, at, new_history, now_ms } => {
                self.history = match &mut self.following {
                    Some(following) => {
                        (following.has_history, following.has_part) = (true, false);
                        History::new(id)
                    }
                    // What came behind it may be lost, and a replica have it: nobody takes what is written now for that.
                    None => History { id: new_history, previous: Some((id, at + 1)) },
                };
                // The time without replicas begins now.
                (self.backlog, self.alone_since_ms) = (Some(from), now_ms);
                Vec::new()
            }
        }
    }

    /// Whom the node follows by the link of this number.
    fn link_of(&mut self, number: u64) -> Option<&mut Following> {
        self.following.as_mut().filter(|following| following.number == number)
    }

    fn follow(&mut self, host: String, port: u16, end: u64, is_logging: bool, now_ms: u64) -> Vec<Action> {
        // Who changes from one primary to another one has what the first one's history had.
        let has_history = self.following.as_ref().map_or(is_logging, |before| before.has_history);
        let has_part = self.following.as_ref().is_some_and(|before| before.has_part);
        self.followed += 1;
        if self.following.is_none()
            && !self.was_followed
            && let Some((before, _)) = self.history.previous.take_if(|(_, first)| *first == end + 1)
        {
            // Nothing has come to what the history before had, and nobody knows the new one.
            self.history = History::new(before);
        }
        self.backlog.get_or_insert(end);
        self.following = Some(Following {
            host,
            port,
            number: self.followed,
            link: Link::Connect,
            has_history,
            has_part,
            down_since_ms: now_ms,
            transfer: (None, 0),
        });
        vec![Action::DropAll]
    }

    fn lead(&mut self, end: u64, new_history: String, now_ms: u64) -> Vec<Action> {
        let Some(before) = self.following.take() else { return Vec::new() };
        let own = std::mem::replace(&mut self.history, History::new(new_history));
        if before.has_history {
            self.history.previous = Some((own.id, end + 1));
        }
        // The time without replicas begins now.
        self.alone_since_ms = now_ms;
        vec![Action::DropAll]
    }

    /// The history that the data has, if there may be somebody else who has it.
    pub fn told(&self) -> Option<&History> {
        let has_history = self.following.as_ref().is_none_or(|following| following.has_history);
        (self.backlog.is_some() && has_history).then_some(&self.history)
    }

    /// What the primary is asked for: a history, and the byte that is wanted first. `None` if all is needed.
    pub fn wish(&self, end: u64) -> Option<(&str, u64)> {
        let following = self.following.as_ref()?;
        following.has_history.then_some((&self.history.id, end + 1))
    }

    fn asked(&mut self, replica: u64, about: Replica, wish: Option<(&[u8], i64)>, end: u64) -> Vec<Action> {
        if self.following.as_ref().is_some_and(|following| following.has_part) {
            return vec![Action::Refuse { replica }];
        }
        let from = wish.and_then(|(id, next)| self.place_of(id, next, end));
        let names_history = wish.is_some_and(|(id, _)| !id.starts_with(b"?"));
        let (stage, acked) = from.map_or((Stage::Waiting, 0), |from| (Stage::Online, from));
        self.replicas.insert(replica, Replica { stage, acked, ..about });
        self.was_followed = true;
        if let Some(from) = from {
            self.figures.partial_ok += 1;
            return vec![Action::Continue { replica, from }];
        }
        self.figures.partial_err += u64::from(names_history);
        self.figures.full += 1;
        vec![Action::FullSync { replica }]
    }

    /// The offset from which somebody goes on who names this history and wants byte `next` first. `None` if that cannot be.
    fn place_of(&self, id: &[u8], next: i64, end: u64) -> Option<u64> {
        let next = u64::try_from(next).ok()?;
        let from = next.checked_sub(1)?;
        let is_kept = (self.backlog?..=end).contains(&from);
        (is_kept && self.history.shares(id, next)).then_some(from)
    }

    fn acked(&mut self, replica: u64, offset: u64, flushed: Option<u64>, now_ms: u64) -> Vec<Action> {
        let Some(known) = self.replicas.get_mut(&replica) else { return Vec::new() };
        known.acked = known.acked.max(offset);
        known.flushed = known.flushed.max(flushed.unwrap_or(0));
        known.acked_ms = now_ms;
        if known.stage == Stage::Loading {
            known.stage = Stage::Online;
            return vec![Action::Stream { replica }, Action::WakeWaiters];
        }
        vec![Action::WakeWaiters]
    }

    fn tick(&mut self, now_ms: u64, end: u64, options: Options, new_history: String) -> Vec<Action> {
        let is_replica = self.following.is_some();
        let mut actions = Vec::new();
        let is_silent = |replica: &Replica| {
            let is_heard_of = matches!(replica.stage, Stage::Online | Stage::Loading) && replica.acks;
            is_heard_of && now_ms.saturating_sub(replica.acked_ms) > options.timeout_ms
        };
        let silent = self.replicas.iter().filter(|(_, replica)| is_silent(replica));
        actions.extend(silent.map(|(number, _)| Action::Drop { replica: *number }));
        // A replica's log is its primary's; and who hands over waits for a replica to have all of its own.
        if !is_replica && self.failover.is_none() && !self.replicas.is_empty() && now_ms.saturating_sub(self.pinged_ms) >= options.ping_ms {
            self.pinged_ms = now_ms;
            actions.push(Action::Ping);
        }
        let Some(backlog) = self.backlog else { return actions };
        let is_over = options.backlog_ttl_ms > 0 && now_ms.saturating_sub(self.alone_since_ms) > options.backlog_ttl_ms;
        // A replica's backlog is for those who follow it once it is promoted.
        if self.replicas.is_empty() && is_over && !is_replica {
            // What changes from now on stands in no log: nobody may take this node's history for the one that it was.
            self.history = History::new(new_history);
            self.backlog = None;
            actions.push(Action::EndBacklog);
        } else if end.saturating_sub(backlog) > options.backlog_len {
            let from = end - options.backlog_len;
            self.backlog = Some(from);
            actions.push(Action::Trim { from });
        }
        actions
    }

    /// Replicas that follow the stream, and have said how far they are within so long.
    pub fn good_replicas(&self, now_ms: u64, lag_ms_max: u64) -> usize {
        let is_good = |replica: &&Replica| {
            let seconds = now_ms.saturating_sub(replica.acked_ms) / 1000;
            matches!(replica.stage, Stage::Loading | Stage::Online) && seconds * 1000 <= lag_ms_max
        };
        self.replicas.values().filter(is_good).count()
    }

    /// Bytes on the disk that replicas have not taken of the log.
    pub fn aside(&self) -> u64 {
        self.replicas.values().map(|replica| replica.aside).sum()
    }

    /// How long writes wait in each [`WRITE_PERIOD_MS`]: not at all until a replica has left half of what it may, and nearly all the time where it is
    /// about to be given up. So it gains on the writers.
    pub fn write_delay_ms(&self) -> u64 {
        let fill = self.replicas.values().map(|replica| replica.fill).max().unwrap_or(0);
        let beyond = fill.saturating_sub(500);
        if beyond == 0 { 0 } else { 1 + beyond * (WRITE_DELAY_MS_MAX - 1) / 500 }
    }

    /// The replica to which the node may hand over, since it has everything.
    pub fn replica_to_lead(&self, end: u64) -> Option<(String, u16)> {
        let target = self.failover.as_ref()?.target.as_ref();
        let is_meant = |replica: &&Replica| target.is_none_or(|(ip, port)| *ip == replica.ip && *port == replica.port);
        let has_all = |replica: &&Replica| replica.stage == Stage::Online && replica.acked == end && replica.acks;
        self.replicas.values().filter(is_meant).find(has_all).map(|replica| (replica.ip.clone(), replica.port))
    }

    /// How far a failover is, as INFO names it.
    pub fn failover_name(&self) -> &'static str {
        match &self.failover {
            None => "no-failover",
            Some(failover) if failover.is_in_progress => "failover-in-progress",
            Some(_) => "waiting-for-sync",
        }
    }

    /// Replicas on whose disks everything up to `offset` is.
    pub fn disks_at(&self, offset: u64) -> usize {
        self.replicas.values().filter(|replica| replica.stage == Stage::Online && replica.flushed >= offset).count()
    }

    /// Replicas that have everything up to `offset`.
    pub fn replicas_at(&self, offset: u64) -> usize {
        self.replicas.values().filter(|replica| replica.stage == Stage::Online && replica.acked >= offset).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options { timeout_ms: 60_000, ping_ms: 10_000, backlog_len: 100, backlog_ttl_ms: 5000 };

    fn id(letter: char) -> String {
        letter.to_string().repeat(40)
    }

    fn replica(acks: bool) -> Replica {
        Replica { ip: "127.0.0.1".into(), port: 6380, stage: Stage::Waiting, acked: 0, flushed: 0, acked_ms: 0, acks, aside: 0, fill: 0 }
    }

    fn state(backlog: u64) -> State {
        let previous = Some((id('b'), 51));
        State { backlog: Some(backlog), ..State::new(History { id: id('a'), previous }) }
    }

    fn asks(state: &mut State, number: u64, wish: Option<(&str, i64)>, end: u64) -> Action {
        let wish = wish.as_ref().map(|(id, next)| (id.as_bytes(), *next));
        let mut actions = state.step(Event::Asks { replica: number, about: replica(wish.is_some()), wish, end });
        assert_eq!(actions.len(), 1);
        actions.remove(0)
    }

    fn tick(state: &mut State, now_ms: u64, end: u64) -> Vec<Action> {
        state.step(Event::Tick { now_ms, end, options: OPTIONS, new_history: id('c') })
    }

    #[test]
    fn who_shares_a_history_goes_on_where_it_is_kept() {
        let (a, b, other) = (id('a'), id('b'), id('d'));
        let upper = a.to_uppercase();
        let cases: [(Option<(&str, i64)>, Option<u64>); 14] = [
            (Some((&a, 31)), Some(30)),
            (Some((&upper, 31)), Some(30)),
            (Some((&a, 81)), Some(80)),
            (Some((&a, 82)), None),
            (Some((&a, 30)), None),
            (Some((&b, 51)), Some(50)),
            (Some((&b, 52)), None),
            (Some((&other, 40)), None),
            (Some(("", 40)), None),
            (Some(("?", -1)), None),
            (Some((&a, 0)), None),
            (Some((&a, -1)), None),
            (Some((&a, i64::MIN)), None),
            (None, None),
        ];
        for (wish, from) in cases {
            let mut state = state(30);
            let expected = from.map_or(Action::FullSync { replica: 1 }, |from| Action::Continue { replica: 1, from });
            assert_eq!(asks(&mut state, 1, wish, 80), expected, "{wish:?}");
            let counts = state.figures;
            assert_eq!((counts.partial_ok, counts.full), (u64::from(from.is_some()), u64::from(from.is_none())), "{wish:?}");
            let is_disappointed = from.is_none() && wish.is_some_and(|(id, _)| id != "?");
            assert_eq!(counts.partial_err, u64::from(is_disappointed), "{wish:?}");
        }
        let mut without = State::new(History::new(id('a')));
        assert_eq!(asks(&mut without, 1, Some((&a, 1)), 0), Action::FullSync { replica: 1 }, "nothing is kept");
    }

    #[test]
    fn the_stream_follows_a_snapshot_once_its_end_is_known() {
        // Whether it looks for a mark, and says how far it is; whether it waits for that.
        for (has_mark, acks, waits) in [(true, true, true), (false, true, false), (true, false, false)] {
            let mut state = State::new(History::new(id('a')));
            let wish = acks.then_some(("?", -1));
            asks(&mut state, 7, wish, 0);
            assert_eq!(state.replicas[&7].stage.name(), "wait_bgsave");
            state.step(Event::Began { replicas: vec![7], at: 20, new_history: Some(id('e')) });
            assert_eq!((state.history.id.clone(), state.backlog, state.replicas[&7].acked), (id('e'), Some(20), 20));
            let sent = state.step(Event::Sent { replica: 7, has_mark, now_ms: 5 });
            let streams = vec![Action::Stream { replica: 7 }, Action::WakeWaiters];
            assert_eq!((sent, state.good_replicas(5, 0)), (if waits { vec![Action::WakeWaiters] } else { streams.clone() }, 1));
            let acked = state.step(Event::Acked { replica: 7, offset: 20, flushed: None, now_ms: 6 });
            assert_eq!(acked, if waits { streams } else { vec![Action::WakeWaiters] });
            assert_eq!((state.replicas_at(20), state.replicas_at(21)), (1, 0));
        }
    }

    #[test]
    fn the_silent_are_dropped_and_others_are_pinged() {
        let mut state = state(0);
        asks(&mut state, 1, Some((&id('a'), 1)), 0);
        asks(&mut state, 2, Some((&id('a'), 1)), 0);
        assert_eq!(tick(&mut state, 10_000, 0), [Action::Ping]);
        assert_eq!(tick(&mut state, 19_999, 0), []);
        state.step(Event::Acked { replica: 2, offset: 5, flushed: None, now_ms: 20_000 });
        state.step(Event::Acked { replica: 2, offset: 3, flushed: None, now_ms: 21_000 });
        assert_eq!((state.replicas[&2].acked, state.good_replicas(31_500, 10_000), state.good_replicas(32_000, 10_000)), (5, 1, 0));
        assert_eq!(tick(&mut state, 60_001, 0), [Action::Drop { replica: 1 }, Action::Ping]);
    }

    fn follow(state: &mut State, port: u16, end: u64, is_logging: bool) -> u64 {
        let event = Event::Follow { host: "h".into(), port, end, is_logging, now_ms: 0 };
        assert_eq!(state.step(event), [Action::DropAll]);
        state.following.as_ref().map_or(0, |following| following.number)
    }

    #[test]
    fn a_replica_asks_for_what_follows_what_it_has() {
        let mut state = State::new(History::new(id('a')));
        let number = follow(&mut state, 1, 0, false);
        assert_eq!(state.wish(0), None, "no log has what is here");
        state.step(Event::Linked { number, link: Link::Sync, now_ms: 1 });
        state.step(Event::Copied { number, id: id('p'), at: 70 });
        assert_eq!((state.wish(90), state.backlog), (Some((&*id('p'), 91)), Some(70)));
        // Its primary has become another's replica, and its history another name.
        assert_eq!(state.step(Event::Continued { number, id: Some(id('q')), end: 90 }), [Action::DropAll]);
        assert_eq!(state.history, History { id: id('q'), previous: Some((id('p'), 91)) });
        assert_eq!(state.step(Event::Continued { number, id: None, end: 95 }), []);
        // What it has stays what it has with another primary, until that sends all.
        let second = follow(&mut state, 2, 95, false);
        assert_eq!(state.wish(95), Some((&*id('q'), 96)));
        assert_eq!(state.step(Event::Replacing { number }), [], "the link of before is over");
        assert_eq!(state.step(Event::Replacing { number: second }), [Action::DropAll]);
        assert_eq!(state.wish(95), None, "a part of a copy is nothing");
        let has_part = |state: &State| state.following.as_ref().map(|following| following.has_part);
        assert_eq!(has_part(&state), Some(true));
        assert_eq!(asks(&mut state, 9, Some((&id('q'), 91)), 95), Action::Refuse { replica: 9 });
        let third = follow(&mut state, 3, 95, false);
        assert_eq!((state.wish(95), has_part(&state)), (None, Some(true)), "whoever it follows");
        state.step(Event::Copied { number: third, id: id('r'), at: 20 });
        assert_eq!((state.wish(20), has_part(&state)), (Some((&*id('r'), 21)), Some(false)));
        // A file that this node wrote says what it has.
        let mut restarted = State::new(History::new(id('a')));
        follow(&mut restarted, 1, 0, false);
        load(&mut restarted);
        assert_eq!((restarted.wish(40), restarted.backlog), (Some((&*id('p'), 41)), Some(30)));
    }

    /// The node's file has what the history `p` had at 33, and what came from 30 on.
    fn load(state: &mut State) {
        state.step(Event::Loaded { id: id('p'), from: 30, at: 33, new_history: id('n'), now_ms: 7000 });
    }

    #[test]
    fn a_primary_that_is_back_goes_on_with_those_who_have_no_more_than_it_has() {
        let mut state = State::new(History::new(id('a')));
        load(&mut state);
        assert_eq!(state.history, History { id: id('n'), previous: Some((id('p'), 34)) });
        assert_eq!(asks(&mut state, 1, Some((&id('p'), 34)), 90), Action::Continue { replica: 1, from: 33 });
        assert_eq!(asks(&mut state, 2, Some((&id('p'), 35)), 90), Action::FullSync { replica: 2 });
        assert_eq!(asks(&mut state, 3, Some((&id('p'), 31)), 90), Action::Continue { replica: 3, from: 30 });
        assert_eq!(asks(&mut state, 4, Some((&id('p'), 30)), 90), Action::FullSync { replica: 4 });
        (1..=4).for_each(|replica| _ = state.step(Event::Gone { replica, now_ms: 8000 }));
        assert_eq!(tick(&mut state, 12_999, 90), []);
        assert_eq!(tick(&mut state, 13_001, 90), [Action::EndBacklog]);
    }

    #[test]
    fn a_primary_that_is_back_and_has_written_nothing_may_follow_with_what_it_had() {
        for (end, is_followed, expected) in [(33, false, 'p'), (34, false, 'n'), (33, true, 'n')] {
            let mut state = State::new(History::new(id('a')));
            load(&mut state);
            if is_followed {
                asks(&mut state, 1, None, end);
            }
            follow(&mut state, 1, end, true);
            assert_eq!(state.wish(end), Some((&*id(expected), end + 1)), "{end}, {is_followed}");
        }
    }

    #[test]
    fn who_is_promoted_begins_a_history_that_others_can_join() {
        let mut state = State::new(History::new(id('a')));
        let number = follow(&mut state, 1, 0, false);
        state.step(Event::Copied { number, id: id('p'), at: 10 });
        assert_eq!(state.step(Event::Lead { end: 50, new_history: id('n'), now_ms: 3 }), [Action::DropAll]);
        assert_eq!(state.history, History { id: id('n'), previous: Some((id('p'), 51)) });
        assert_eq!(asks(&mut state, 1, Some((&id('p'), 41)), 60), Action::Continue { replica: 1, from: 40 });
        assert_eq!(asks(&mut state, 2, Some((&id('p'), 52)), 60), Action::FullSync { replica: 2 });
        assert_eq!(state.step(Event::Lead { end: 60, new_history: id('o'), now_ms: 3 }), [], "it leads already");
        // And goes back to be a replica with what it has.
        follow(&mut state, 1, 60, true);
        assert_eq!(state.wish(60), Some((&*id('n'), 61)));
        // Half a copy is nobody's history.
        let mut half = State::new(History::new(id('a')));
        follow(&mut half, 1, 5, false);
        half.step(Event::Lead { end: 5, new_history: id('n'), now_ms: 1 });
        assert_eq!(half.history, History::new(id('n')));
    }

    #[test]
    fn who_has_everything_may_lead() {
        let mut state = state(0);
        asks(&mut state, 1, Some((&id('a'), 1)), 50);
        asks(&mut state, 2, Some((&id('a'), 51)), 50);
        assert_eq!((state.replica_to_lead(50), state.failover_name()), (None, "no-failover"), "nobody wants it");
        let failover = |target| Some(Failover { target, is_forced: false, until_ms: 0, is_in_progress: false });
        state.failover = failover(None);
        assert_eq!((state.replica_to_lead(50), state.replica_to_lead(60)), (Some(("127.0.0.1".into(), 6380)), None));
        state.failover = failover(Some(("127.0.0.1".into(), 1)));
        assert_eq!((state.replica_to_lead(50), state.failover_name()), (None, "waiting-for-sync"));
        assert!(!tick(&mut state, 20_000, 50).contains(&Action::Ping), "nothing is added that it would have to get");
    }

    #[test]
    fn a_replica_adds_nothing_to_its_log_and_keeps_its_backlog() {
        let mut state = state(0);
        follow(&mut state, 1, 0, true);
        asks(&mut state, 1, Some((&id('a'), 1)), 0);
        assert_eq!(tick(&mut state, 20_000, 0), []);
        state.step(Event::Gone { replica: 1, now_ms: 20_000 });
        assert_eq!(tick(&mut state, 40_000, 130), [Action::Trim { from: 30 }]);
    }

    #[test]
    fn writes_wait_the_longer_the_more_a_replica_has_not_taken() {
        let mut state = state(100);
        for number in [1, 2] {
            asks(&mut state, number, None, 100);
        }
        let mut delays = Vec::new();
        for fill in [0, 500, 501, 750, 999, 1000] {
            state.replicas.get_mut(&2).expect("it asked").fill = fill;
            delays.push(state.write_delay_ms());
        }
        assert_eq!(delays, [0, 0, 1, 48, 94, 95]);
    }

    #[test]
    fn a_backlog_is_bounded_and_ends_when_nobody_wants_it() {
        let mut state = state(0);
        asks(&mut state, 1, Some((&id('a'), 1)), 0);
        assert_eq!(tick(&mut state, 1, 100), []);
        assert_eq!(tick(&mut state, 1, 130), [Action::Trim { from: 30 }]);
        assert_eq!(tick(&mut state, 9000, 130), []);
        state.step(Event::Gone { replica: 1, now_ms: 9000 });
        assert_eq!(tick(&mut state, 14_000, 130), []);
        assert_eq!(asks(&mut state, 2, Some((&id('a'), 31)), 130), Action::Continue { replica: 2, from: 30 });
        state.step(Event::Gone { replica: 2, now_ms: 14_001 });
        assert_eq!(tick(&mut state, 19_002, 130), [Action::EndBacklog]);
        assert_eq!((state.backlog, &state.history), (None, &History::new(id('c'))));
        assert_eq!(asks(&mut state, 2, Some((&id('a'), 31)), 130), Action::FullSync { replica: 2 });
    }
}
