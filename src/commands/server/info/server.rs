//! INFO server and tls.

use super::lines::Lines;
use crate::base::{clock, process, version};
use crate::config::{Config, Supervised};
use crate::engine::context::Context;

/// Width of the access clock.
const LRU_BITS: u32 = 24;

pub(super) fn server(context: &mut Context<'_>, lines: &mut Lines) {
    let shared = context.shared;
    let config = context.config;
    let identity = &shared.identity;
    // Whatever becomes of the wall clock.
    let uptime_s = clock::monotonic_ms() / 1000;
    lines.add("redis_version", version::REDIS);
    lines.add("server_name", "valkey");
    lines.add("valkey_version", version::VALKEY);
    lines.add("valkey_release_stage", "ga");
    lines.add("larder_version", version::LARDER);
    lines.add("redis_git_sha1", "00000000");
    lines.add("redis_git_dirty", 0);
    lines.add("redis_build_id", "0000000000000000");
    let mode = if config.cluster_enabled { "cluster" } else { "standalone" };
    lines.add(if config.extended_redis_compatibility { "redis_mode" } else { "server_mode" }, mode);
    lines.add("os", process::system_name());
    lines.add("arch_bits", usize::BITS);
    lines.add("monotonic_clock", "time-stamp counter");
    lines.add("multiplexing_api", "epoll");
    lines.add("gcc_version", "0.0.0");
    lines.add("process_id", identity.pid);
    lines.add("process_supervised", supervised(config));
    lines.add("run_id", &identity.run_id);
    lines.add("tcp_port", config.port);
    lines.add("server_time_usec", clock::unix_us());
    lines.add("uptime_in_seconds", uptime_s);
    lines.add("uptime_in_days", uptime_s / 86_400);
    lines.add("hz", config.hz);
    lines.add("configured_hz", config.hz);
    lines.add("clients_hz", config.hz);
    lines.add("lru_clock", (clock::unix_ms() / 1000) & ((1 << LRU_BITS) - 1));
    lines.add("executable", &identity.executable);
    lines.add("config_file", shared.config.file().map_or_else(String::new, |file| file.display().to_string()));
    lines.add("io_threads_active", u8::from(config.io_threads > 1));
    lines.add("availability_zone", &config.availability_zone);
    if let Some(left_ms) = shared.stop.waits_for_ms().or_else(|| shared.stop.is_requested().then_some(0)) {
        lines.add("shutdown_in_milliseconds", left_ms);
    }
    listeners(config, lines);
}

fn supervised(config: &Config) -> &'static str {
    let is_set = |name| std::env::var_os(name).is_some();
    match config.supervised {
        Supervised::No => "no",
        Supervised::Systemd if is_set("NOTIFY_SOCKET") => "systemd",
        Supervised::Upstart if is_set("UPSTART_JOB") => "upstart",
        Supervised::Auto if is_set("UPSTART_JOB") => "upstart",
        Supervised::Auto if is_set("NOTIFY_SOCKET") => "systemd",
        _ => "no",
    }
}

fn listeners(config: &Config, lines: &mut Lines) {
    let mut number = 0;
    if config.port != 0 {
        let binds: String = config.bind.iter().map(|bind| format!(",bind={bind}")).collect();
        lines.add(&format!("listener{number}"), format_args!("name=tcp{binds},port={}", config.port));
        number += 1;
    }
    if !config.unixsocket.is_empty() {
        lines.add(&format!("listener{number}"), format_args!("name=unix,bind={}", config.unixsocket));
    }
}

pub(super) fn tls(_: &mut Context<'_>, lines: &mut Lines) {
    for of in ["server", "client", "ca"] {
        lines.add(&format!("tls_{of}_cert_serial"), "none");
        lines.add(&format!("tls_{of}_cert_expires_in_seconds"), 0);
    }
}
