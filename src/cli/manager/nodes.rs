//! The nodes of a cluster, as each tells of itself in CLUSTER NODES, and connections to them.

use larder_proto::resp::Value;

use super::shown::{Tone, tell};
use crate::base::slot::SLOTS;
use crate::cli::session::{Connected, Session};
use crate::cli::settings::{Address, Protocol, Settings};
use crate::cli::stop::{Stop, fail};

/// A node.
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
    /// Where it says that others reach it.
    pub(super) bus_port: Option<u16>,
    pub(super) id: String,
    /// Without `myself`.
    pub(super) flags: Vec<String>,
    /// The primary that it follows.
    pub(super) primary: Option<String>,
    /// Inclusive ranges.
    pub(super) slots: Vec<(u16, u16)>,
    /// Slots on their way, as it tells them: `[slot->-node]` leaves, `[slot-<-node]` comes.
    pub(super) open: Vec<String>,
    session: Session,
}

/// All nodes that could be reached, that which was named first.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
}

/// A line of CLUSTER NODES.
struct Line {
    id: String,
    address: Option<(String, u16)>,
    bus_port: Option<u16>,
    flags: Vec<String>,
    primary: Option<String>,
    slots: Vec<(u16, u16)>,
    open: Vec<String>,
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        let mut words = line.split(' ');
        let (id, address, flags, primary) = (words.next()?, words.next()?, words.next()?, words.next()?);
        // Times, epoch, and whether it is connected to that node: we may be without that.
        words.nth(3)?;
        let mut parsed = Line {
            id: id.to_owned(),
            address: address.split(['@', ',']).next().and_then(parse_address),
            bus_port: address.split('@').nth(1).and_then(|bus| bus.split(',').next()?.parse().ok()),
            flags: flags.split(',').map(str::to_owned).collect(),
            primary: (primary != "-").then(|| primary.to_owned()),
            slots: Vec::new(),
            open: Vec::new(),
        };
        for word in words {
            if word.starts_with('[') {
                parsed.open.push(word.to_owned());
                continue;
            }
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            parsed.slots.push((first.parse().ok()?, last.parse().ok()?));
        }
        parsed.slots.iter().all(|(first, last)| first <= last && *last < SLOTS).then_some(parsed)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }
}

/// `host:port`; the port is behind the last colon. A bus port behind `@` is left out.
pub(super) fn parse_address(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.split('@').next()?.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// How many slots these ranges are.
pub(super) fn count(slots: &[(u16, u16)]) -> usize {
    slots.iter().map(|(first, last)| usize::from(last - first) + 1).sum()
}

impl Node {
    /// Connects to a node and has it tell of itself. `None`: it has been said why not.
    pub(super) fn connect(settings: &Settings, host: &str, port: u16) -> Result<Option<Node>, Stop> {
        Ok(Node::load(settings, host, port)?.map(|(node, _)| node))
    }

    fn load(settings: &Settings, host: &str, port: u16) -> Result<Option<(Node, Vec<Line>)>, Stop> {
        let settings = Settings {
            address: Address::Tcp(host.to_owned(), port),
            // Databases and versions of the protocol are nothing to nodes.
            db: 0,
            protocol: Protocol::Default,
            ..settings.clone()
        };
        let mut session = Session::new(settings);
        if session.connect(false) != Connected::Ready {
            return Ok(None);
        }
        let (flags, slots, open) = (Vec::new(), Vec::new(), Vec::new());
        let mut node = Node { host: host.to_owned(), port, bus_port: None, id: String::new(), flags, primary: None, slots, open, session };
        let info = node.call_text(&["INFO", "cluster"])?;
        let Some(info) = info else { return Ok(None) };
        if !info.contains("cluster_enabled:1") {
            tell(Tone::Bad, format_args!("[ERR] Node {} is not configured as a cluster node.\n", node.address()))?;
            return Ok(None);
        }
        let Some(text) = node.call_text(&["CLUSTER", "NODES"])? else { return Ok(None) };
        let (own, others): (Vec<_>, Vec<_>) = text.lines().filter_map(Line::parse).partition(|line| line.has("myself"));
        let Some(own) = own.into_iter().next() else {
            tell(Tone::Bad, format_args!("[ERR] Node {} does not tell of itself.\n", node.address()))?;
            return Ok(None);
        };
        node.flags = own.flags.iter().filter(|flag| *flag != "myself").cloned().collect();
        node.bus_port = own.bus_port;
        (node.id, node.primary, node.slots, node.open) = (own.id, own.primary, own.slots, own.open);
        Ok(Some((node, others)))
    }

    /// `host:port`.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Sends a request. The error is that of the connection, in words.
    pub(super) fn call<A: AsRef<[u8]>>(&mut self, request: &[A]) -> Result<Value, String> {
        let Some(connection) = &mut self.session.connection else { return Err("not connected".to_owned()) };
        connection.call(request).map_err(|error| error.to_string())
    }

    /// Sends a request that must not fail. `None`: it did, and the reason has been printed.
    pub(super) fn try_call<A: AsRef<[u8]>>(&mut self, request: &[A]) -> Result<Option<Value>, Stop> {
        let why = match self.call(request) {
            Ok(Value::Error(text)) => String::from_utf8_lossy(&text).into_owned(),
            Ok(reply) => return Ok(Some(reply)),
            Err(why) => why,
        };
        tell(Tone::Bad, format_args!("Node {} replied with error:\n{why}\n", self.address()))?;
        Ok(None)
    }

    fn call_text(&mut self, request: &[&str]) -> Result<Option<String>, Stop> {
        let reply = self.try_call(request)?;
        Ok(reply.map(|reply| match reply {
            Value::Bulk(text) | Value::Simple(text) | Value::Verbatim { text, .. } => String::from_utf8_lossy(&text).into_owned(),
            _ => String::new(),
        }))
    }

    /// The value of a field of CLUSTER INFO or INFO.
    pub(super) fn field(&mut self, request: &[&str], name: &str) -> Result<Option<String>, Stop> {
        let text = self.call_text(request)?.unwrap_or_default();
        let field = |line: &str| line.trim_end().strip_prefix(name)?.strip_prefix(':').map(str::to_owned);
        Ok(text.lines().find_map(field))
    }

    /// What the node takes for the owners of all slots, to be compared with what others do.
    pub(super) fn signature(&mut self) -> Result<Vec<String>, Stop> {
        let text = self.call_text(&["CLUSTER", "NODES"])?.unwrap_or_default();
        let lines = text.lines().filter_map(Line::parse).filter(|line| !line.slots.is_empty());
        let mut owners: Vec<_> = lines.map(|line| format!("{}:{:?}", line.id, line.slots)).collect();
        owners.sort();
        Ok(owners)
    }

    /// True if it is alone and has no keys.
    pub(super) fn is_empty(&mut self) -> Result<bool, Stop> {
        let known = self.field(&["CLUSTER", "INFO"], "cluster_known_nodes")?;
        Ok(known.as_deref() == Some("1") && self.field(&["INFO", "keyspace"], "db0")?.is_none())
    }

    /// Says that a node is not as a new one must be.
    pub(super) fn complain_of_contents(&self) -> Result<(), Stop> {
        let what = "is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains some key in database 0.";
        tell(Tone::Bad, format_args!("[ERR] Node {} {what}\n", self.address()))?;
        Ok(())
    }
}

impl Cluster {
    /// The cluster of the node that the arguments name: `host:port`, or both as one argument each.
    pub(super) fn named(settings: &Settings, args: &[String]) -> Result<Cluster, Stop> {
        let address = match args {
            [both] => parse_address(both),
            [host, port, ..] => port.parse().ok().map(|port| (host.clone(), port)),
            [] => None,
        };
        let Some((host, port)) = address else {
            return Err(fail(
                "[ERR] Invalid arguments: you need to pass either a valid address (ie. 120.0.0.1:7000) or space separated IP and port (ie. \
                 120.0.0.1 7000)",
            ));
        };
        Cluster::load(settings, &host, port)
    }

    /// The cluster of the node at this address. Of its nodes, those that cannot be reached are left out, with a word about it.
    pub(super) fn load(settings: &Settings, host: &str, port: u16) -> Result<Cluster, Stop> {
        let Some((node, others)) = Node::load(settings, host, port)? else { return Err(Stop::Exit(1)) };
        let mut nodes = vec![node];
        for line in others.iter().filter(|line| !line.has("noaddr") && !line.has("fail")) {
            let Some((host, port)) = &line.address else { continue };
            nodes.extend(Node::connect(settings, host, *port)?);
        }
        Ok(Cluster { nodes })
    }

    /// How many nodes follow this one.
    pub(super) fn replicas_of(&self, id: &str) -> usize {
        self.nodes.iter().filter(|node| node.primary.as_deref() == Some(id)).count()
    }

    /// Whether all nodes say the same of who owns what.
    pub(super) fn is_consistent(&mut self) -> Result<bool, Stop> {
        let signatures = self.nodes.iter_mut().map(Node::signature).collect::<Result<Vec<_>, _>>()?;
        Ok(signatures.iter().all(|signature| *signature == signatures[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cluster_nodes() {
        let text = "07c3 10.0.0.1:7000@17000,a.example myself,master - 0 0 3 connected 0-5 7 [9->-aa] [10-<-bb]";
        let line = Line::parse(text).unwrap();
        assert_eq!((line.id.as_str(), line.address.clone()), ("07c3", Some(("10.0.0.1".to_owned(), 7000))));
        assert_eq!(line.bus_port, Some(17000));
        assert!(line.has("myself") && line.has("master") && line.primary.is_none());
        assert_eq!((line.slots, line.open.len()), (vec![(0, 5), (7, 7)], 2));
        let replica = Line::parse("07c3 ::1:7000@17000 slave 08d4 0 0 3 disconnected").unwrap();
        assert_eq!((replica.address, replica.primary.as_deref()), (Some(("::1".to_owned(), 7000)), Some("08d4")));
        for broken in ["", "07c3 x", "07c3 10.0.0.1:7000@1 master - 0 0 3 connected 5-4", "07c3 h:1@1 master - 0 0 3 connected 0-16384"] {
            assert!(Line::parse(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("127.0.0.1:7001", Some(("127.0.0.1", 7001))),
            ("::1:7001@17001", Some(("::1", 7001))),
            ("localhost", None),
            (":7001", None),
            ("host:0", None),
            ("host:99999", None),
        ] {
            assert_eq!(parse_address(text), expected.map(|(host, port)| (host.to_owned(), port)), "{text}");
        }
    }
}
