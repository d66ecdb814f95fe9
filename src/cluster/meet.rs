//! CLUSTER MEET: two groups become one.
//!
//! Of the two, one must be a node alone: it leaves its group and joins the other, bringing its slots and its config epoch. If both are
//! alone, the one with the larger id does, whichever was told to meet: so two nodes that are told to meet each other at the same time agree.

use std::sync::Arc;
use std::time::Duration;

use larder_proto::bus::{Announcement, Introduction, Join, Refusal, Request, Response, Standing};

use super::beat::{Met, introduce};
use super::control::Control;
use super::options::{CALL_TIMEOUT, SEEK_EVERY};
use super::seek::{Admission, ask_members};
use super::timing;
use crate::base::clock;
use crate::topology::{ClusterId, NodeId};

/// Why two nodes did not meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeetError {
    /// The two cannot be one cluster.
    #[error("{0}")]
    Refused(String),
    /// Not yet: nobody answered, or a node is between two states.
    #[error("the node could not be reached yet")]
    NotYet,
}

/// Meets the node at this address; returns when both are one cluster. Tries until `patience` is over.
pub(super) async fn meet(control: Arc<Control>, host: String, bus_port: u16, patience: Duration) -> Result<(), MeetError> {
    let until_ms = clock::monotonic_ms() + patience.as_millis() as u64;
    loop {
        match attempt(&control, &host, bus_port).await {
            Err(MeetError::NotYet) if clock::monotonic_ms() < until_ms => timing::sleep(SEEK_EVERY).await,
            result => return result,
        }
    }
}

async fn attempt(control: &Arc<Control>, host: &str, bus_port: u16) -> Result<(), MeetError> {
    let Met::Other(met) = introduce(control, host, bus_port, CALL_TIMEOUT).await else {
        return Err(MeetError::NotYet);
    };
    let Some(group) = control.group() else {
        return Err(MeetError::NotYet);
    };
    let Standing::Member { cluster, nodes } = met.standing else {
        return Err(MeetError::NotYet);
    };
    if cluster == group.cluster.0 {
        // Both are in; the newcomer's entry may still be on its way.
        let topology = control.publication.shown().load();
        let both = topology.node(&NodeId(met.node.node)).is_some() && topology.node(&control.me()).is_some();
        return if both { Ok(()) } else { Err(MeetError::NotYet) };
    }
    let (we_are_alone, it_is_alone) = (control.is_alone(), nodes == 1);
    let we_join = match (we_are_alone, it_is_alone) {
        (true, true) => control.me().0 > met.node.node,
        (true, false) => true,
        (false, true) => false,
        (false, false) => {
            return Err(MeetError::Refused("both nodes belong to clusters of several nodes, which cannot be merged".to_owned()));
        }
    };
    if we_join { join(control, &met, ClusterId(cluster)).await } else { adopt(control, &met, group.cluster).await }
}

async fn join(control: &Control, met: &Introduction, cluster: ClusterId) -> Result<(), MeetError> {
    leave_for(control, cluster, met.node.clone()).await?;
    // The seeking loop does the rest; the next attempts find out whether it is done.
    Err(MeetError::NotYet)
}

/// Gives up being alone for the cluster of `member`, after asking whether that would take what this node owns.
pub(super) async fn leave_for(control: &Control, cluster: ClusterId, member: Announcement) -> Result<(), MeetError> {
    let (claims, config_epoch) = control.claims();
    let claims = claims.iter().map(|range| (range.start, range.end)).collect();
    let question = Join { cluster: cluster.0, node: control.announcement(), claims, config_epoch, only_ask: true };
    let members = vec![member];
    match ask_members(control, &members, &mut None, &question).await {
        Admission::Granted => {}
        Admission::Denied(why) => return Err(MeetError::Refused(why)),
        Admission::Unknown => return Err(MeetError::NotYet),
    }
    match control.leave_for(cluster, members).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(MeetError::NotYet),
        Err(error) => Err(MeetError::Refused(error.to_string())),
    }
}

async fn adopt(control: &Control, met: &Introduction, cluster: ClusterId) -> Result<(), MeetError> {
    let request = Request::Adopt { cluster: cluster.0, node: control.announcement() };
    match control.peers.links.ask_node(&met.node, request, CALL_TIMEOUT * 4).await {
        Ok(Response::Refused(Refusal::Failed(why))) => Err(MeetError::Refused(why)),
        _ => Err(MeetError::NotYet),
    }
}
