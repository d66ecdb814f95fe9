//! An option that can be set does something, or says that it does not.

use larder::config::Status;
use larder::config::rows;

use crate::tidy::rust_files;

/// Options that nothing needs to read, and why.
const EXCEPTIONS: &[(&str, &str)] =
    &[("shutdown-on-sigint", "all words that its check lets through mean the same"), ("shutdown-on-sigterm", "as shutdown-on-sigint")];

/// Where options are declared and stored, which is not reading them.
const DECLARATIONS: [&str; 2] = ["src/config/rows/", "src/config/custom.rs"];

/// The text without the tests at its end.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod tests {").map_or(text, |end| &text[..=end])
}

#[test]
fn every_option_is_read_or_marked_as_without_effect() {
    let sources: Vec<String> = rust_files(&["src"])
        .into_iter()
        .filter(|(name, _)| !DECLARATIONS.iter().any(|place| name.starts_with(place)) && !name.starts_with("src/cli/"))
        .map(|(_, text)| without_tests(&text).to_owned())
        .collect();
    let is_read = |name: &str| {
        let field = format!(".{}", name.replace('-', "_"));
        let is_field = |text: &str| {
            let ends = text.match_indices(&field).map(|(at, _)| text[at + field.len()..].chars().next());
            ends.into_iter().any(|next| !next.is_some_and(|next| next.is_alphanumeric() || next == '_' || next == '('))
        };
        sources.iter().any(|text| is_field(text) || text.contains(&format!("\"{name}\"")))
    };
    let unread: Vec<&str> = rows::all()
        .filter(|row| row.status == Status::Works && !EXCEPTIONS.iter().any(|(name, _)| *name == row.name))
        .filter(|row| !is_read(row.name))
        .map(|row| row.name)
        .collect();
    assert_eq!(unread, Vec::<&str>::new(), "nothing reads these: mark their rows as without effect");
}
