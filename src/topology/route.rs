//! Where a request for a slot belongs.

use super::{ClientView, Node, NodeId, Topology};

/// What matters about a request besides its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// The client sent READONLY: replicas may answer.
    pub readonly_client: bool,
    /// The command (or one queued in the transaction) writes.
    pub write: bool,
    /// It is about a channel of the slot, not about keys.
    pub shard_channel: bool,
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// Execute it here.
    Serve,
    /// Send the client to the owner: see [`Route::moved_text`].
    Moved {
        /// The slot.
        slot: u16,
        /// Its owner's primary.
        node: &'a Node,
    },
    /// Refuse it.
    Down(DownReason),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// Nobody owns the slot.
    Unbound,
    /// The cluster is down.
    State,
    /// The cluster is down, and only reads are let through.
    ReadOnly,
}

impl DownReason {
    /// The error's text, without the leading `-`.
    pub fn text(self) -> &'static str {
        match self {
            DownReason::Unbound => "CLUSTERDOWN Hash slot not served",
            DownReason::State => "CLUSTERDOWN The cluster is down",
            DownReason::ReadOnly => "CLUSTERDOWN The cluster is down and only accepts read commands",
        }
    }
}

/// `cluster-preferred-endpoint-type`: what clients are told to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PreferredEndpoint {
    /// The address.
    #[default]
    Ip,
    /// The host name, or `?` where there is none.
    Hostname,
    /// Nothing: the client keeps the address it used.
    Unknown,
}

impl PreferredEndpoint {
    /// The endpoint in a redirection.
    pub fn of(self, node: &Node, view: ClientView) -> &str {
        match self {
            PreferredEndpoint::Ip => node.client_host(view),
            PreferredEndpoint::Hostname if node.hostname.is_empty() => "?",
            PreferredEndpoint::Hostname => &node.hostname,
            PreferredEndpoint::Unknown => "",
        }
    }
}

impl Route<'_> {
    /// The text of a MOVED error, without the leading `-`.
    pub fn moved_text(slot: u16, node: &Node, preferred: PreferredEndpoint, view: ClientView) -> String {
        format!("MOVED {slot} {}:{}", preferred.of(node, view), node.client_port(view))
    }
}

impl Topology {
    /// Where a request of node `me` for `slot` belongs. Costs a few nanoseconds when it is served here.
    #[inline]
    pub fn route(&self, me: &NodeId, slot: u16, access: Access) -> Route<'_> {
        // An unowned slot is reported before the state of the cluster, as in Valkey.
        let Some(owner) = self.slots.owner(slot) else {
            return Route::Down(DownReason::Unbound);
        };
        if self.failing.is_some() {
            if access.shard_channel {
                if !self.view.allow_pubsubshard_when_down {
                    return Route::Down(DownReason::State);
                }
            } else if !self.view.allow_reads_when_down {
                return Route::Down(DownReason::State);
            } else if access.write {
                return Route::Down(DownReason::ReadOnly);
            }
        }
        let shard = &self.shards[usize::from(owner)];
        if shard.primary == *me {
            return Route::Serve;
        }
        if (access.readonly_client || access.shard_channel) && !access.write && self.node(me).is_some_and(|node| node.shard == shard.id) {
            return Route::Serve;
        }
        Route::Moved { slot, node: self.node(&shard.primary).expect("a shard's primary is one of the nodes") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::{cluster, node};
    use crate::topology::{Command, SlotRange, View};

    #[test]
    fn requests_are_served_moved_or_refused() {
        let up = cluster(3);
        let mut holed = up.clone();
        holed.apply(9, &Command::UnassignSlots { node: node(1).id, ranges: vec![SlotRange::one(5)] }).unwrap();
        let down = up.clone().seen_from(View::default());
        let readable = up.clone().seen_from(View { allow_reads_when_down: true, ..View::default() });
        let holed_down = holed.clone().seen_from(View::default());
        let (read, write) = (Access::default(), Access { write: true, ..Access::default() });
        for (topology, slot, access, expected) in [
            (&up, 0, write, "serve"),
            (&up, 5460, read, "serve"),
            (&up, 5461, read, "MOVED 5461 10.0.0.2:7000"),
            (&up, 16383, write, "MOVED 16383 10.0.0.3:7000"),
            (&holed_down, 5, read, "CLUSTERDOWN Hash slot not served"),
            (&down, 0, read, "CLUSTERDOWN The cluster is down"),
            (&down, 5461, read, "CLUSTERDOWN The cluster is down"),
            (&readable, 0, read, "serve"),
            (&readable, 5461, read, "MOVED 5461 10.0.0.2:7000"),
            (&down, 0, Access { shard_channel: true, ..read }, "serve"),
            (&readable, 0, write, "CLUSTERDOWN The cluster is down and only accepts read commands"),
        ] {
            let found = match topology.route(&node(1).id, slot, access) {
                Route::Serve => "serve".to_owned(),
                Route::Moved { slot, node } => Route::moved_text(slot, node, PreferredEndpoint::Ip, ClientView::default()),
                Route::Down(reason) => reason.text().to_owned(),
            };
            assert_eq!(found, expected, "slot {slot} {access:?}");
        }
    }

    #[test]
    fn clients_are_told_the_preferred_endpoint() {
        let plain = node(1);
        let named = Node { hostname: "cache-1.example".into(), tls_port: 7443, ..node(1) };
        for (preferred, node, tls, text) in [
            (PreferredEndpoint::Ip, &named, false, "MOVED 7 10.0.0.1:7000"),
            (PreferredEndpoint::Ip, &named, true, "MOVED 7 10.0.0.1:7443"),
            (PreferredEndpoint::Hostname, &named, false, "MOVED 7 cache-1.example:7000"),
            (PreferredEndpoint::Hostname, &plain, false, "MOVED 7 ?:7000"),
            (PreferredEndpoint::Unknown, &named, false, "MOVED 7 :7000"),
        ] {
            assert_eq!(Route::moved_text(7, node, preferred, ClientView { tls, ..ClientView::default() }), text);
        }
    }
}
