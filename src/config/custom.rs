//! Options whose text needs code of its own: lists, groups of arguments, letters.

use std::path::Path;

use super::fields::Config;
use super::keyspace_events::KeyspaceEvents;
use super::line::quote;
use super::memory::{format_memory, parse_memory};
use super::row::Custom;
use super::value::{OutputBufferLimit, OutputBufferLimits, SavePoint, Value};

/// Most addresses `bind` takes.
const BIND_ADDRESSES_MAX: usize = 16;
/// Most hosts `cluster-seed` takes.
const CLUSTER_SEEDS_MAX: usize = 64;
const EMPTY: &str = "\"\"";

/// One argument that is empty stands for no argument at all.
fn without_lone_empty(args: &[String]) -> &[String] {
    match args {
        [only] if only.is_empty() => &[],
        args => args,
    }
}

fn one_arg(args: &[String]) -> Result<&str, String> {
    match args {
        [only] => Ok(only),
        _ => Err("wrong number of arguments".to_owned()),
    }
}

fn list_line(list: &[String]) -> String {
    if list.is_empty() { EMPTY.to_owned() } else { list.join(" ") }
}

pub(super) static BIND: Custom = Custom {
    default: &["*", "-::*"],
    allowed: "up to 16 addresses; * or ::* for all, - before one that may be missing",
    set: |config, args, _| {
        if args.len() > BIND_ADDRESSES_MAX {
            return Err("Too many bind addresses specified.".to_owned());
        }
        if args.iter().any(|address| address.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\''))) {
            return Err("an address is one word".to_owned());
        }
        config.bind = without_lone_empty(args).to_vec();
        Ok(())
    },
    get: |config| config.bind.join(" "),
    lines: |config| {
        // The default is left out, so that the file does not pin what a later version may widen.
        if config.bind == ["*", "-::*"] { Vec::new() } else { vec![list_line(&config.bind)] }
    },
    is_always_written: true,
};

pub(super) static CLUSTER_SEED: Custom = Custom {
    default: &[],
    allowed: "up to 64 hosts, each host or host:port, on one line or several",
    set: |config, args, is_repeated| {
        if !is_repeated {
            config.cluster_seed.clear();
        }
        for seed in without_lone_empty(args) {
            check_seed(seed)?;
            config.cluster_seed.push(seed.clone());
        }
        if config.cluster_seed.len() > CLUSTER_SEEDS_MAX {
            return Err(format!("at most {CLUSTER_SEEDS_MAX} seeds may be given"));
        }
        Ok(())
    },
    get: |config| config.cluster_seed.join(" "),
    lines: |config| {
        if config.cluster_seed.is_empty() { Vec::new() } else { vec![list_line(&config.cluster_seed)] }
    },
    is_always_written: true,
};

/// `host`, `host:port`, `[v6]:port`, or a bare IPv6 address.
fn check_seed(seed: &str) -> Result<(), String> {
    let (host, port) = match seed.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (seed, None),
    };
    let has_valid_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if host.is_empty() || host.contains(char::is_whitespace) || !has_valid_port {
        return Err(format!("'{seed}' is not host or host:port"));
    }
    Ok(())
}

pub(super) static DIR: Custom = Custom {
    // The defaults take the directory the process was started in, which may not even exist any more.
    default: &[],
    allowed: "an existing directory",
    set: |config, args, _| {
        let dir = one_arg(args)?;
        if dir.is_empty() {
            return Err("dir can't be empty".to_owned());
        }
        // Relative to the directory that applies so far; changing the process's own directory is left to whoever
        // applies the option, so that a refused change has nothing to undo.
        let absolute = std::fs::canonicalize(Path::new(&config.dir).join(dir)).map_err(os_text)?;
        if !absolute.is_dir() {
            return Err("Not a directory".to_owned());
        }
        config.dir = absolute.into_os_string().into_string().map_err(|_| "the directory's name is not UTF-8".to_owned())?;
        Ok(())
    },
    get: |config| config.dir.clone(),
    lines: |config| vec![quote(config.dir.as_bytes())],
    is_always_written: true,
};

/// The operating system's words for an error, without the number that Rust appends.
pub fn os_text(error: impl std::borrow::Borrow<std::io::Error>) -> String {
    let text = error.borrow().to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

pub(super) static SAVE: Custom = Custom {
    default: &["3600", "1", "300", "100", "60", "10000"],
    allowed: "pairs of seconds and changes, or \"\" for no automatic saving",
    set: |config, args, is_repeated| {
        let refused = || "Invalid save parameters".to_owned();
        // An empty argument drops what earlier lines said; otherwise several lines add up.
        let is_reset = args.len() == 1 && args[0].is_empty();
        let args = without_lone_empty(args);
        if !args.len().is_multiple_of(2) {
            return Err(refused());
        }
        let mut points = if is_repeated && !is_reset { config.save.clone() } else { Vec::new() };
        for pair in args.chunks_exact(2) {
            let (Ok(seconds), Ok(changes)) = (pair[0].parse::<u64>(), pair[1].parse::<u64>()) else {
                return Err(refused());
            };
            if seconds == 0 {
                return Err(refused());
            }
            points.push(SavePoint { seconds, changes });
        }
        config.save = points;
        Ok(())
    },
    get: |config| format_save_points(&config.save),
    lines: |config| {
        let points = format_save_points(&config.save);
        vec![if points.is_empty() { EMPTY.to_owned() } else { points }]
    },
    is_always_written: true,
};

fn format_save_points(points: &[SavePoint]) -> String {
    let points: Vec<String> = points.iter().map(|point| format!("{} {}", point.seconds, point.changes)).collect();
    points.join(" ")
}

pub(super) static CLIENT_OUTPUT_BUFFER_LIMIT: Custom = Custom {
    default: &["normal", "0", "0", "0", "replica", "256mb", "64mb", "60", "pubsub", "32mb", "8mb", "60"],
    allowed: "a class (normal, replica, pubsub), a hard limit, a soft limit and seconds; several such groups may follow",
    set: |config, args, _| {
        config.client_output_buffer_limit = parse_output_buffer_limits(config.client_output_buffer_limit, args)?;
        Ok(())
    },
    get: |config| {
        let limits = &config.client_output_buffer_limit;
        let show =
            |class: &str, limit: &OutputBufferLimit| format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds);
        // CONFIG GET says `slave` to this day.
        [show("normal", &limits.normal), show("slave", &limits.replica), show("pubsub", &limits.pubsub)].join(" ")
    },
    lines: |config| {
        let limits = &config.client_output_buffer_limit;
        let line = |class: &str, limit: &OutputBufferLimit| {
            let hard = format_memory(limit.hard_bytes);
            let soft = format_memory(limit.soft_bytes);
            format!("{class} {hard} {soft} {}", limit.soft_seconds)
        };
        vec![line("normal", &limits.normal), line("replica", &limits.replica), line("pubsub", &limits.pubsub)]
    },
    is_always_written: false,
};

fn parse_output_buffer_limits(mut limits: OutputBufferLimits, args: &[String]) -> Result<OutputBufferLimits, String> {
    if !args.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for group in args.chunks_exact(4) {
        let limit = match group[0].to_ascii_lowercase().as_str() {
            "normal" => &mut limits.normal,
            "replica" | "slave" => &mut limits.replica,
            "pubsub" => &mut limits.pubsub,
            _ => {
                return Err("Invalid client class specified in buffer limit configuration.".to_owned());
            }
        };
        let (Some(hard_bytes), Some(soft_bytes), Ok(soft_seconds)) =
            (parse_memory(&group[1]), parse_memory(&group[2]), group[3].parse::<u64>())
        else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned());
        };
        *limit = OutputBufferLimit { hard_bytes, soft_bytes, soft_seconds };
    }
    Ok(limits)
}

pub(super) static NOTIFY_KEYSPACE_EVENTS: Custom = Custom {
    default: &[""],
    allowed: "letters of KEg$lshzxetdmnA, or \"\" for none",
    set: |config, args, _| {
        let letters = one_arg(args)?;
        config.notify_keyspace_events =
            KeyspaceEvents::parse(letters).ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned())?;
        Ok(())
    },
    get: |config| config.notify_keyspace_events.letters(),
    lines: |config| vec![quote(config.notify_keyspace_events.letters().as_bytes())],
    is_always_written: false,
};

pub(super) static LATENCY_TRACKING_INFO_PERCENTILES: Custom = Custom {
    default: &["50", "99", "99.9"],
    allowed: "percentiles from 0 to 100, or \"\" for none",
    set: |config, args, _| {
        let percentiles = without_lone_empty(args).iter().map(|arg| parse_percentile(arg));
        config.latency_tracking_info_percentiles = percentiles.collect::<Result<_, _>>()?;
        Ok(())
    },
    get: |config| format_percentiles(&config.latency_tracking_info_percentiles),
    lines: |config| {
        let percentiles = format_percentiles(&config.latency_tracking_info_percentiles);
        vec![if percentiles.is_empty() { EMPTY.to_owned() } else { percentiles }]
    },
    is_always_written: true,
};

fn parse_percentile(text: &str) -> Result<f64, String> {
    let percentile = text
        .parse::<f64>()
        .ok()
        .filter(|value| !value.is_nan())
        .ok_or_else(|| "Invalid latency-tracking-info-percentiles parameters".to_owned())?;
    if !(0.0..=100.0).contains(&percentile) {
        return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned());
    }
    Ok(percentile)
}

/// Six decimals at most, without trailing zeros.
fn format_percentiles(percentiles: &[f64]) -> String {
    let show = |percentile: &f64| {
        let text = format!("{percentile:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    percentiles.iter().map(show).collect::<Vec<_>>().join(" ")
}

pub(super) static OOM_SCORE_ADJ_VALUES: Custom = Custom {
    default: &["0", "200", "800"],
    allowed: "three integers from -2000 to 2000",
    set: |config, args, _| {
        if args.len() != 3 {
            return Err("wrong number of arguments".to_owned());
        }
        let in_range = |value: &i32| (-2000..=2000).contains(value);
        let values: Option<Vec<i32>> = args.iter().map(|arg| arg.parse::<i32>().ok().filter(in_range)).collect();
        let values = values.ok_or_else(|| "Invalid oom-score-adj-values, elements must be between -2000 and 2000.".to_owned())?;
        config.oom_score_adj_values.copy_from_slice(&values);
        Ok(())
    },
    get: |config| config.oom_score_adj_values.map(|value| value.to_string()).join(" "),
    lines: |config| vec![config.oom_score_adj_values.map(|value| value.to_string()).join(" ")],
    is_always_written: false,
};

const RDMA_BIND_NAME: &str = "rdma-bind";

pub(super) static RDMA_BIND: Custom = Custom {
    default: &[""],
    allowed: "addresses",
    set: |config, args, _| {
        config.keep(RDMA_BIND_NAME, Value::Text(without_lone_empty(args).join(" ")));
        Ok(())
    },
    get: |config| kept_text(config, RDMA_BIND_NAME),
    lines: |_| Vec::new(),
    is_always_written: false,
};

pub(super) static REPLICAOF: Custom = Custom {
    default: &["no", "one"],
    allowed: "a host and a port, or no one",
    set: |config, args, _| {
        let [host, port] = args else {
            return Err("wrong number of arguments".to_owned());
        };
        let is_none = host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one");
        let primary = if is_none {
            String::new()
        } else {
            let port: u16 = port.parse().map_err(|_| "Invalid primary port".to_owned())?;
            format!("{host} {port}")
        };
        config.replicaof = primary;
        Ok(())
    },
    get: |config| config.replicaof.clone(),
    lines: |config| if config.replicaof.is_empty() { Vec::new() } else { vec![config.replicaof.clone()] },
    is_always_written: true,
};

fn kept_text(config: &Config, name: &str) -> String {
    match config.kept(name) {
        Value::Text(text) => text.clone(),
        other => unreachable!("{name} keeps a text, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::ConfigStore;

    /// What is told of them, and written into the file, is one line of words.
    #[test]
    fn an_address_is_one_word() {
        let takes = |value: &str| ConfigStore::from_args(&["-".to_owned()], &mut format!("bind {value}\n").as_bytes()).is_ok();
        // One argument may be several words.
        assert!(takes("127.0.0.1 ::1 -::*") && takes("\"\"") && takes("\"localhost ::1\""));
        for value in ["a \"b c\"", "a \"b\\nport 1\"", "a 'b\"c'", "a \"b'c\"", "a \"b\\x0c\"", "a \"b\\tc\""] {
            assert!(!takes(value), "{value}");
        }
    }
}
