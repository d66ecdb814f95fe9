//! Configuration files: no panic, a reason for every refusal, and what was accepted is accepted again as it is told.
//!
//! The words of each line, quoted, are the same words again.
//!
//! Files that name other files are left out: they would read what lies on this machine.

#![no_main]

use larder::config::line::quote;
use larder::config::{ConfigError, ConfigStore};
use libfuzzer_sys::fuzz_target;

const NAMES_FILES: &[&[u8]] = &[b"include", b"file", b"/"];

fn load(mut text: &[u8]) -> Result<ConfigStore, ConfigError> {
    ConfigStore::from_args(&["-".to_owned()], &mut text).map(|(store, _)| store)
}

/// All options with their values, but for those that only the command line may set.
fn told(store: &ConfigStore) -> Vec<(String, String)> {
    store.get(&[b"*"])
}

/// A line that splits into words does so again when each of them is quoted: as configuration lines, and as inline commands and the CLI's prompt.
fn check_words(line: &[u8]) {
    for split in [larder::config::line::split_args, larder_proto::resp::split_args] {
        let Some(words) = split(line) else { continue };
        let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
        assert_eq!(split(quoted.join(" ").as_bytes()).as_ref(), Some(&words), "{}", line.escape_ascii());
    }
}

fuzz_target!(|data: &[u8]| {
    data.split(|byte| *byte == b'\n').for_each(check_words);
    let lower = data.to_ascii_lowercase();
    if NAMES_FILES.iter().any(|name| lower.windows(name.len()).any(|window| window == *name)) {
        return;
    }
    match load(data) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(store) => {
            // Each option by itself: together they name some things twice, of which a file may have one. An empty value may be the one that
            // an option has as long as it is not set, and no word.
            for (name, value) in told(&store).iter().filter(|(_, value)| !value.is_empty()) {
                let texts = [format!("{name} {value}\n"), format!("{name} {}\n", quote(value.as_bytes()))];
                let errors: Vec<ConfigError> = texts.iter().filter_map(|text| load(text.as_bytes()).err()).collect();
                let is_refused = errors.len() == texts.len() && !errors.iter().any(is_together);
                assert!(!is_refused, "{name} {value:?}: {errors:?}");
            }
        }
    }
});

/// Options that are wrong only without the others of their file.
fn is_together(error: &ConfigError) -> bool {
    matches!(error, ConfigError::Whole { .. })
}
