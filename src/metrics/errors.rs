//! Errors replied, by code (INFO errorstats).

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Codes counted; further ones are dropped, since a script can invent codes without end.
const CODES_MAX: usize = 128;
/// Longest code counted as it is.
const CODE_LEN_MAX: usize = 64;

/// See the module's page.
#[derive(Debug, Default)]
pub struct ErrorStats {
    counts: Mutex<BTreeMap<String, u64>>,
}

impl ErrorStats {
    /// Counts an error by its text after `-`, of which the first word is the code.
    pub fn count(&self, text: impl AsRef<[u8]>) {
        let code = text.as_ref().split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = &*String::from_utf8_lossy(code);
        if code.is_empty() || code.len() > CODE_LEN_MAX {
            return;
        }
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(code) {
            *count += 1;
        } else if counts.len() < CODES_MAX {
            counts.insert(code.to_owned(), 1);
        }
    }

    /// All codes with their counts.
    pub fn all(&self) -> Vec<(String, u64)> {
        self.counts.lock().iter().map(|(code, count)| (code.clone(), *count)).collect()
    }

    /// Sum over all codes.
    pub fn total(&self) -> u64 {
        self.counts.lock().values().sum()
    }

    /// Forgets all.
    pub fn reset(&self) {
        self.counts.lock().clear();
    }
}
