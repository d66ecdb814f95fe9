//! Positions on the earth, kept as the scores of sorted sets.

mod arguments;
mod geoadd;
mod geodist;
mod geopos;
mod georadius;
mod geosearch;
mod search;

use crate::engine::spec::CommandSpec;

/// The family's commands.
pub static COMMANDS: &[&CommandSpec] = &[
    &geoadd::GEOADD,
    &geodist::GEODIST,
    &geopos::GEOHASH,
    &geopos::GEOPOS,
    &georadius::GEORADIUS,
    &georadius::GEORADIUSBYMEMBER,
    &georadius::GEORADIUSBYMEMBER_RO,
    &georadius::GEORADIUS_RO,
    &geosearch::GEOSEARCH,
    &geosearch::GEOSEARCHSTORE,
];
