//! `info` and `check`.

use std::io::Write;

use larder_proto::resp::Value;

use super::nodes::{Cluster, Node, count};
use super::options::Wish;
use super::shown::{Tone, tell};
use crate::base::slot::SLOTS;
use crate::cli::settings::Settings;
use crate::cli::stop::Stop;

/// Keys and slots of each primary.
pub(super) fn info(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    let mut cluster = Cluster::named(settings, &wish.args)?;
    show_info(&mut cluster)?;
    Ok(true)
}

/// Whether the nodes agree and own all slots.
pub(super) fn check(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    let mut cluster = Cluster::named(settings, &wish.args)?;
    show_info(&mut cluster)?;
    check_cluster(&mut cluster)
}

fn show_info(cluster: &mut Cluster) -> Result<(), Stop> {
    let (mut primaries, mut keys) = (0, 0);
    let replicas: Vec<_> = cluster.nodes.iter().map(|node| cluster.replicas_of(&node.id)).collect();
    for (node, replicas) in cluster.nodes.iter_mut().zip(replicas).filter(|(node, _)| node.primary.is_none()) {
        let Some(Value::Integer(size)) = node.try_call(&["DBSIZE"])? else { return Ok(()) };
        let short_id: String = node.id.chars().take(8).collect();
        let slots = count(&node.slots);
        writeln!(std::io::stdout(), "{} ({short_id}...) -> {size} keys | {slots} slots | {replicas} replicas.", node.address())?;
        primaries += 1;
        keys += size;
    }
    tell(Tone::Good, format_args!("[OK] {keys} keys in {primaries} primaries.\n"))?;
    writeln!(std::io::stdout(), "{:.2} keys per slot on average.", keys as f64 / f64::from(SLOTS))?;
    Ok(())
}

/// Prints every node.
pub(super) fn show_nodes(cluster: &Cluster) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    for node in &cluster.nodes {
        let role = if node.primary.is_none() { 'M' } else { 'S' };
        let range = |(first, last): &(u16, u16)| if first == last { format!("[{first}]") } else { format!("[{first}-{last}]") };
        let slots: Vec<_> = node.slots.iter().map(range).collect();
        writeln!(out, "{role}: {} {}", node.id, node.address())?;
        writeln!(out, "   slots:{} ({} slots) {}", slots.join(","), count(&node.slots), node.flags.join(","))?;
        match (&node.primary, cluster.replicas_of(&node.id)) {
            (Some(primary), _) => writeln!(out, "   replicates {primary}")?,
            (None, 0) => {}
            (None, replicas) => writeln!(out, "   {replicas} additional replica(s)")?,
        }
    }
    Ok(())
}

/// Prints every node and what is wrong with the cluster. Returns whether nothing is.
pub(super) fn check_cluster(cluster: &mut Cluster) -> Result<bool, Stop> {
    tell(Tone::Step, format_args!(">>> Performing Cluster Check (using node {})\n", cluster.nodes[0].address()))?;
    show_nodes(cluster)?;
    let is_consistent = cluster.is_consistent()?;
    if is_consistent {
        tell(Tone::Good, "[OK] All nodes agree about slots configuration.\n")?;
    } else {
        tell(Tone::Bad, "[ERR] Nodes don't agree about configuration!\n")?;
    }
    tell(Tone::Step, ">>> Check for open slots...\n")?;
    let has_open = show_open(cluster)?;
    tell(Tone::Step, ">>> Check slots coverage...\n")?;
    let is_covered = covered(&cluster.nodes) == usize::from(SLOTS);
    if is_covered {
        tell(Tone::Good, format_args!("[OK] All {SLOTS} slots covered.\n"))?;
    } else {
        tell(Tone::Bad, format_args!("[ERR] Not all {SLOTS} slots are covered by nodes.\n\n"))?;
    }
    Ok(is_consistent && !has_open && is_covered)
}

/// Prints which slots are on their way. Returns whether any is.
fn show_open(cluster: &Cluster) -> Result<bool, Stop> {
    let mut open = Vec::new();
    for node in &cluster.nodes {
        for (mark, state) in [("->-", "migrating"), ("-<-", "importing")] {
            let slots: Vec<&str> = node.open.iter().filter_map(|word| Some(word.trim_start_matches('[').split_once(mark)?.0)).collect();
            if !slots.is_empty() {
                let text = format!("[WARNING] Node {} has slots in {state} state {}.\n", node.address(), slots.join(","));
                tell(Tone::Bad, text)?;
                open.extend(slots);
            }
        }
    }
    if !open.is_empty() {
        tell(Tone::Bad, format_args!("[WARNING] The following slots are open: {}.\n", open.join(",")))?;
    }
    Ok(!open.is_empty())
}

fn covered(nodes: &[Node]) -> usize {
    let mut is_covered = vec![false; usize::from(SLOTS)];
    for (first, last) in nodes.iter().flat_map(|node| &node.slots) {
        is_covered[usize::from(*first)..=usize::from(*last)].fill(true);
    }
    is_covered.iter().filter(|is_covered| **is_covered).count()
}
