//! Changes of the map: a node proposes them, the leader of its group writes them into the log.
//!
//! Invariants:
//! * A command enters the log only if all nodes know it ([`Command::level`]): one that does not could not go on. Once one of a level is in the
//!   log, nodes below that level are let in no more.
//! * Who proposes hears what came of it once its own map has it. If it is not known whether a command arrived, the map tells.

use std::time::Duration;

use larder_proto::bus::{Refusal, Request, Response, codec};

use super::ProposeError;
use super::control::Control;
use super::options::{CALL_TIMEOUT, PROPOSE_TIMEOUT};
use super::raft::{Group, GroupError, Outcome};
use super::timing;
use crate::topology::{ClusterId, Command, NodeId, Reply};

impl Control {
    /// Proposes a change of the map and waits until it is applied here, too.
    pub(super) async fn propose(&self, command: Command) -> Result<Outcome, ProposeError> {
        match timing::timeout(PROPOSE_TIMEOUT, self.propose_until_done(command)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ProposeError::NoAnswer),
        }
    }

    async fn propose_until_done(&self, command: Command) -> Result<Outcome, ProposeError> {
        let encoded = codec::encode(&command).map_err(|error| ProposeError::Failed(error.to_string()))?;
        let mut may_be_done = false;
        self.knows(&command).map_err(ProposeError::Failed)?;
        loop {
            let group = self.group().ok_or(ProposeError::NotMember)?;
            let proposed = match self.write_down(&group, command.clone()).await {
                Ok((index, outcome)) => Some((index, outcome)),
                Err(GroupError::NotLeader { leader }) => {
                    let leader = leader.filter(|leader| *leader != self.me().raft_id());
                    match self.forward(group.cluster, leader, &encoded).await {
                        Ok(proposed) => proposed,
                        // The leader died, most likely, and perhaps with the command done. The next one knows.
                        Err(ProposeError::NoAnswer) => {
                            may_be_done = true;
                            None
                        }
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Err(ProposeError::Failed(error.to_string())),
            };
            if let Some((index, outcome)) = proposed {
                self.publication.wait_for(index).await;
                let is_done = may_be_done && outcome.is_err() && self.publication.applied().holds(&command);
                return Ok(if is_done { Ok(Reply::Done) } else { outcome });
            }
            // An election is under way, most likely.
            timing::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Proposes as the leader.
    async fn write_down(&self, group: &Group, command: Command) -> Result<(u64, Outcome), GroupError> {
        if command.level() > self.publication.applied().level() {
            // Whoever is about to be let in counts, too.
            let _admission = self.admission.lock().await;
            self.knows(&command).map_err(GroupError::Unknown)?;
        }
        group.propose(command).await
    }

    /// Whether all nodes of the cluster know the command, so that it may enter the log.
    pub(super) fn knows(&self, command: &Command) -> Result<(), String> {
        let topology = self.publication.applied();
        if command.level() <= topology.level() {
            return Ok(());
        }
        if let Some(node) = topology.nodes().iter().find(|node| node.level < command.level()) {
            return Err(format!("node {} runs a version that does not know this yet: update it first", node.id));
        }
        let members = self.group().map(|group| group.members()).unwrap_or_default();
        match members.voters.iter().chain(&members.learners).find(|member| topology.node_by_raft_id(**member).is_none()) {
            Some(member) => Err(format!("a node that follows the log has not said yet which version it runs: {member}")),
            None => Ok(()),
        }
    }

    /// Sends a proposal to the leader; returns its index and what it came to. `None`: it certainly did not arrive, so it may be tried
    /// again.
    async fn forward(&self, cluster: ClusterId, leader: Option<u64>, command: &[u8]) -> Result<Option<(u64, Outcome)>, ProposeError> {
        let Some(leader) = leader.and_then(|leader| self.peers.find_by_raft_id(leader)) else {
            return Ok(None);
        };
        let request = Request::Forward { cluster: cluster.0, command: bytes::Bytes::copy_from_slice(command) };
        let answer = self.peers.links.ask_node(&leader, request, PROPOSE_TIMEOUT).await;
        use super::link::LinkError;
        match answer {
            Ok(Response::Forwarded { index, outcome }) => {
                let outcome = codec::decode(&outcome).map_err(|error| ProposeError::Failed(error.to_string()))?;
                Ok(Some((index, outcome)))
            }
            Ok(Response::Refused(Refusal::NotLeader { .. } | Refusal::Busy)) => Ok(None),
            Ok(other) => Err(ProposeError::Failed(format!("the leader answered {other:?}"))),
            Err(LinkError::Unreachable { .. } | LinkError::AnotherNode { .. }) => Ok(None),
            Err(LinkError::Broken(_) | LinkError::Timeout(_)) => Err(ProposeError::NoAnswer),
        }
    }

    /// The index up to which this node must have applied the log to see everything that was committed before now.
    pub(super) async fn read_index(&self) -> Result<u64, ProposeError> {
        let group = self.group().ok_or(ProposeError::NotMember)?;
        match group.read_index().await {
            Ok(index) => Ok(index),
            Err(GroupError::NotLeader { leader: Some(leader) }) => {
                let leader = self.peers.find_by_raft_id(leader).ok_or(ProposeError::NoAnswer)?;
                let request = Request::ReadIndex { cluster: group.cluster.0 };
                match self.peers.ask(NodeId(leader.node), request, CALL_TIMEOUT).await {
                    Ok(Response::ReadIndex { index }) => Ok(index),
                    _ => Err(ProposeError::NoAnswer),
                }
            }
            Err(GroupError::NotLeader { leader: None }) => Err(ProposeError::NoAnswer),
            Err(error) => Err(ProposeError::Failed(error.to_string())),
        }
    }

    /// Proposes what another member asks for, as the leader.
    pub(super) async fn answer_forward(&self, peer: NodeId, cluster: ClusterId, command: &[u8]) -> Response {
        let Some(group) = self.group_of(cluster.0).filter(|group| group.members().contains(peer.raft_id())) else {
            return Response::Refused(Refusal::OtherCluster);
        };
        let command = match codec::decode(command) {
            Ok(command) => command,
            Err(error) => return Response::Refused(Refusal::Failed(error.to_string())),
        };
        let proposed = timing::timeout(PROPOSE_TIMEOUT, self.write_down(&group, command)).await;
        let Ok(proposed) = proposed else {
            return Response::Refused(Refusal::Failed("no majority of the cluster is within reach".to_owned()));
        };
        match proposed {
            Ok((index, outcome)) => match codec::encode(&outcome) {
                Ok(outcome) => Response::Forwarded { index, outcome: outcome.into() },
                Err(error) => Response::Refused(Refusal::Failed(error.to_string())),
            },
            Err(error) => self.refusal(error),
        }
    }
}
