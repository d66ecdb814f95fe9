//! What a node without a cluster does: finds others, founds a cluster with them or waits to be let into theirs.
//! The rule is in [`super::founding`].

use std::sync::Arc;

use larder_proto::bus::{Announcement, Founding, Id, Join, Refusal, Request, Response};

use super::ClusterError;
use super::beat::ask_around;
use super::control::Control;
use super::founding::{Step, decide, is_deserted};
use super::options::{CALL_TIMEOUT, JOIN_PATIENCE_MS, SEEK_EVERY};
use super::record::{Joining, Stage};
use super::timing;
use crate::base::{clock, rng};
use crate::topology::{ClusterId, NodeId};

/// Looks for a cluster whenever the node has none, until the task is aborted.
pub(super) async fn seek(control: Arc<Control>) {
    let mut search = Search::default();
    loop {
        if let Err(error) = search.step(&control).await {
            tracing::error!("cluster: {error}");
        }
        timing::sleep(SEEK_EVERY).await;
    }
}

#[derive(Default)]
struct Search {
    /// The cluster that this node tried to found last.
    attempted: Option<Id>,
    /// Since when the node waits to be let in.
    joining_since_ms: Option<u64>,
    /// Whom to ask first: the leader, as the last one asked told.
    leader: Option<NodeId>,
}

impl Search {
    async fn step(&mut self, control: &Arc<Control>) -> Result<(), ClusterError> {
        let standing = control.standing();
        match &standing.stage {
            Stage::Member { founding, .. } => {
                self.joining_since_ms = None;
                match founding {
                    Some(founding) if control.options.autopilot => self.check_founding(control, founding).await,
                    _ => Ok(()),
                }
            }
            Stage::Joining(joining) => self.join(control, joining, &standing.stage).await,
            Stage::Blank | Stage::Promised(_) => self.look_around(control).await,
        }
    }

    async fn look_around(&mut self, control: &Arc<Control>) -> Result<(), ClusterError> {
        let around = ask_around(control, CALL_TIMEOUT).await;
        let standing = control.standing();
        let told = standing.told(0, control.is_promise_stale());
        match decide(&control.announcement(), told, control.options.size, &around, self.attempted) {
            Step::Wait => Ok(()),
            Step::Join { cluster, members } => {
                let joining = Joining { cluster, members, claims: Vec::new(), config_epoch: 0 };
                control.replace_stage(&standing.stage, Stage::Joining(joining), standing.ballot).await?;
                Ok(())
            }
            Step::Found(members) => {
                let highest = around.others.iter().map(|other| other.ballot).max().unwrap_or(0).max(standing.ballot);
                self.found(control, &standing.stage, members, highest + 1).await
            }
        }
    }

    /// Asks all members for their promise, and creates the cluster if all give it.
    async fn found(&mut self, control: &Arc<Control>, before: &Stage, members: Vec<Announcement>, ballot: u64) -> Result<(), ClusterError> {
        let cluster = Id(rng::secret_bytes());
        let founding = Founding { ballot, founder: control.me().0, cluster, members };
        self.attempted = Some(cluster);
        let promised = Stage::Promised(founding.clone());
        if !control.replace_stage(before, promised.clone(), ballot).await? {
            return Ok(());
        }
        let others = founding.members.iter().filter(|member| member.node != control.me().0);
        let asked = others.map(|member| {
            let (control, member, founding) = (Arc::clone(control), member.clone(), founding.clone());
            tokio::spawn(async move {
                let request = Request::Promise(founding);
                let answer = control.peers.links.ask_node(&member, request, CALL_TIMEOUT).await;
                matches!(answer, Ok(Response::Promise { granted: true, .. }))
            })
        });
        let mut all = true;
        for answer in asked.collect::<Vec<_>>() {
            all &= answer.await.unwrap_or(false);
        }
        if all {
            tracing::info!("Node {} founds cluster {cluster} with {} nodes", control.me(), founding.members.len());
            control.become_member(ClusterId(cluster)).await
        } else {
            control.replace_stage(&promised, Stage::Blank, ballot).await?;
            Ok(())
        }
    }

    /// Asks to be let in.
    async fn join(&mut self, control: &Arc<Control>, joining: &Joining, stage: &Stage) -> Result<(), ClusterError> {
        let now_ms = clock::monotonic_ms();
        let since_ms = *self.joining_since_ms.get_or_insert(now_ms);
        let join = Join {
            cluster: joining.cluster.0,
            node: control.announcement(),
            claims: joining.claims.iter().map(|range| (range.start, range.end)).collect(),
            config_epoch: joining.config_epoch,
            only_ask: false,
        };
        if ask_members(control, &joining.members, &mut self.leader, &join).await == Admission::Granted {
            return control.become_member(joining.cluster).await;
        }
        // Only a node that looks around by itself may change its mind: another was told whom to join, and keeps trying.
        if control.options.autopilot && now_ms.saturating_sub(since_ms) > JOIN_PATIENCE_MS {
            self.joining_since_ms = None;
            self.leader = None;
            control.replace_stage(stage, Stage::Blank, 0).await?;
        }
        Ok(())
    }

    /// A founder whose cluster never came to life gives it up when its nodes are elsewhere.
    async fn check_founding(&self, control: &Arc<Control>, founding: &Founding) -> Result<(), ClusterError> {
        let Some(group) = control.group() else {
            return Ok(());
        };
        if founding.founder != control.me().0 || group.leader().is_some() || group.applied_index().is_some() {
            return Ok(());
        }
        let around = ask_around(control, CALL_TIMEOUT).await;
        if is_deserted(founding, &around.others) {
            tracing::warn!("Cluster {} was never elected and its nodes are in another one: giving it up", founding.cluster);
            control.start_over(Stage::Blank).await?;
        }
        Ok(())
    }
}

/// What came of asking to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// The node is, or would be, let in.
    Granted,
    /// It is not, for this reason.
    Denied(String),
    /// Nobody who could decide was reached.
    Unknown,
}

/// Asks the members of a cluster, one after the other, and the leader that they name.
pub(super) async fn ask_members(control: &Control, members: &[Announcement], leader: &mut Option<NodeId>, join: &Join) -> Admission {
    let mut queue: Vec<(String, u16)> = members.iter().map(|member| (member.host.clone(), member.bus_port)).collect();
    let mut hops_left = members.len() + 2;
    queue.reverse();
    queue.extend(leader.take().and_then(|leader| control.peers.find(&leader)).map(|leader| (leader.host, leader.bus_port)));
    while let Some((host, bus_port)) = queue.pop() {
        if hops_left == 0 {
            break;
        }
        hops_left -= 1;
        match control.peers.links.ask(&host, bus_port, Request::Join(join.clone()), CALL_TIMEOUT).await {
            Ok((peer, Response::Joined)) => {
                *leader = Some(peer);
                return Admission::Granted;
            }
            Ok((_, Response::Refused(Refusal::NotLeader { leader: Some(named) }))) => {
                queue.extend(control.peers.find(&NodeId(named)).map(|found| (found.host, found.bus_port)));
            }
            Ok((_, Response::Refused(Refusal::Failed(why)))) => return Admission::Denied(why),
            Ok(_) => {}
            Err(error) => tracing::debug!("cluster: {error}"),
        }
    }
    Admission::Unknown
}
