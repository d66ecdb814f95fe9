//! How values are written.

use super::version;
use crate::config::{Config, RdbFormat};
use crate::keyspace::value::list::NodeLimit;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Long texts are compressed.
    pub compresses: bool,
    /// Which text is a node of a list by itself.
    pub list: NodeLimit,
    /// Newest version of the format whose forms are used where an older form holds the same.
    pub forms_max: u16,
    /// Newest version of the format that what reads it knows.
    pub content_max: u16,
}

/// How expiries of fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldExpiries {
    /// As Valkey does since version 9.
    Valkey,
    /// As Redis does since version 7.4.
    Redis,
    /// What reads it knows none.
    Unknown,
}

impl Style {
    /// As the options say for a file: in the lowest version that holds what is written, or in the one that they name.
    pub fn of_file(config: &Config) -> Style {
        Style::of_format(config, config.rdb_format)
    }

    /// For a replica that reads along, and says of which version it is (as three numbers). Only Valkey's from 8.0 on say so.
    pub fn of_replica(config: &Config, version: Option<[u32; 3]>) -> Style {
        let format = match version {
            Some([9..=u32::MAX, ..]) => RdbFormat::Valkey80,
            Some([8, ..]) => RdbFormat::Redis11,
            _ => RdbFormat::Redis10,
        };
        Style::of_format(config, format)
    }

    fn of_format(config: &Config, format: RdbFormat) -> Style {
        let (forms_max, content_max) = match format {
            RdbFormat::Auto => (version::LISTPACKS, version::MAX),
            RdbFormat::Redis10 => (version::LISTPACKS, version::LISTPACKS),
            RdbFormat::Redis11 => (version::SET_LISTPACKS, version::SET_LISTPACKS),
            RdbFormat::Redis12 => (version::SET_LISTPACKS, version::REDIS_FIELD_EXPIRY),
            RdbFormat::Valkey80 => (version::SET_LISTPACKS, version::MAX),
        };
        Style { compresses: config.rdbcompression, list: NodeLimit(config.list_max_listpack_size.into()), forms_max, content_max }
    }

    /// For what DUMP answers: in the forms in which Valkey holds values.
    pub fn of_payload(config: &Config) -> Style {
        Style { forms_max: version::SET_LISTPACKS, content_max: version::MAX, ..Style::of_file(config) }
    }

    /// The version that a file says it is of, given the lowest one that knows what is in it.
    pub fn version(&self, needed: u16) -> u16 {
        let is_free = self.content_max == version::MAX && self.forms_max == version::LISTPACKS;
        if is_free { needed } else { self.content_max }
    }

    /// How expiries of fields are written.
    pub fn field_expiries(&self) -> FieldExpiries {
        match self.content_max {
            version::FIELD_EXPIRY.. => FieldExpiries::Valkey,
            version::REDIS_FIELD_EXPIRY.. => FieldExpiries::Redis,
            _ => FieldExpiries::Unknown,
        }
    }
}
