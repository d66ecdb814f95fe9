//! Where in a history of changes the data of a file stands, as the file says of itself before its first key. A node that loads it goes on from
//! there with those who have the same history, instead of copying everything.
//!
//! The fields are Valkey's: `repl-id`, `repl-offset`, `repl-stream-db`.

use std::sync::Arc;

use super::file_source::FileSource;
use super::load_file::{self, Checks, Particulars, Problem, Receiver};
use crate::base::limits::LOG_OFFSET_MAX;
use crate::persist::files::File;
use crate::persist::history::is_id;

pub(super) const ID: &str = "repl-id";
pub(super) const OFFSET: &str = "repl-offset";
/// The field of the database that what follows is about, until it names another one.
pub const DATABASE: &str = "repl-stream-db";

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The history's name.
    pub history: String,
    /// Bytes of its stream up to here.
    pub offset: u64,
    /// The database that the stream is about here. One that names it anew may be told any.
    pub database: u32,
}

impl Place {
    /// What the file says.
    pub fn fields(&self) -> [(&'static str, String); 3] {
        [(DATABASE, self.database.to_string()), (ID, self.history.clone()), (OFFSET, self.offset.to_string())]
    }

    /// Reads what a file says before its first key. `None` if it does not say where it stands, or is none: who loads it finds that out.
    pub fn read(file: &Arc<dyn File>) -> Option<Place> {
        let mut head = Head::default();
        let checks = Checks { version: false, checksum: false, databases: usize::MAX };
        let _ = load_file::read(&mut FileSource::new(file, false, &mut |_| ()), &mut head, checks);
        let history = head.history.filter(|id| is_id(id))?;
        let offset = head.offset.filter(|offset| *offset <= LOG_OFFSET_MAX)?;
        Some(Place { history, offset, database: head.database.unwrap_or(0) })
    }
}

/// Takes what comes before the first key.
#[derive(Default)]
struct Head {
    history: Option<String>,
    offset: Option<u64>,
    database: Option<u32>,
}

impl Receiver for Head {
    fn begin(&mut self, _: u16) {}

    fn aux(&mut self, name: &[u8], value: &[u8]) {
        let Ok(text) = std::str::from_utf8(value) else { return };
        if name == ID.as_bytes() {
            self.history = Some(text.to_owned());
        } else if name == OFFSET.as_bytes() {
            self.offset = text.parse().ok();
        } else if name == DATABASE.as_bytes() {
            self.database = text.parse().ok();
        }
    }

    fn value(&mut self, _: &mut Particulars, _: u8, _: &mut FileSource<'_>) -> Result<(), Problem> {
        Err(Problem::Elsewhere)
    }

    fn passed_over(&mut self, _: &[u8]) {}
}
