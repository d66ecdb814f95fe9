//! What is written from the table for people: `config/larder.conf` and the compatibility table.

use super::defaults::DEFAULTS;
use super::line::quote;
use super::row::{Row, Status};
use super::rows::{self, SECTIONS};

/// Columns that a comment in `config/larder.conf` takes at most.
const COLUMNS: usize = 100;

const PREAMBLE: &str = "\
# Options of larder-server, with their defaults. This file changes nothing as it stands: each option
# is a comment. Start the server with it as its first argument:
#
#   larder-server /etc/larder/larder.conf
#
# One option per line: its name, then its value or values. Values that hold blanks stand in quotes;
# double quotes know \\n, \\r, \\t and \\xHH. Any option can also follow on the command line, where it
# overrides the file:
#
#   larder-server /etc/larder/larder.conf --port 6380 --loglevel verbose
#
# A dash as the first or last argument reads further lines from standard input.
#
# Amounts of memory may carry a unit: k, m, g count in thousands, kb, mb, gb in powers of 1024.
#
# CONFIG SET changes an option while the server runs, unless it says \"At start only\"; CONFIG REWRITE
# then writes the changes into the file.
#
# Options of Valkey that have no effect here are accepted, and named in the log at start. Options
# that would switch on what this version does not have take only the value that leaves it off.

";

const DIRECTIVES: &str = "
# Reads another file in this place. A pattern such as conf.d/*.conf reads all files that match.
# include /etc/larder/local.conf

# Gives a command another name, or with an empty name takes it away. Clients and scripts that use
# the old name then fail.
# rename-command FLUSHALL \"\"
";

/// The content of `config/larder.conf`.
pub fn generate_conf() -> String {
    let mut conf = String::from(PREAMBLE);
    for section in SECTIONS {
        push_heading(&mut conf, section.title);
        for row in section.rows.iter().filter(|row| !row.is_hidden) {
            conf.push('\n');
            push_row(&mut conf, row);
        }
        conf.push('\n');
    }
    push_heading(&mut conf, "Directives");
    conf.push_str(DIRECTIVES);
    conf
}

fn push_heading(conf: &mut String, title: &str) {
    let title = format!("################ {title} ");
    conf.push_str(&title);
    conf.push_str(&"#".repeat(COLUMNS.saturating_sub(title.len())));
    conf.push('\n');
}

fn push_row(conf: &mut String, row: &Row) {
    push_comment(conf, row.doc);
    let mut facts = format!("Takes {}.", row.allowed());
    if row.example.is_some() && !row.is_default_found_out {
        let default = row.get(&DEFAULTS);
        let default = if default.is_empty() { "not set".to_owned() } else { default };
        facts.push_str(&format!(" Default: {default}."));
    }
    if row.is_immutable || row.is_fixed {
        facts.push_str(" At start only.");
    }
    if let Some(alias) = row.alias {
        facts.push_str(&format!(" Also called {alias}."));
    }
    push_comment(conf, &facts);
    match row.status {
        Status::Works => {}
        Status::NoEffect(reason) => push_comment(conf, &format!("No effect: {reason}.")),
        Status::Later(reason) => push_comment(conf, &format!("Default only: {reason}.")),
    }
    for line in shown_lines(row) {
        conf.push_str(&format!("# {line}\n"));
    }
}

/// The lines that set the option: to its example, else to its default.
fn shown_lines(row: &Row) -> Vec<String> {
    if let Some(example) = row.example {
        return vec![format!("{} {example}", row.name)];
    }
    let (lines, _) = row.lines(&DEFAULTS);
    if !lines.is_empty() {
        return lines;
    }
    // CONFIG REWRITE writes no line for such an option.
    let default = row.get(&DEFAULTS);
    let default = if default.is_empty() { quote(b"") } else { default };
    vec![format!("{} {default}", row.name)]
}

fn push_comment(conf: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > COLUMNS {
            conf.push_str(&line);
            conf.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    conf.push_str(&line);
    conf.push('\n');
}

/// A Markdown table of all options with how far this version honours each.
pub fn compatibility_table() -> String {
    let mut table = String::from("| option | also called | status | |\n|---|---|---|---|\n");
    for row in rows::all() {
        let (status, reason) = match row.status {
            Status::Works => ("works", ""),
            Status::NoEffect(reason) => ("no effect", reason),
            Status::Later(reason) => ("not yet", reason),
        };
        table.push_str(&format!("| {} | {} | {status} | {reason} |\n", row.name, row.alias.unwrap_or("")));
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{compatibility_table, generate_conf};
    use crate::config::line::quote;
    use crate::config::row::Kind;
    use crate::config::rows;

    const CONF_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/larder.conf");
    const DICTIONARY_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/dictionaries/config_file");

    /// For the fuzz target `config_file`: the options' names and what they may be, without which hardly a line of bytes names one.
    fn dictionary() -> String {
        let mut words: BTreeSet<&str> = ["yes", "no", "1gb", "50%", "0644", "-1"].into();
        for row in rows::all() {
            words.extend([row.name].into_iter().chain(row.alias));
            if matches!(row.kind, Kind::Word { .. } | Kind::WordSet { .. }) {
                words.extend(row.words());
            }
        }
        // The target passes over lines that name files.
        let lines = words.iter().filter(|word| !word.is_empty() && !word.contains("file") && !word.contains("include"));
        lines.map(|word| quote(word.as_bytes())).map(|word| format!("\"{}\"\n", word.trim_matches('"'))).collect()
    }

    /// Run with `UPDATE_CONF=1` to write it anew.
    #[test]
    fn the_fuzz_target_knows_all_options() {
        if std::env::var_os("UPDATE_CONF").is_some() {
            std::fs::create_dir_all(std::path::Path::new(DICTIONARY_PATH).parent().unwrap()).unwrap();
            std::fs::write(DICTIONARY_PATH, dictionary()).unwrap();
        }
        let there = std::fs::read_to_string(DICTIONARY_PATH).unwrap_or_default();
        assert!(there == dictionary(), "tests/fuzz/dictionaries/config_file differs from the table: run the tests with UPDATE_CONF=1");
    }

    /// Run with `UPDATE_CONF=1` to write the file anew.
    #[test]
    fn the_shipped_file_is_what_the_table_says() {
        if std::env::var_os("UPDATE_CONF").is_some() {
            std::fs::write(CONF_PATH, generate_conf()).unwrap();
        }
        let shipped = std::fs::read_to_string(CONF_PATH).unwrap_or_default();
        assert!(shipped == generate_conf(), "config/larder.conf differs from the table: run the tests with UPDATE_CONF=1");
    }

    #[test]
    fn the_file_is_narrow_and_names_every_option_that_is_not_hidden() {
        let conf = generate_conf();
        for line in conf.lines().filter(|line| !line.starts_with("# client-output")) {
            assert!(line.len() <= super::COLUMNS, "{line}");
        }
        for row in rows::all() {
            let is_named = conf.contains(&format!("\n# {} ", row.name));
            assert_eq!(is_named, !row.is_hidden, "{}", row.name);
        }
    }

    #[test]
    fn the_compatibility_table_has_a_line_for_each_option() {
        assert_eq!(compatibility_table().lines().count(), 2 + rows::all().count());
    }
}
