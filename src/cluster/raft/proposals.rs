//! Commands on their way into the log. Those that come while one is written go into the next entry together: openraft would give each a write to
//! the disk of its own, one after the other.

use openraft::Raft;
use tokio::sync::{mpsc, oneshot};

use super::errors::{GroupError, ended, refused};
use super::state_machine::StateMachine;
use super::types::{Logged, Outcome, TypeConfig};
use crate::topology::{Command, Reply};

/// Commands that may wait. Beyond it who proposes waits.
const QUEUE_LEN: usize = 1024;

/// Commands of one entry: the longest, of nodes that own every other slot, take some 50 KB.
const BATCH_MAX: usize = 64;

const _: () = assert!(BATCH_MAX * 64 * 1024 < larder_proto::bus::FRAME_LEN_MAX / 2, "an entry fits into a message");

/// What came of a command: the index of its entry, and the outcome.
pub(super) type Written = Result<(u64, Outcome), GroupError>;

/// See the module's page.
pub(super) struct Proposals {
    queue: mpsc::Sender<Proposal>,
}

struct Proposal {
    command: Command,
    answer: oneshot::Sender<Written>,
}

impl Proposals {
    /// Writes into this group's log, until the last handle is gone.
    pub(super) fn new(raft: Raft<TypeConfig>, machine: StateMachine) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LEN);
        tokio::spawn(write(raft, machine, waiting));
        Proposals { queue }
    }

    pub(super) async fn propose(&self, command: Command) -> Written {
        let (answer, written) = oneshot::channel();
        self.queue.send(Proposal { command, answer }).await.map_err(|_| ended("it takes no commands"))?;
        written.await.unwrap_or_else(|_| Err(ended("it takes no commands")))
    }
}

async fn write(raft: Raft<TypeConfig>, machine: StateMachine, mut waiting: mpsc::Receiver<Proposal>) {
    while let Some(first) = waiting.recv().await {
        let mut proposals = vec![first];
        // A batch is for logs that all members can read.
        while proposals.len() < BATCH_MAX && machine.level() >= Command::BATCH_LEVEL {
            match waiting.try_recv() {
                Ok(next) => proposals.push(next),
                Err(_) => break,
            }
        }
        // Who has given up did not want it any more.
        proposals.retain(|proposal| !proposal.answer.is_closed());
        let (mut commands, answers): (Vec<_>, Vec<_>) = proposals.into_iter().map(|proposal| (proposal.command, proposal.answer)).unzip();
        let written = match commands.len() {
            0 => continue,
            1 => raft.client_write(Logged(commands.remove(0))).await.map(|written| (written.log_id.index, vec![written.data])),
            _ => raft.client_write(Logged(Command::Batch(commands))).await.map(|written| match written.data {
                Ok(Reply::Batch(outcomes)) => (written.log_id.index, outcomes),
                other => (written.log_id.index, vec![other]),
            }),
        };
        match written {
            Ok((index, outcomes)) => {
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    let _ = answer.send(Ok((index, outcome)));
                }
            }
            Err(error) => {
                let error = refused(error);
                answers.into_iter().for_each(|answer| {
                    let _ = answer.send(Err(error.clone()));
                });
            }
        }
    }
}
