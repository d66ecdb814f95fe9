//! What nodes say to each other.
//!
//! Invariant: variants and fields are append-only (the codec encodes positions, not names); what may get more fields is a record wherever
//! something follows it ([`super::codec`] says what nodes of other versions make of that). What belongs to a higher rank travels as
//! opaque bytes that the rank encodes with [`super::codec`]: Raft's messages, topology commands and their replies.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::codec::{self, Known};

/// 160 random bits: a node's or a cluster's identity. Printed as 40 hexadecimal digits, as Valkey prints node ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub [u8; 20]);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = text.as_bytes();
        let mut id = [0; 20];
        if bytes.len() != 40 {
            return Err(IdError);
        }
        for (byte, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Ok(Id(id))
    }
}

/// Upper-case digits are refused: Valkey compares ids as text, and prints lower case.
fn digit(byte: u8) -> Result<u8, IdError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(IdError),
    }
}

/// The text is not 40 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError;

impl std::fmt::Display for IdError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an id is 40 lower-case hexadecimal digits")
    }
}

impl std::error::Error for IdError {}

/// How a connection opens. Nothing else is read before both sides have proved who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opening {
    /// First frame of the opener.
    Open {
        /// The opener's part of the challenge.
        nonce: [u8; 32],
        /// Who is calling.
        node: Id,
        /// Which of its processes.
        incarnation: u64,
        /// What the connection is for.
        lane: Lane,
    },
    /// The acceptor's answer.
    Challenge {
        /// The acceptor's part of the challenge.
        nonce: [u8; 32],
        /// Who was called.
        node: Id,
        /// Which of its processes.
        incarnation: u64,
    },
    /// The opener's proof: see [`super::auth`].
    Proof {
        /// The proof.
        proof: [u8; 32],
    },
    /// The acceptor's proof. Requests may follow.
    Accepted {
        /// The proof.
        proof: [u8; 32],
    },
    /// The connection will be closed.
    Rejected {
        /// For the log of the other side.
        reason: String,
    },
}

/// What a connection is for. What is urgent does not wait behind what is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Whatever takes long to send, or to answer.
    Bulk,
    /// What elections, leases and commits wait for.
    Urgent,
}

/// Everything that crosses the bus once a connection is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// A question.
    Request {
        /// Chosen by the asker, returned with the answer.
        exchange: u64,
        /// The question.
        #[serde(with = "codec::known")]
        request: Request,
    },
    /// Its answer.
    Response {
        /// The question's number.
        exchange: u64,
        /// The answer.
        #[serde(with = "codec::known")]
        response: Response,
    },
}

/// Questions. Those that belong to a cluster name it and are refused with [`Refusal::OtherCluster`] by nodes of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A Raft message.
    Raft {
        /// The group it belongs to.
        cluster: Id,
        /// Which of Raft's calls.
        call: RaftCall,
        /// Its arguments, opaque here.
        payload: Bytes,
    },
    /// Who are you, and what do you know? Answered by [`Response::Introduction`].
    Introduce(Introduction),
    /// Will you found a cluster with me? Answered by [`Response::Promise`].
    Promise(Founding),
    /// Add me to your cluster. Answered by [`Response::Joined`]; may be sent to any member.
    Join(Join),
    /// Give up your one-node group and join mine. Answered by [`Response::Done`] when the node will do so.
    Adopt {
        /// The cluster to join.
        cluster: Id,
        /// A member of it.
        #[serde(with = "codec::record")]
        node: Announcement,
    },
    /// Propose this topology command (the receiver leads the group). Answered by [`Response::Forwarded`].
    Forward {
        /// The group it is for.
        cluster: Id,
        /// The command, opaque here.
        command: Bytes,
    },
    /// I am alive. Sent to the leader. Answered by [`Response::Heartbeat`].
    Heartbeat(Heartbeat),
    /// Up to which index must I have applied the log to see everything that was committed before now? Answered by
    /// [`Response::ReadIndex`].
    ReadIndex {
        /// The group.
        cluster: Id,
    },
    /// I cannot write my log: I serve nothing and have no vote until you hear of me otherwise. Answered by [`Response::Done`].
    Withdraw {
        /// The group.
        cluster: Id,
    },
    /// Something that only newer versions ask. It is refused.
    #[serde(skip)]
    Unknown,
}

impl Request {
    /// How it travels.
    pub fn lane(&self) -> Lane {
        match self {
            Request::Raft { call: RaftCall::AppendEntries | RaftCall::Vote, .. }
            | Request::Heartbeat(_)
            | Request::ReadIndex { .. }
            | Request::Withdraw { .. } => Lane::Urgent,
            Request::Raft { call: RaftCall::InstallSnapshot, .. }
            | Request::Introduce(_)
            | Request::Promise(_)
            | Request::Join(_)
            | Request::Adopt { .. }
            | Request::Forward { .. }
            | Request::Unknown => Lane::Bulk,
        }
    }
}

impl Known for Request {
    const UNKNOWN: Request = Request::Unknown;
}

/// Answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// To [`Request::Raft`].
    Raft {
        /// Which call it answers.
        call: RaftCall,
        /// Raft's result, opaque here.
        payload: Bytes,
    },
    /// To [`Request::Introduce`].
    Introduction {
        /// The answering node.
        #[serde(with = "codec::record")]
        introduction: Introduction,
        /// The asker's address as seen from here: how a node behind a wildcard bind learns its own.
        observed_host: String,
    },
    /// To [`Request::Promise`].
    Promise {
        /// Whether the node now waits for this founding only.
        granted: bool,
        /// The highest ballot the node has promised; a refused founder must exceed it.
        ballot: u64,
    },
    /// To [`Request::Join`]: the node is part of the group, its log is on the way.
    Joined,
    /// To [`Request::Forward`].
    Forwarded {
        /// Index of the command's log entry.
        index: u64,
        /// The command's result, opaque here.
        outcome: Bytes,
    },
    /// To [`Request::Heartbeat`].
    Heartbeat {
        /// Index up to which the leader has applied the log.
        applied_index: u64,
        /// Nodes that the leader has not heard of for less than the node timeout, but longer than is normal.
        suspected: Vec<Id>,
        /// Nodes that the leader has not heard of for the node timeout.
        failed: Vec<Id>,
    },
    /// To [`Request::ReadIndex`].
    ReadIndex {
        /// See the request.
        index: u64,
    },
    /// Done, and nothing to tell.
    Done,
    /// Not done.
    Refused(Refusal),
    /// Something that only newer versions answer.
    #[serde(skip)]
    Unknown,
}

impl Known for Response {
    const UNKNOWN: Response = Response::Unknown;
}

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Another node leads.
    NotLeader {
        /// That node, if known.
        leader: Option<Id>,
    },
    /// The node is not part of the named cluster.
    OtherCluster,
    /// The node is between two states: ask again.
    Busy,
    /// The request cannot be served, and asking again will not help.
    Failed(String),
}

/// Raft's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RaftCall {
    /// Log entries, or none as a heartbeat.
    AppendEntries,
    /// A candidate asks for a vote.
    Vote,
    /// A piece of a snapshot.
    InstallSnapshot,
}

/// The highest capability level of this version: it grows with what nodes have to know before others may say it to them, or write it into the
/// log that all of them read. 0: everything that nodes knew whose files have no records. 2: the map knows processes, replicas and the epochs of
/// shards, and one log entry may hold several commands.
pub const LEVEL: u16 = 2;

/// How a node is reached, as it announces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Node id.
    pub node: Id,
    /// The shard that it founds when it joins as a primary, or belongs to.
    pub shard: Id,
    /// Address for clients and nodes; empty while the node does not know it (the receiver then takes the connection's source).
    pub host: String,
    /// Host name for clients that prefer one; empty if there is none.
    pub hostname: String,
    /// Client port without TLS; 0 if there is none.
    pub port: u16,
    /// Port of the bus.
    pub bus_port: u16,
    /// Client port with TLS; 0 if there is none.
    pub tls_port: u16,
    /// Availability zone; empty if unknown.
    pub zone: String,
    /// What it is capable of: see [`LEVEL`].
    #[serde(with = "codec::since_2")]
    pub level: u16,
    /// Its name (`cluster-node-name`), which it keeps when it loses its files and its id with them; empty if it has none.
    #[serde(with = "codec::since_2")]
    pub name: String,
}

/// What a node tells about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// Who it is.
    #[serde(with = "codec::record")]
    pub node: Announcement,
    /// Where it stands.
    #[serde(with = "codec::record")]
    pub standing: Standing,
    /// Highest founding ballot it has promised.
    pub ballot: u64,
    /// Nodes it has heard of, so that seeds need not name everybody.
    #[serde(with = "codec::records")]
    pub known: Vec<Announcement>,
}

/// Whether a node belongs to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// To none, and it may be founded with.
    Blank,
    /// To none, but it promised itself to a founding.
    Promised {
        /// The cluster to be.
        cluster: Id,
    },
    /// It left everything else and waits to be let in.
    Joining {
        /// The cluster.
        cluster: Id,
    },
    /// It is a member.
    Member {
        /// The cluster.
        cluster: Id,
        /// Members of it, this node included, as far as it knows.
        nodes: u32,
    },
}

/// A cluster to be, proposed by its founder to each member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founding {
    /// Orders attempts: a node promises only upwards.
    pub ballot: u64,
    /// Who asks.
    pub founder: Id,
    /// The cluster's identity, new for each attempt.
    pub cluster: Id,
    /// All its first members, the founder included.
    #[serde(with = "codec::records")]
    pub members: Vec<Announcement>,
}

/// A node that wants to be a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The cluster to join.
    pub cluster: Id,
    /// The node.
    #[serde(with = "codec::record")]
    pub node: Announcement,
    /// Slots it brings along, as inclusive ranges.
    pub claims: Vec<(u16, u16)>,
    /// Config epoch it brings along; 0 for none.
    pub config_epoch: u64,
    /// Only say whether it would be let in.
    pub only_ask: bool,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The group.
    pub cluster: Id,
    /// Who lives.
    pub node: Id,
    /// Index up to which it has applied the log.
    pub applied_index: u64,
}
