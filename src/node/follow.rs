//! What of the node follows CONFIG SET beyond what commands can reach: directory, scores, workers, sockets, title, log.
//!
//! Invariant: all steps or none. Each step brings one thing in line with the options; when one fails, those before it are repeated
//! with the old options, which undoes them.

use std::sync::Arc;

use super::log::LogControl;
use super::oom_score::OomScore;
use super::sockets::Rebinder;
use super::title::ProcessTitle;
use crate::cluster::Cluster;
use crate::config::{Config, Refusal, os_text};
use crate::server::Workers;

/// See the module's page.
pub(super) struct Follower {
    pub(super) workers: Arc<Workers>,
    pub(super) rebinder: Rebinder,
    pub(super) log: LogControl,
    pub(super) oom_score: OomScore,
    pub(super) title: ProcessTitle,
    /// In cluster mode.
    pub(super) cluster: Option<Arc<Cluster>>,
}

type Step = fn(&Follower, &Config, &Config) -> Result<(), Refusal>;

/// In this order.
const STEPS: [Step; 5] = [directory, oom_score, workers, sockets, title];

impl Follower {
    /// Brings everything from the old options to the new.
    pub(super) fn follow(&self, old: &Config, new: &Config) -> Result<(), Refusal> {
        for (done, step) in STEPS.iter().enumerate() {
            if let Err(refusal) = step(self, old, new) {
                for step in STEPS[..done].iter().rev() {
                    if let Err(failed) = step(self, new, old) {
                        tracing::warn!("Restoring the options of before: {}", failed.message);
                    }
                }
                return Err(refusal);
            }
        }
        self.log.apply(new);
        if let Some(cluster) = &self.cluster {
            super::cluster::configure(cluster, old, new);
        }
        Ok(())
    }
}

fn directory(_: &Follower, old: &Config, new: &Config) -> Result<(), Refusal> {
    if old.dir == new.dir {
        return Ok(());
    }
    std::env::set_current_dir(&new.dir).map_err(|error| Refusal::of("dir", os_text(error)))
}

fn oom_score(follower: &Follower, old: &Config, new: &Config) -> Result<(), Refusal> {
    if old.oom_score_adj == new.oom_score_adj && old.oom_score_adj_values == new.oom_score_adj_values {
        return Ok(());
    }
    follower.oom_score.follow(new).map_err(|error| {
        tracing::warn!("Unable to write oom_score_adj: {}", os_text(error));
        let option = if old.oom_score_adj == new.oom_score_adj { "oom-score-adj-values" } else { "oom-score-adj" };
        Refusal::of(option, "Failed to set current oom_score_adj. Check server logs.")
    })
}

fn workers(follower: &Follower, old: &Config, new: &Config) -> Result<(), Refusal> {
    if old.io_threads == new.io_threads {
        return Ok(());
    }
    follower.workers.resize(new.io_threads as usize).map_err(|error| Refusal::of("io-threads", os_text(error)))?;
    tracing::info!("Changed the number of workers from {} to {}.", old.io_threads, new.io_threads);
    Ok(())
}

fn sockets(follower: &Follower, old: &Config, new: &Config) -> Result<(), Refusal> {
    if old.port == new.port && old.bind == new.bind {
        return Ok(());
    }
    let option = if old.port == new.port { "bind" } else { "port" };
    follower.rebinder.rebind(old, new).map_err(|reason| Refusal::of(option, reason))
}

fn title(follower: &Follower, old: &Config, new: &Config) -> Result<(), Refusal> {
    let shown = |config: &Config| (config.proc_title_template.clone(), config.port, config.bind.clone());
    if shown(old) == shown(new) {
        return Ok(());
    }
    follower.title.show(new).map_err(|error| Refusal::of("proc-title-template", os_text(error)))
}
