//! CLUSTER MEET: makes one cluster of this node's and another node's.
//!
//! Differs from Valkey in that one of the two must be a node that is alone, and in that the command waits for the result for a few
//! seconds, so that it can tell why two nodes cannot be one cluster.

use std::net::IpAddr;

use super::in_transaction;
use crate::base::number::parse_i64;
use crate::clients::Session;
use crate::engine::context::{Args, AsyncResult, Context};
use crate::engine::error::{CmdError, as_shown};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Place, Run, SPEC, acl, flag};

pub(crate) static CLUSTER_MEET: CommandSpec = CommandSpec {
    name: "meet",
    arity: -4,
    flags: flag::ADMIN | flag::STALE | flag::NO_ASYNC_LOADING,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[
        Arg { name: "ip", ..ARG },
        Arg { name: "port", kind: ArgKind::Integer, ..ARG },
        Arg { name: "cluster-bus-port", kind: ArgKind::Integer, optional: true, since: "4.0.0", ..ARG },
    ],
    place: Place::Async,
    run: Run::Async(exec, Some(in_transaction::refuse)),
    docs: Docs {
        summary: "Makes one cluster of two",
        complexity: "O(1)",
        since: "3.0.0",
        group: "cluster",
        history: &[("4.0.0", "Added the optional `cluster_bus_port` argument.")],
        ..DOCS
    },
    ..SPEC
};

/// Distance of the bus port from the client port, where it is not given.
const BUS_PORT_OFFSET: i64 = 10_000;

fn exec<'c>(context: &'c mut Context<'_>, _: &'c mut Session, args: &'c Args<'_>) -> AsyncResult<'c> {
    Box::pin(async move {
        let control = &context.cluster()?.control;
        let (host, bus_port) = parse(args)?;
        control.meet(host, bus_port).await.map_err(CmdError::err)?;
        context.reply.ok();
        Ok(())
    })
}

fn parse(args: &[&[u8]]) -> Result<(String, u16), CmdError> {
    if args.len() > 5 {
        return Err(CmdError::subcommand_syntax(args));
    }
    let number =
        |arg: &[u8], what: &str| parse_i64(arg).ok_or_else(|| CmdError::naming(&format!("Invalid {what} port specified: {{}}"), arg));
    let port = number(args[3], "base")?;
    if !(1..=65535).contains(&port) {
        return Err(CmdError::err("Port number is out of range"));
    }
    let bus_port = match args.get(4) {
        Some(arg) => number(arg, "bus")?,
        None => port + BUS_PORT_OFFSET,
    };
    let bus_port = u16::try_from(bus_port).ok().filter(|port| *port > 0);
    let bus_port = bus_port.ok_or(CmdError::coded("ERR Cluster bus port number is out of range"))?;
    let host = std::str::from_utf8(args[2]).ok().and_then(|host| host.parse::<IpAddr>().ok());
    let given = || [as_shown(args[2]), b":", as_shown(args[3])].concat();
    let host = host.ok_or_else(|| CmdError::naming("Invalid node address specified: {}", &given()))?;
    Ok((host.to_string(), bus_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (args, expected) in [
            (vec!["10.0.0.1", "7000"], Ok(("10.0.0.1", 17000))),
            (vec!["::1", "7000", "9000"], Ok(("::1", 9000))),
            (vec!["10.0.0.1", "x"], Err("ERR Invalid base port specified: x")),
            (vec!["10.0.0.1", "0"], Err("ERR Port number is out of range")),
            (vec!["10.0.0.1", "60000"], Err("ERR Cluster bus port number is out of range")),
            (vec!["10.0.0.1", "7000", "y"], Err("ERR Invalid bus port specified: y")),
            (vec!["10.0.0.1", "7000", "70000"], Err("ERR Cluster bus port number is out of range")),
            (vec!["host", "7000"], Err("ERR Invalid node address specified: host:7000")),
            (vec!["h", "1", "2", "3"], Err("ERR unknown subcommand or wrong number of arguments for 'meet'. Try CLUSTER HELP.")),
        ] {
            let words: Vec<&[u8]> = ["CLUSTER", "meet"].iter().chain(&args).map(|word| word.as_bytes()).collect();
            let found = parse(&words);
            let found = found.as_ref().map(|(host, port)| (host.as_str(), *port)).map_err(CmdError::text);
            assert_eq!(found, expected.map_err(Into::into), "{args:?}");
        }
    }
}
