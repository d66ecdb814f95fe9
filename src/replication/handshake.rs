//! What a replica and its primary tell each other before anything is copied.

use super::wire::{LinkError, Wire};
use crate::base::limits::LOG_OFFSET_MAX;
use crate::base::version::VALKEY;
use crate::config::Config;
use crate::persist::history::is_id;

/// What the primary answers to PSYNC.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It goes on from what the replica has. Its history has this name, if it says so.
    Continue(Option<String>),
    /// It sends all: its history's name, and the offset.
    Full(String, u64),
}

/// Proves who this node is, and says what it can.
pub(super) fn introduce(wire: &mut Wire<'_>, config: &Config) -> Result<(), LinkError> {
    let reply = wire.ask(&[b"PING"])?;
    // Who wants a password says so to PING as well.
    let may_go_on = ["+", "-NOAUTH", "-NOPERM", "-ERR operation not permitted"].iter().any(|start| reply.starts_with(start));
    if !may_go_on {
        return Err(LinkError::Refused("Error reply to PING from primary", reply));
    }
    if !config.primaryauth.is_empty() {
        let (user, password) = (config.primaryuser.as_bytes(), config.primaryauth.as_bytes());
        let reply = if user.is_empty() { wire.ask(&[b"AUTH", password]) } else { wire.ask(&[b"AUTH", user, password]) }?;
        if !reply.starts_with('+') {
            return Err(LinkError::Refused("Unable to AUTH to PRIMARY", reply));
        }
    }
    let port = if config.replica_announce_port > 0 { config.replica_announce_port } else { config.port };
    let port = port.to_string();
    let mut requests: Vec<Vec<&[u8]>> = vec![vec![b"REPLCONF", b"listening-port", port.as_bytes()]];
    if !config.replica_announce_ip.is_empty() {
        requests.push(vec![b"REPLCONF", b"ip-address", config.replica_announce_ip.as_bytes()]);
    }
    requests.push(vec![b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"]);
    requests.push(vec![b"REPLCONF", b"version", VALKEY.as_bytes()]);
    for request in requests {
        let reply = wire.ask(&request)?;
        if reply.starts_with("-NOAUTH") {
            return Err(LinkError::Refused("The primary wants a password (primaryauth)", reply));
        }
        if !reply.starts_with('+') {
            // A server of old knows less, and can do without.
            tracing::info!("(Non critical) PRIMARY does not understand REPLCONF {}: {reply}", String::from_utf8_lossy(request[1]));
        }
    }
    Ok(())
}

/// Asks for what is missing. `hands_over` if the other one is to lead from now on, and has followed this node until now.
pub(super) fn ask(wire: &mut Wire<'_>, wish: Option<(String, u64)>, hands_over: bool) -> Result<Answer, LinkError> {
    let (id, next) = match &wish {
        Some((id, next)) => (id.as_str(), next.to_string()),
        None => ("?", "-1".to_owned()),
    };
    tracing::info!("Trying a partial resynchronization (request {id}:{next}).");
    let words: [&[u8]; 4] = [b"PSYNC", id.as_bytes(), next.as_bytes(), b"FAILOVER"];
    let reply = wire.ask(if hands_over { &words } else { &words[..3] })?;
    let answer = parse(&reply).ok_or(LinkError::Refused("Unexpected reply to PSYNC from primary", reply))?;
    if wish.is_none() && matches!(answer, Answer::Continue(_)) {
        return Err(LinkError::Garbage("it goes on from what nobody has"));
    }
    Ok(answer)
}

fn parse(reply: &str) -> Option<Answer> {
    let mut words = reply.split_ascii_whitespace();
    match words.next()? {
        "+CONTINUE" => Some(Answer::Continue(words.next().filter(|id| is_id(id)).map(str::to_owned))),
        "+FULLRESYNC" => {
            let id = words.next().filter(|id| is_id(id))?;
            let at: i64 = words.next()?.parse().ok()?;
            let at = u64::try_from(at).ok().filter(|at| *at <= LOG_OFFSET_MAX)?;
            Some(Answer::Full(id.to_owned(), at))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_psync() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let full = |at| Some(Answer::Full(id.to_owned(), at));
        for (reply, answer) in [
            (format!("+FULLRESYNC {id} 12"), full(12)),
            (format!("+FULLRESYNC {id} 0"), full(0)),
            (format!("+FULLRESYNC {id} -1"), None),
            (format!("+FULLRESYNC {id} 99999999999999999999"), None),
            (format!("+FULLRESYNC {id} 9223372036854775807"), None),
            (format!("+FULLRESYNC {id}"), None),
            ("+FULLRESYNC short 1".to_owned(), None),
            (format!("+CONTINUE {id}"), Some(Answer::Continue(Some(id.to_owned())))),
            ("+CONTINUE".to_owned(), Some(Answer::Continue(None))),
            ("-LOADING".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(parse(&reply), answer, "{reply}");
        }
    }
}
