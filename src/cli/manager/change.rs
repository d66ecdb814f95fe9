//! `add-node`, `del-node`, `set-timeout`, `call`.

use std::io::Write;

use larder_proto::resp::Value;

use super::check::check_cluster;
use super::create::meet;
use super::nodes::{Cluster, Node, parse_address};
use super::options::Wish;
use super::shown::{Tone, tell};
use crate::cli::output::{Format, Formatter};
use crate::cli::settings::Settings;
use crate::cli::stop::{Stop, complain};

/// Shorter timeouts are refused, in milliseconds.
const TIMEOUT_MIN_MS: i64 = 100;

/// A node without slots joins the cluster.
pub(super) fn add_node(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    let Some((host, port)) = parse_address(&wish.args[0]) else { return invalid() };
    if wish.is_for_replicas() {
        return Ok(false);
    }
    tell(Tone::Step, format_args!(">>> Adding node {host}:{port} to cluster {}\n", wish.args[1]))?;
    let mut cluster = Cluster::named(settings, &wish.args[1..])?;
    if !check_cluster(&mut cluster)? {
        return Ok(false);
    }
    let Some(mut node) = Node::connect(settings, &host, port)? else {
        tell(Tone::Bad, format_args!("[ERR] Sorry, can't connect to node {host}:{port}\n"))?;
        return Ok(false);
    };
    if !node.is_empty()? {
        node.complain_of_contents()?;
        return Ok(false);
    }
    if !copy_functions(&mut cluster, &mut node)? {
        return Ok(false);
    }
    tell(Tone::Step, format_args!(">>> Send CLUSTER MEET to node {host}:{port} to make it join the cluster.\n"))?;
    if !meet(&mut node, &cluster.nodes[0])? {
        return Ok(false);
    }
    tell(Tone::Good, "[OK] New node added correctly.\n")?;
    Ok(true)
}

fn invalid() -> Result<bool, Stop> {
    complain("[ERR] Invalid arguments: you need to pass a valid address (ie. 120.0.0.1:7000)");
    Ok(false)
}

/// The new node gets the cluster's functions, where there are functions.
fn copy_functions(cluster: &mut Cluster, node: &mut Node) -> Result<bool, Stop> {
    tell(Tone::Step, ">>> Getting functions from cluster\n")?;
    let functions = match cluster.nodes[0].call(&["FUNCTION", "DUMP"]) {
        Ok(Value::Bulk(functions)) => functions,
        other => {
            let why = match other {
                Ok(Value::Error(text)) => String::from_utf8_lossy(&text).into_owned(),
                Ok(_) => "NULL reply".to_owned(),
                Err(why) => why,
            };
            let text = ">>> Failed retrieving Functions from the cluster, skip this step as Valkey version do not support function command";
            tell(Tone::Step, format_args!("{text} (error = '{why}')\n"))?;
            return Ok(true);
        }
    };
    let address = node.address();
    tell(Tone::Step, format_args!(">>> Send FUNCTION LIST to {address} to verify there is no functions in it\n"))?;
    match node.try_call(&["FUNCTION", "LIST"])? {
        None => return Ok(false),
        Some(Value::Array(known)) if !known.is_empty() => {
            let text = ">>> New node already contains functions and can not be added to the cluster. Use FUNCTION FLUSH to delete them.";
            tell(Tone::Bad, format_args!("{text}\n"))?;
            return Ok(false);
        }
        Some(_) => {}
    }
    tell(Tone::Step, format_args!(">>> Send FUNCTION RESTORE to {address}\n"))?;
    Ok(node.try_call(&[b"FUNCTION".as_slice(), b"RESTORE", &functions])?.is_some())
}

/// A node without slots leaves the cluster.
pub(super) fn del_node(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    let (address, id) = (&wish.args[0], &wish.args[1]);
    tell(Tone::Step, format_args!(">>> Removing node {id} from cluster {address}\n"))?;
    let mut cluster = Cluster::named(settings, &wish.args[..1])?;
    let Some(at) = cluster.nodes.iter().position(|node| node.id == *id) else {
        tell(Tone::Bad, format_args!("[ERR] No such node ID {id}\n"))?;
        return Ok(false);
    };
    let mut leaving = cluster.nodes.remove(at);
    if !leaving.slots.is_empty() {
        let text = format!("[ERR] Node {} is not empty! Reshard data away and try again.\n", leaving.address());
        tell(Tone::Bad, text)?;
        return Ok(false);
    }
    tell(Tone::Step, ">>> Sending CLUSTER FORGET messages to the cluster...\n")?;
    let mut is_forgotten = false;
    for node in &mut cluster.nodes {
        match node.call(&["CLUSTER", "FORGET", id]) {
            // Where the nodes agree on who belongs to them, what one forgets the others know no more.
            Ok(Value::Error(text)) if is_forgotten && text.starts_with(b"ERR Unknown node") => {}
            Ok(Value::Error(text)) => {
                let text = String::from_utf8_lossy(&text);
                tell(Tone::Bad, format_args!("Node {} replied with error:\n{text}\n", node.address()))?;
                return Ok(false);
            }
            Ok(_) => is_forgotten = true,
            Err(_) => {
                let text =
                    format!("Skipping unreachable node {}. It may need manual reconfiguration when it comes back online.", node.address());
                tell(Tone::Note, format_args!(">>> {text}\n"))?;
            }
        }
    }
    tell(Tone::Step, ">>> Sending CLUSTER RESET SOFT to the deleted node.\n")?;
    if leaving.try_call(&["CLUSTER", "RESET", "SOFT"])?.is_none() {
        return Ok(false);
    }
    tell(Tone::Good, format_args!("[OK] Node {id} removed from the cluster.\n"))?;
    Ok(true)
}

/// Sets `cluster-node-timeout` of every node, in its configuration file as well.
pub(super) fn set_timeout(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    let timeout_ms = wish.args[1].parse().unwrap_or(0);
    if timeout_ms < TIMEOUT_MIN_MS {
        complain(format_args!("Setting a node timeout of less than {TIMEOUT_MIN_MS} milliseconds is a bad idea."));
        return Ok(false);
    }
    let mut cluster = Cluster::named(settings, &wish.args[..1])?;
    tell(Tone::Step, ">>> Reconfiguring node timeout in every cluster node...\n")?;
    let (mut done, mut failed) = (0, 0);
    for node in &mut cluster.nodes {
        let set = ["CONFIG", "SET", "cluster-node-timeout", &timeout_ms.to_string()].map(str::to_owned);
        let requests = [set.to_vec(), vec!["CONFIG".to_owned(), "REWRITE".to_owned()]];
        let error = requests.iter().find_map(|request| match node.call(request) {
            Ok(Value::Error(text)) => Some(String::from_utf8_lossy(&text).into_owned()),
            Ok(_) => None,
            Err(why) => Some(why),
        });
        match error {
            None => {
                tell(Tone::Note, format_args!("*** New timeout set for {}\n", node.address()))?;
                done += 1;
            }
            Some(why) => {
                tell(Tone::Bad, format_args!("ERR setting node-timeout for {}: {why}\n", node.address()))?;
                failed += 1;
            }
        }
    }
    tell(Tone::Step, format_args!(">>> New node timeout set. {done} OK, {failed} ERR.\n"))?;
    Ok(true)
}

/// Sends a command to every node.
pub(super) fn call(settings: &Settings, wish: &Wish) -> Result<bool, Stop> {
    let mut cluster = Cluster::named(settings, &wish.args[..1])?;
    let formatter = Formatter { format: Format::Raw, element_delimiter: b"\n".to_vec(), reply_delimiter: b"\n".to_vec() };
    let command = &wish.words[1..];
    tell(Tone::Step, ">>> Calling")?;
    let mut out = std::io::stdout().lock();
    for word in command {
        out.write_all(b" ")?;
        out.write_all(word)?;
    }
    writeln!(out)?;
    for node in &mut cluster.nodes {
        let is_replica = node.primary.is_some();
        if (wish.only_primaries && is_replica) || (wish.only_replicas && !is_replica) {
            continue;
        }
        write!(out, "{}: ", node.address())?;
        match node.call(command) {
            Ok(reply) => out.write_all(&formatter.reply(&reply, false))?,
            Err(_) => writeln!(out, "Failed!")?,
        }
    }
    Ok(true)
}
