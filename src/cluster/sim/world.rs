//! The simulated machines: what happens to them, one thing after another, and what they do then.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::checker::{Checker, Violation};
use super::data::Data;
use super::deed::Deed;
use super::network::{At, Network, Quality};
use super::raft::{Call, Content, Durable, Entry, Input, Output, Raft};
use crate::base::rng::Rng;
use crate::cluster::core::testing::{self, membership, node, process};
use crate::cluster::core::{Action, Change, Config, Core, Event, LogId, Map, Membership, Message, Position, Process, RaftReport};
use crate::topology::NodeId;

/// Between two writes of a shard's clients, and two of a leader's heartbeats of Raft, in microseconds.
const WRITE_US: u64 = 20_000;
const HEARTBEAT_US: u64 = 50_000;

#[derive(Debug, Clone)]
pub(super) enum Packet {
    Core(Message),
    Raft(Call),
    /// What a primary has, in an epoch.
    Data(u64, Rc<Vec<u64>>),
    Acknowledged(Position),
}

#[derive(Debug, Clone)]
pub(super) enum Happening {
    Packet { from: Process, packet: Packet },
    Core(Event),
    Tick { at_us: u64 },
    Flushed,
    RaftTimer,
    Copied { from: Process, epoch: u64, log: Rc<Vec<u64>> },
}

#[derive(Debug)]
pub(super) enum What {
    /// To a process, if it still runs.
    At(At, u64, Happening),
    Start(At),
    Thaw(At),
    Write(u64),
    Deed(Deed),
}

/// A machine and the process on it.
pub(super) struct Node {
    pub(super) running: Option<Running>,
    pub(super) incarnation: u64,
    pub(super) durable: Durable,
    pub(super) data: Data,
    pub(super) clock: Clock,
    pub(super) frozen_until_us: u64,
    /// What came while it was frozen.
    pub(super) waiting: VecDeque<Happening>,
}

pub(super) struct Running {
    pub(super) core: Core,
    pub(super) raft: Raft,
    pub(super) map: Arc<Map>,
    pub(super) inputs: VecDeque<Input>,
    /// What leaves when the disk has what it says.
    pub(super) held: Option<Vec<(NodeId, Call)>>,
    pub(super) reported: RaftReport,
    pub(super) reported_us: u64,
    pub(super) told_membership: Membership,
    pub(super) tick_at_us: u64,
}

/// A machine's clock: fast or slow, and set forward at times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) offset_us: u64,
    /// Millionths by which it is fast, and 5000 more.
    pub(super) speed: u64,
}

impl Clock {
    pub(super) fn at_us(&self, now_us: u64) -> u64 {
        self.offset_us + now_us + now_us * self.speed / 1_000_000 - now_us * 5000 / 1_000_000
    }

    pub(super) fn ms(&self, now_us: u64) -> u64 {
        self.at_us(now_us) / 1000
    }
}

/// What a simulation is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) shards: u64,
    pub(super) copies: u64,
    pub(super) quality: Quality,
    /// How long a flush takes, in microseconds.
    pub(super) flush_us: (u64, u64),
    pub(super) config: Config,
}

/// See the module's page.
pub(super) struct World {
    pub(super) now_us: u64,
    pub(super) rng: Rng,
    pub(super) setting: Setting,
    pub(super) network: Network,
    pub(super) slow_disk_until_us: u64,
    /// The next leader that asks members to stop is killed; the next primary that asks for a newcomer loses the leader and its replicas.
    pub(super) kills_asking_leader: bool,
    pub(super) cuts_growing_primary: bool,
    pub(super) asking_leaders_killed: u64,
    pub(super) checker: Checker,
    pub(super) nodes: Vec<Node>,
    pub(super) queue: BinaryHeap<Reverse<(u64, u64)>>,
    pub(super) happenings: BTreeMap<u64, What>,
    pub(super) sequence: u64,
    pub(super) written: u64,
    /// Of all that happened: equal for equal seeds.
    pub(super) trace: u64,
    pub(super) is_told: bool,
}

impl World {
    pub(super) fn new(setting: Setting, seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let map = Arc::new(testing::map(setting.shards, setting.copies));
        let count = setting.shards * setting.copies;
        let voters = membership(1, &(1..=count.min(5)).collect::<Vec<_>>()).voters;
        let first = Entry { id: LogId { term: 1, index: 1 }, content: Content::Voters { voters, outgoing: None } };
        let mut world = World {
            now_us: 0,
            setting,
            network: Network::new(setting.quality),
            slow_disk_until_us: 0,
            kills_asking_leader: false,
            cuts_growing_primary: false,
            asking_leaders_killed: 0,
            checker: Checker::new(map, &setting.config),
            nodes: Vec::new(),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            written: 0,
            trace: 0,
            is_told: false,
            rng: Rng::new(seed ^ 0x5eed),
        };
        for at in 0..count as At {
            let clock = Clock { offset_us: 1_000_000 + rng.below(1_000_000_000), speed: rng.below(8000) + 1000 };
            world.nodes.push(Node {
                running: None,
                incarnation: 0,
                durable: Durable::new(first.clone()),
                data: Data::default(),
                clock,
                frozen_until_us: 0,
                waiting: VecDeque::new(),
            });
            let delay_us = rng.below(20_000);
            world.push(delay_us, What::Start(at));
        }
        for number in 1..=setting.shards {
            let delay_us = rng.below(WRITE_US);
            world.push(delay_us, What::Write(number));
        }
        world
    }

    pub(super) fn push(&mut self, delay_us: u64, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now_us + delay_us, self.sequence)));
        self.happenings.insert(self.sequence, what);
    }

    /// Something is done to the world after a while.
    pub(super) fn plan(&mut self, delay_us: u64, deed: Deed) {
        self.push(delay_us, What::Deed(deed));
    }

    /// Lets everything happen until then.
    pub(super) fn run(&mut self, until_us: u64) -> Result<(), Violation> {
        while let Some(Reverse((at_us, _))) = self.queue.peek()
            && *at_us <= until_us
        {
            let Some(Reverse((at_us, sequence))) = self.queue.pop() else { break };
            let Some(what) = self.happenings.remove(&sequence) else { continue };
            self.now_us = at_us;
            self.happen(what)?;
        }
        self.now_us = until_us;
        Ok(())
    }

    fn happen(&mut self, what: What) -> Result<(), Violation> {
        match what {
            What::At(at, incarnation, happening) => {
                let node = &mut self.nodes[at];
                if node.running.is_none() || node.incarnation != incarnation {
                    return Ok(());
                }
                if node.frozen_until_us > self.now_us {
                    // A socket's buffer is bounded, too.
                    if node.waiting.len() < 10_000 {
                        node.waiting.push_back(happening);
                    }
                    return Ok(());
                }
                self.happen_at(at, happening)
            }
            What::Start(at) => self.start(at),
            What::Thaw(at) => {
                if self.nodes[at].frozen_until_us > self.now_us {
                    return Ok(());
                }
                // The time is seen first, or a message is.
                let mut waiting = std::mem::take(&mut self.nodes[at].waiting);
                if self.rng.below(2) == 0 {
                    waiting.push_front(Happening::Core(Event::Tick));
                }
                let incarnation = self.nodes[at].incarnation;
                for (order, happening) in waiting.into_iter().enumerate() {
                    // Reading a message takes a microsecond or two.
                    self.push(order as u64 * 2, What::At(at, incarnation, happening));
                }
                Ok(())
            }
            What::Write(number) => {
                self.push(WRITE_US, What::Write(number));
                self.write(number)
            }
            What::Deed(deed) => deed.act(self),
        }
    }

    fn happen_at(&mut self, at: At, happening: Happening) -> Result<(), Violation> {
        match happening {
            // The connection may have ended before this was seen.
            Happening::Core(Event::Linked { process }) if self.network.linked(at, place(process.node)) != Some(process.incarnation) => {
                self.step(at, Event::DialFailed { node: process.node })
            }
            Happening::Core(event) => self.step(at, event),
            Happening::Tick { at_us } => match self.running(at).tick_at_us == at_us {
                true => self.step(at, Event::Tick),
                false => Ok(()),
            },
            Happening::Packet { from, packet: Packet::Core(message) } => self.step(at, Event::Received { from, message }),
            Happening::Packet { from, packet: Packet::Raft(call) } => {
                // A vote that the core does not admit is not even looked at.
                let now_ms = self.nodes[at].clock.ms(self.now_us);
                let is_admitted = !matches!(call, Call::Vote { .. }) || self.running(at).core.admits_vote(now_ms);
                if is_admitted { self.input(at, Input::Call(from.node, call)) } else { Ok(()) }
            }
            Happening::Packet { from, packet: Packet::Data(epoch, log) } => self.take_data(at, from, epoch, &log),
            Happening::Packet { from, packet: Packet::Acknowledged(position) } => {
                self.step(at, Event::Acknowledged { replica: from, position })
            }
            Happening::Copied { from, epoch, log } => {
                if self.running(at).core.follows() == Some((from, epoch))
                    && let Some(position) = self.nodes[at].data.copied(from, epoch, &log)
                {
                    self.send(at, from.node, Packet::Acknowledged(position));
                }
                Ok(())
            }
            Happening::Flushed => {
                let held = self.running(at).held.take();
                self.nodes[at].durable = self.running(at).raft.state.clone();
                let mut out = Output { calls: held.unwrap_or_default(), ..Output::default() };
                self.running(at).raft.flushed(&mut out);
                self.settle(at, out)?;
                self.take_inputs(at)
            }
            Happening::RaftTimer => {
                let incarnation = self.nodes[at].incarnation;
                self.push(HEARTBEAT_US, What::At(at, incarnation, Happening::RaftTimer));
                self.input(at, Input::Heartbeat)
            }
        }
    }

    pub(super) fn running(&mut self, at: At) -> &mut Running {
        self.nodes[at].running.as_mut().expect("it was looked up")
    }

    fn start(&mut self, at: At) -> Result<(), Violation> {
        let (now_us, count) = (self.now_us, self.nodes.len());
        let node_state = &mut self.nodes[at];
        if node_state.running.is_some() {
            return Ok(());
        }
        node_state.incarnation += 1;
        let incarnation = node_state.incarnation;
        let me = process(at as u64 + 1, incarnation);
        let now_ms = node_state.clock.ms(now_us);
        let core = Core::new(me, self.setting.config, now_ms, self.rng.next_u64());
        let raft = Raft::new(me.node, node_state.durable.clone(), (1..=count as u64).map(node).collect());
        let map = Arc::new(testing::map(self.setting.shards, self.setting.copies));
        node_state.running = Some(Running {
            core,
            raft,
            map: Arc::clone(&map),
            inputs: VecDeque::new(),
            held: None,
            reported: RaftReport::default(),
            reported_us: 0,
            told_membership: Default::default(),
            tick_at_us: u64::MAX,
        });
        self.tell(|| format!("{at} starts as {incarnation}"));
        let delay_us = self.rng.below(HEARTBEAT_US);
        self.push(delay_us, What::At(at, incarnation, Happening::RaftTimer));
        self.step(at, Event::Applied(map))?;
        // Everything in the log that is not applied may end an epoch.
        let mut index = 2;
        while let Some(entry) = self.running(at).raft.entry(index).cloned() {
            if let Content::Changes(changes) = &entry.content {
                self.step(at, Event::Appended { index, changes: Arc::clone(changes) })?;
            }
            index += 1;
        }
        self.settle(at, Output::default())
    }

    /// A core takes a step, and what it wants is done.
    pub(super) fn step(&mut self, at: At, event: Event) -> Result<(), Violation> {
        let now_us = self.now_us;
        let now_ms = self.nodes[at].clock.ms(now_us);
        self.tell(|| format!("{at} {event:?}"));
        let kind = std::mem::discriminant(&event);
        let actions = self.running(at).core.step(now_ms, event);
        self.mix(at, kind, actions.len());
        for action in actions {
            self.act(at, action)?;
        }
        self.arm(at);
        self.check(at)
    }

    fn mix(&mut self, at: At, kind: impl std::hash::Hash, count: usize) {
        use std::hash::Hasher;
        #[derive(Default)]
        struct Fold(u64);
        impl Hasher for Fold {
            fn finish(&self) -> u64 {
                self.0
            }
            fn write(&mut self, bytes: &[u8]) {
                bytes.iter().for_each(|byte| self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            }
        }
        let mut fold = Fold(self.trace);
        fold.write_u64(self.now_us);
        fold.write_usize(at);
        kind.hash(&mut fold);
        fold.write_usize(count);
        self.trace = fold.finish();
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:>9} {}", self.now_us, what());
        }
    }

    fn act(&mut self, at: At, action: Action) -> Result<(), Violation> {
        if !matches!(
            action,
            Action::Send { message: Message::Beat { .. } | Message::Alive { .. } | Message::Renew(_) | Message::Granted { .. }, .. }
        ) {
            self.tell(|| format!("{at}   -> {action:?}"));
        }
        match action {
            Action::Send { to, message } => {
                if matches!(message, Message::StopFollowing { .. }) && self.kills_asking_leader {
                    self.kills_asking_leader = false;
                    self.asking_leaders_killed += 1;
                    let delay_us = self.rng.below(3000);
                    self.plan(delay_us, Deed::Kill { at, restarts_after_us: 300_000, keeps: true });
                }
                self.send(at, to, Packet::Core(message));
                Ok(())
            }
            Action::Dial { node } => {
                self.dial(at, place(node));
                Ok(())
            }
            Action::Elect => self.input(at, Input::Elect),
            Action::Propose(changes) => {
                let grows = matches!(changes.as_slice(), [Change::InSync { members, .. }] if !members.is_empty());
                if grows && self.cuts_growing_primary {
                    self.cuts_growing_primary = false;
                    let delay_us = self.rng.below(20_000);
                    self.plan(delay_us, Deed::CutOff { at });
                }
                self.input(at, Input::Propose(Arc::new(changes)))
            }
            Action::SetVoters(voters) => self.input(at, Input::SetVoters(voters)),
            Action::StopFollowing { epoch } => {
                let position = self.nodes[at].data.position();
                let incarnation = self.nodes[at].incarnation;
                let delay_us = self.rng.below(1000);
                self.push(delay_us, What::At(at, incarnation, Happening::Core(Event::StoppedFollowing { epoch, position })));
                Ok(())
            }
        }
    }

    /// The next tick, if it is earlier than the one that is set. Timers are late at times.
    fn arm(&mut self, at: At) {
        let (now_us, clock, incarnation) = (self.now_us, self.nodes[at].clock, self.nodes[at].incarnation);
        let deadline_us = self.running(at).core.deadline() * 1000;
        let wait_us = deadline_us.saturating_sub(clock.at_us(now_us)) * 1006 / 1000 + 50;
        let set_us = self.running(at).tick_at_us;
        if now_us + wait_us < set_us || set_us <= now_us {
            let late_us = if self.rng.below(50) == 0 { self.rng.below(10_000) } else { self.rng.below(300) };
            let at_us = now_us + wait_us + late_us;
            self.running(at).tick_at_us = at_us;
            self.push(wait_us + late_us, What::At(at, incarnation, Happening::Tick { at_us }));
        }
    }

    /// Whether the node's process serves, and whether it may.
    fn check(&mut self, at: At) -> Result<(), Violation> {
        let now_us = self.now_us;
        if !self.serves(at) {
            return Ok(());
        }
        let node = &self.nodes[at];
        let Some(running) = &node.running else { return Ok(()) };
        let Some((shard, epoch)) = running.core.reign().or_else(|| Some((running.map.members[&place_id(at)].shard, node.data.epoch)))
        else {
            return Ok(());
        };
        let of_shard = running.map.members.iter().filter(|(_, member)| member.shard == shard).map(|(node, _)| place(*node));
        if let Some(other) = of_shard.into_iter().find(|other| *other != at && self.serves(*other)) {
            return Err(format!("nodes {} and {} may both serve shard {shard}", at + 1, other + 1));
        }
        self.checker.serves(shard, epoch, &node.data)?;
        let safe = running.core.safe_offset().min(node.data.position().offset);
        self.checker.acknowledges(shard, safe, &node.data, now_us);
        Ok(())
    }

    /// Whether its process would serve if it looked at its clock now.
    pub(super) fn serves(&self, at: At) -> bool {
        let node = &self.nodes[at];
        node.running.as_ref().is_some_and(|running| running.core.may_serve(node.clock.ms(self.now_us)))
    }
}

pub(super) fn place_id(at: At) -> NodeId {
    node(at as u64 + 1)
}

pub(super) fn place(id: NodeId) -> At {
    id.0.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes) as At - 1)
}
