//! What is known of the nodes that replication is about: a history, a replica, a primary, and a replica that is to lead. What happens to them
//! [`super::replication_core`] decides.

/// A node's history of changes: its name, and the name under which it was known up to some place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// 40 hexadecimal digits.
    pub id: String,
    /// The history of which this one is the continuation, and the first byte (counted from 1) that the two do not share.
    pub previous: Option<(String, u64)>,
}

impl History {
    /// A history of this name, with nothing before it.
    pub fn new(id: String) -> History {
        History { id, previous: None }
    }

    /// True if who has this history has the same before byte `next` (counted from 1).
    pub fn shares(&self, id: &[u8], next: u64) -> bool {
        let is = |own: &str| id.eq_ignore_ascii_case(own.as_bytes());
        is(&self.id) || self.previous.as_ref().is_some_and(|(previous, end)| is(previous) && next <= *end)
    }
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its snapshot has not begun.
    Waiting,
    /// It is being sent its snapshot.
    Sending,
    /// It has been sent its snapshot, and has not said that it has it.
    Loading,
    /// It follows the stream.
    Online,
}

impl Stage {
    /// As INFO names it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Waiting => "wait_bgsave",
            Stage::Sending => "send_bulk",
            Stage::Loading | Stage::Online => "online",
        }
    }
}

/// A replica of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Where it says that it is, or where it came from.
    pub ip: String,
    /// The port that it listens on.
    pub port: u16,
    /// How far it is.
    pub stage: Stage,
    /// The offset up to which it has everything, as it said last.
    pub acked: u64,
    /// The offset up to which everything is on its disk, as it said last.
    pub flushed: u64,
    /// When it said something, monotonic milliseconds.
    pub acked_ms: u64,
    /// It says how far it is: who asked by SYNC does not.
    pub acks: bool,
    /// Bytes on the disk that it has not taken of the log.
    pub aside: u64,
    /// How near it is to being given up for what it has not taken, in thousandths.
    pub fill: u64,
}

/// How far the link to a primary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is to be connected.
    Connect,
    /// It is being connected.
    Connecting,
    /// The two tell each other who they are.
    Handshake,
    /// A full copy is received, or loaded.
    Sync,
    /// The stream is followed.
    Connected,
}

impl Link {
    /// As ROLE names it.
    pub fn name(self) -> &'static str {
        match self {
            Link::Connect => "connect",
            Link::Connecting => "connecting",
            Link::Handshake => "handshake",
            Link::Sync => "sync",
            Link::Connected => "connected",
        }
    }
}

/// The primary that this node follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Following {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Grows with every change of whom the node follows: who finds another number has to do with somebody else.
    pub number: u64,
    /// How far the link is.
    pub link: Link,
    /// The data here is what the history had at the end of the log: the primary may be asked for what follows.
    pub has_history: bool,
    /// A full copy was to take the place of the data that was here, and has not: what is here is a part of it, or nothing.
    pub has_part: bool,
    /// When the link was lost, or the node began to follow, monotonic milliseconds.
    pub down_since_ms: u64,
    /// Bytes of the full copy that is received: all (if that is known), and so far.
    pub transfer: (Option<u64>, u64),
}

/// A primary hands over to one of its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// To this one; to any if there is none.
    pub target: Option<(String, u16)>,
    /// Once the time is over, also if it has not everything.
    pub is_forced: bool,
    /// When that is, monotonic milliseconds; 0: never.
    pub until_ms: u64,
    /// The node follows it already, and it has not said yet that it leads.
    pub is_in_progress: bool,
}
