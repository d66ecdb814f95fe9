//! Publish and subscribe: channels, patterns, shard channels.

mod container;
mod engine;
mod publish;
mod subscribe;
mod unsubscribe;

pub use engine::leave_lost_channels;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &subscribe::PSUBSCRIBE,
    &publish::PUBLISH,
    &container::PUBSUB,
    &unsubscribe::PUNSUBSCRIBE,
    &publish::SPUBLISH,
    &subscribe::SSUBSCRIBE,
    &subscribe::SUBSCRIBE,
    &unsubscribe::SUNSUBSCRIBE,
    &unsubscribe::UNSUBSCRIBE,
];
