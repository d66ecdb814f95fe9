//! `create`: nodes that are alone become one cluster, in which each has an equal part of the slots.

use std::io::Write;
use std::net::ToSocketAddrs;
use std::time::Duration;

use super::check::{check_cluster, show_nodes};
use super::nodes::{Cluster, Node, parse_address};
use super::options::Wish;
use super::shown::{Tone, confirm, tell};
use crate::base::slot::SLOTS;
use crate::cli::settings::Settings;
use crate::cli::stop::{Stop, fail};

/// So few primaries are asked about.
const PRIMARIES_MIN: usize = 3;

/// Between two looks at whether the nodes have met.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks after which nodes that have not met are given up.
const LOOKS_MAX: usize = 60;

pub(super) fn create(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    if wish.is_for_replicas() {
        return Ok(false);
    }
    let mut nodes = Vec::new();
    for text in &wish.args {
        let Some((host, port)) = parse_address(text) else {
            return Err(fail(format_args!("Invalid address format: {text}")));
        };
        let Some(mut node) = Node::connect(settings, &host, port)? else { return Ok(false) };
        if !node.is_empty()? {
            node.complain_of_contents()?;
            return Ok(false);
        }
        nodes.push(node);
    }
    if nodes.len() < PRIMARIES_MIN {
        tell(Tone::Step, format_args!("Requested to create a cluster with {} primaries and 0 replicas per primary.\n", nodes.len()))?;
        if !confirm(wish.yes, "Valkey cluster requires at least 3 primary nodes for automatic failover. Are you sure?")? {
            return Ok(false);
        }
    }
    tell(Tone::Step, format_args!(">>> Performing hash slots allocation on {} node(s)...\n", nodes.len()))?;
    let mut cluster = Cluster { nodes: by_turns(nodes) };
    let parts = parts(cluster.nodes.len());
    for (number, (node, part)) in cluster.nodes.iter_mut().zip(&parts).enumerate() {
        writeln!(std::io::stdout(), "Primary[{number}] -> Slots {} - {}", part.0, part.1)?;
        node.slots = vec![*part];
    }
    show_nodes(&cluster)?;
    if !confirm(wish.yes, "Can I set the above configuration?")? {
        return Ok(true);
    }
    for node in &mut cluster.nodes {
        let mut request = vec!["CLUSTER".to_owned(), "ADDSLOTS".to_owned()];
        request.extend(node.slots.iter().flat_map(|(first, last)| *first..=*last).map(|slot| slot.to_string()));
        if node.try_call(&request)?.is_none() {
            return Ok(false);
        }
    }
    tell(Tone::Step, ">>> Nodes configuration updated\n")?;
    tell(Tone::Step, ">>> Assign a different config epoch to each node\n")?;
    for (number, node) in cluster.nodes.iter_mut().enumerate() {
        // One that has an epoch already keeps it.
        let _ = node.call(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
    }
    tell(Tone::Step, ">>> Sending CLUSTER MEET messages to join the cluster\n")?;
    let (first, others) = cluster.nodes.split_first_mut().expect("there is an argument for each node");
    for node in others {
        if !meet(node, first)? {
            return Ok(false);
        }
    }
    if !wait_until_met(&mut cluster)? {
        return Ok(false);
    }
    let mut cluster = Cluster::load(settings, &cluster.nodes[0].host, cluster.nodes[0].port)?;
    check_cluster(&mut cluster)
}

/// Has `node` meet `other`. Returns whether it took that on; it has been said why not.
pub(super) fn meet(node: &mut Node, other: &Node) -> Result<bool, Stop> {
    // Nodes take addresses, and no names.
    let address = (other.host.as_str(), other.port).to_socket_addrs().ok().and_then(|mut found| found.next());
    let Some(address) = address else {
        return Err(fail(format_args!("Invalid IP address or hostname specified: {}", other.host)));
    };
    let (ip, port) = (address.ip().to_string(), other.port.to_string());
    // A bus that does not lie where it usually does has to be named.
    let bus = other.bus_port.filter(|bus| u32::from(*bus) != u32::from(other.port) + 10_000).map(|bus| bus.to_string());
    let request = ["CLUSTER", "MEET", &ip, &port].into_iter().chain(bus.as_deref());
    Ok(node.try_call(&request.collect::<Vec<_>>())?.is_some())
}

fn wait_until_met(cluster: &mut Cluster) -> Result<bool, Stop> {
    writeln!(std::io::stdout(), "Waiting for the cluster to join")?;
    for _ in 0..LOOKS_MAX {
        if cluster.is_consistent()? {
            writeln!(std::io::stdout())?;
            return Ok(true);
        }
        write!(std::io::stdout(), ".")?;
        std::io::stdout().flush()?;
        std::thread::sleep(LOOK_EVERY);
    }
    writeln!(std::io::stdout())?;
    tell(Tone::Bad, "[ERR] The nodes did not become one cluster. Can each reach the bus of the others?\n")?;
    Ok(false)
}

/// Nodes of different hosts by turns, so that neighbouring parts of the slots lie on different machines.
fn by_turns(nodes: Vec<Node>) -> Vec<Node> {
    let mut hosts: Vec<Vec<Node>> = Vec::new();
    for node in nodes {
        match hosts.iter_mut().find(|known| known[0].host == node.host) {
            Some(known) => known.push(node),
            None => hosts.push(vec![node]),
        }
    }
    let longest = hosts.iter().map(Vec::len).max().unwrap_or(0);
    let mut hosts: Vec<_> = hosts.into_iter().map(Vec::into_iter).collect();
    (0..longest).flat_map(|_| hosts.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()).collect()
}

/// All slots in so many parts, inclusive, their ends rounded to the nearest slot.
fn parts(count: usize) -> Vec<(u16, u16)> {
    let boundary = |part: usize| ((part * usize::from(SLOTS) * 2 + count) / (2 * count)) as u16;
    (0..count).map(|part| (boundary(part), boundary(part + 1) - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_divided_evenly() {
        assert_eq!(parts(1), [(0, 16383)]);
        assert_eq!(parts(3), [(0, 5460), (5461, 10922), (10923, 16383)]);
        let seven = parts(7);
        assert!(seven.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0) && seven[6].1 == 16383, "{seven:?}");
    }
}
