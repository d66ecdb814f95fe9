//! Options that only Larder has. They are fixed at start.

use super::shared::INT_MAX;
use crate::config::row::{Row, custom, field, number, text, yes_no};
use crate::config::{checks, custom};

/// Fewest and most stripes of the keyspace.
const STRIPES_MIN: i128 = 16;
const STRIPES_MAX: i128 = 4096;

pub(super) static ROWS: &[Row] = &[
    yes_no("cluster-autopilot", false, field!(cluster_autopilot)).fixed().doc(
        "Let the nodes form the cluster by themselves: they find each other through cluster-seed, one founds it, and \
         slots and replicas are spread when cluster-size nodes are there. Slots are spread again only once none at all has an \
         owner. As long as others have one, a slot that CLUSTER DELSLOTS or FLUSHSLOTS gave up stays without an owner until \
         CLUSTER ADDSLOTS.",
    ),
    custom("cluster-seed", &custom::CLUSTER_SEED).multi_arg().fixed().example("larder-headless:6379").doc(
        "Where to find other nodes. A host name may stand for several addresses, as a headless service does. Without a \
         port, port is meant. A cluster is founded only when a node answers at most addresses, each node's own among them.",
    ),
    number("cluster-size", 1, INT_MAX, 3, field!(cluster_size))
        .fixed()
        .doc("Nodes that the autopilot waits for before it spreads the slots."),
    number("cluster-replicas", 0, INT_MAX, 0, field!(cluster_replicas)).fixed().doc("Replicas that the autopilot gives each primary."),
    text("cluster-name", "", field!(cluster_name)).fixed().example("production").doc(
        "Name of the cluster. Nodes of which one has another name, or none, do not talk to each other, so that a wrong \
         cluster-seed never makes one cluster of two. Set it on all nodes at once: they restart apart from each other.",
    ),
    text("cluster-node-name", "", field!(cluster_node_name))
        .unset_when_empty()
        .check(checks::announced_hostname)
        .fixed()
        .example("larder-0")
        .doc(
            "Name that this node keeps when it loses its files, as a pod of a StatefulSet does. A node that comes without files \
             under the name of one that is dead takes its place. If it is not set, cluster-announce-hostname counts. A name that \
             several living nodes have counts for nothing.",
        ),
    text("cluster-secret", "", field!(cluster_secret)).unset_when_empty().sensitive().fixed().example("a-long-secret").doc(
        "Secret that nodes prove to each other, of 16 characters or more. Without it, and without primaryauth, only nodes on this \
             machine are let in.",
    ),
    number("keyspace-stripes", STRIPES_MIN, STRIPES_MAX, 256, field!(keyspace_stripes)).check(checks::power_of_two).fixed().doc(
        "Parts of the keyspace that are locked one by one, a power of two. More let more workers write at once and \
             take a little more memory.",
    ),
];
