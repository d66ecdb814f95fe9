//! Raft's messages over the bus.

use std::sync::Arc;
use std::time::Duration;

use larder_proto::bus::{RaftCall, Request, Response, codec};
use openraft::error::{InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, BasicNode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::types::{RaftId, TypeConfig};
use crate::cluster::peers::Peers;
use crate::topology::ClusterId;

/// Between two attempts to reach a node that is away.
const BACKOFF: Duration = Duration::from_millis(100);

/// Makes connections to the members of one group.
pub(crate) struct Network {
    pub(crate) cluster: ClusterId,
    pub(crate) peers: Arc<Peers>,
}

/// One member.
pub(crate) struct Member {
    cluster: ClusterId,
    peers: Arc<Peers>,
    id: RaftId,
    /// `host:port` of its bus as of when it became a member: used until it was met.
    recorded: String,
}

type Failure<E> = RPCError<RaftId, BasicNode, RaftError<RaftId, E>>;

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Member;

    async fn new_client(&mut self, target: RaftId, node: &BasicNode) -> Member {
        Member { cluster: self.cluster, peers: Arc::clone(&self.peers), id: target, recorded: node.addr.clone() }
    }
}

fn unreachable<E: std::error::Error>(why: impl std::fmt::Display) -> Failure<E> {
    RPCError::Unreachable(Unreachable::from(AnyError::error(why)))
}

impl Member {
    async fn call<Q, A, E>(&self, call: RaftCall, question: &Q, option: &RPCOption) -> Result<A, Failure<E>>
    where
        Q: Serialize,
        A: DeserializeOwned,
        E: std::error::Error + DeserializeOwned,
    {
        let payload = codec::encode(question).map_err(|error| unreachable(format!("cannot encode a Raft message: {error}")))?;
        let request = Request::Raft { cluster: self.cluster.0, call, payload: payload.into() };
        let links = &self.peers.links;
        let answer = match self.peers.find_by_raft_id(self.id) {
            Some(found) => links.ask_node(&found, request, option.hard_ttl()).await,
            None => {
                let (host, port) = self.recorded.rsplit_once(':').ok_or_else(|| unreachable("a member without address"))?;
                let port = port.parse().map_err(|_| unreachable("a member without bus port"))?;
                links.ask(host, port, request, option.hard_ttl()).await.map(|(_, response)| response)
            }
        };
        match answer {
            Ok(Response::Raft { payload, .. }) => {
                let result: Result<A, RaftError<RaftId, E>> = codec::decode(&payload).map_err(|error| unreachable(error.to_string()))?;
                result.map_err(|error| RPCError::RemoteError(RemoteError::new(self.id, error)))
            }
            Ok(other) => Err(unreachable(format!("node answered a Raft message with {other:?}"))),
            Err(error @ crate::cluster::link::LinkError::Timeout(_)) => Err(RPCError::Network(NetworkError::new(&error))),
            Err(error) => Err(unreachable(error)),
        }
    }
}

impl RaftNetwork<TypeConfig> for Member {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<RaftId>, RPCError<RaftId, BasicNode, RaftError<RaftId>>> {
        self.call(RaftCall::AppendEntries, &rpc, &option).await
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<RaftId>, RPCError<RaftId, BasicNode, RaftError<RaftId, InstallSnapshotError>>> {
        self.call(RaftCall::InstallSnapshot, &rpc, &option).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<RaftId>,
        option: RPCOption,
    ) -> Result<VoteResponse<RaftId>, RPCError<RaftId, BasicNode, RaftError<RaftId>>> {
        self.call(RaftCall::Vote, &rpc, &option).await
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACKOFF))
    }
}
