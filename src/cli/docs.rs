//! The server's own documentation of its commands (COMMAND DOCS), for `help`, completion and hints.

use std::io::{self, Write};

use larder_proto::resp::{Value, split_args};

use super::hint::{self, Argument, Kind};
use super::session::{Connected, Session};
use super::stop::Stop;

/// One command or subcommand.
#[derive(Debug, Default)]
struct Command {
    /// In capitals, with the container's name before a subcommand's.
    name: String,
    summary: String,
    since: String,
    group: String,
    arguments: Vec<Argument>,
}

/// All commands, sorted by name. Empty if the server has no COMMAND DOCS.
#[derive(Debug, Default)]
pub(super) struct Docs {
    commands: Vec<Command>,
}

impl Docs {
    /// Asks the server, if there is a connection or one can be had.
    pub(super) fn load(session: &mut Session) -> Result<Docs, Stop> {
        if session.connection.is_none() && session.connect(true) == Connected::No {
            return Ok(Docs::default());
        }
        let Some(connection) = &mut session.connection else { return Ok(Docs::default()) };
        let reply = connection.call(&["COMMAND", "DOCS"]).unwrap_or(Value::Null);
        Ok(Docs::from_reply(&reply))
    }

    fn from_reply(reply: &Value) -> Docs {
        let mut commands = Vec::new();
        for (name, specs) in pairs(reply) {
            add_command(&text(name), "", specs, &mut commands);
        }
        commands.sort_by(|a, b| a.name.cmp(&b.name));
        Docs { commands }
    }

    /// Names of commands and, after `help`, of groups, that begin like the line.
    pub(super) fn completions(&self, line: &str) -> Vec<String> {
        let (before, typed) = match line.get(..5) {
            Some(word) if word.eq_ignore_ascii_case("help ") => line.split_at(line.len() - line[5..].trim_start().len()),
            _ => ("", line),
        };
        let mut names: Vec<String> = self.commands.iter().map(|command| command.name.clone()).collect();
        if !before.is_empty() {
            let mut groups: Vec<String> = self.commands.iter().map(|command| format!("@{}", command.group)).collect();
            groups.sort();
            groups.dedup();
            names.extend(groups);
        }
        let fits = |name: &String| name.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed));
        names.into_iter().filter(fits).map(|name| format!("{before}{name}")).collect()
    }

    /// What may follow the line. The last word counts once it is followed by a blank.
    pub(super) fn hint(&self, line: &str) -> Option<String> {
        let words = split_args(line.as_bytes())?;
        let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let ends_with_blank = line.ends_with(|c: char| c.is_ascii_whitespace());
        let count = if ends_with_blank { words.len() } else { words.len().saturating_sub(1) };
        // A single word may be a whole command that takes its first argument next.
        let words: Vec<&str> = words[..count].iter().map(String::as_str).collect();
        let (command, name_len) = self.longest_match(&words)?;
        hint::remaining(&command.arguments, &words[name_len..])
    }

    /// The command whose name is the longest beginning of the words.
    fn longest_match(&self, words: &[&str]) -> Option<(&Command, usize)> {
        (1..=words.len().min(2)).rev().find_map(|len| {
            let name = words[..len].join(" ").to_ascii_uppercase();
            let index = self.commands.binary_search_by(|command| command.name.cmp(&name)).ok()?;
            Some((&self.commands[index], len))
        })
    }

    /// Answers `help`, `help @group` and `help command`.
    pub(super) fn print_help(&self, topic: &[Vec<u8>]) -> Result<(), Stop> {
        let mut out = io::stdout().lock();
        let topic: Vec<String> = topic.iter().map(|word| String::from_utf8_lossy(word).to_ascii_uppercase()).collect();
        let Some(first) = topic.first() else {
            out.write_all(GENERAL_HELP.as_bytes())?;
            return Ok(());
        };
        if let Some(group) = first.strip_prefix('@') {
            for command in self.commands.iter().filter(|command| command.group.eq_ignore_ascii_case(group)) {
                out.write_all(describe(command, false).as_bytes())?;
            }
        } else {
            for command in &self.commands {
                let mut name = command.name.split(' ');
                if topic.iter().all(|word| name.next() == Some(word)) {
                    out.write_all(describe(command, true).as_bytes())?;
                }
            }
        }
        out.write_all(b"\r\n")?;
        Ok(())
    }
}

const GENERAL_HELP: &str = concat!(
    "larder-cli ",
    env!("CARGO_PKG_VERSION"),
    "\n\
To get help about commands type:\n      \
      \"help @<group>\" to list the commands of a group\n      \
      \"help <command>\" for help on a command\n      \
      \"help <tab>\" to see what there is help about\n      \
      \"quit\" to exit\n\
\n\
To set preferences:\n      \
      \":set hints\" enable online hints\n      \
      \":set nohints\" disable online hints\n\
Preferences may also stand in ~/.larderclirc\n"
);

fn describe(command: &Command, with_group: bool) -> String {
    let syntax = hint::syntax(&command.arguments);
    let mut out = format!("\r\n  \x1b[1m{}\x1b[0m \x1b[90m{syntax}\x1b[0m\r\n", command.name);
    for (name, text) in [("summary", &command.summary), ("since", &command.since), ("group", &command.group)] {
        if !text.is_empty() && (with_group || name != "group") {
            out += &format!("  \x1b[33m{name}:\x1b[0m {text}\r\n");
        }
    }
    out
}

/// Adds a command and its subcommands. `name` may be `container|name` for the latter.
fn add_command(name: &str, container: &str, specs: &Value, commands: &mut Vec<Command>) {
    let own_name = name.rsplit('|').next().unwrap_or(name).to_ascii_uppercase();
    let name = if container.is_empty() { own_name } else { format!("{container} {own_name}") };
    let mut command = Command { name: name.clone(), ..Command::default() };
    for (key, value) in pairs(specs) {
        match &text(key)[..] {
            "summary" => command.summary = text(value),
            "since" => command.since = text(value),
            "group" => command.group = text(value),
            "arguments" => command.arguments = arguments(value),
            "subcommands" => {
                for (subcommand, specs) in pairs(value) {
                    add_command(&text(subcommand), &name, specs, commands);
                }
            }
            _ => {}
        }
    }
    commands.push(command);
}

fn arguments(reply: &Value) -> Vec<Argument> {
    reply.as_items().unwrap_or_default().iter().map(argument).collect()
}

fn argument(reply: &Value) -> Argument {
    let mut argument = Argument::default();
    let (mut kind, mut display, mut parts) = (String::new(), None, Vec::new());
    for (key, value) in pairs(reply) {
        match &text(key)[..] {
            "name" => argument.name = text(value),
            "display_text" => display = Some(text(value)),
            // An empty word is typed as two quotes.
            "token" => argument.token = Some(text(value)).map(|token| if token.is_empty() { "\"\"".to_owned() } else { token }),
            "type" => kind = text(value),
            "arguments" => parts = arguments(value),
            "flags" => {
                let flags: Vec<String> = value.as_items().unwrap_or_default().iter().map(text).collect();
                let has = |name: &str| flags.iter().any(|flag| flag == name);
                argument.optional = has("optional");
                argument.multiple = has("multiple");
                argument.multiple_token = has("multiple_token");
            }
            _ => {}
        }
    }
    if let Some(display) = display {
        argument.name = display;
    }
    argument.kind = match &kind[..] {
        "integer" | "unix-time" => Kind::Integer,
        "double" => Kind::Double,
        "pure-token" => Kind::PureToken,
        "oneof" => Kind::OneOf(parts),
        "block" => Kind::Block(parts),
        _ => Kind::Word,
    };
    argument
}

/// Keys and values of a map, which RESP2 sends as a flat array.
fn pairs(reply: &Value) -> Vec<(&Value, &Value)> {
    match reply {
        Value::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
        Value::Array(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        _ => Vec::new(),
    }
}

fn text(reply: &Value) -> String {
    String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn bulk(text: &str) -> Value {
        Value::Bulk(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// A flat array (RESP2) or a map of texts and values.
    fn map(resp3: bool, pairs: Vec<(&str, Value)>) -> Value {
        if resp3 {
            return Value::Map(pairs.into_iter().map(|(key, value)| (bulk(key), value)).collect());
        }
        Value::Array(pairs.into_iter().flat_map(|(key, value)| [bulk(key), value]).collect())
    }

    fn docs(resp3: bool) -> Docs {
        let argument = |name: &str, kind: &str| map(resp3, vec![("name", bulk(name)), ("type", bulk(kind))]);
        let flags = Value::Set(vec![Value::Simple(Bytes::from("optional"))]);
        let count = map(resp3, vec![("name", bulk("n")), ("type", bulk("integer")), ("token", bulk("COUNT")), ("flags", flags)]);
        let get = map(resp3, vec![("arguments", Value::Array(vec![argument("parameter", "string"), count]))]);
        let config = map(
            resp3,
            vec![("summary", bulk("A container.")), ("group", bulk("server")), ("subcommands", map(resp3, vec![("config|get", get)]))],
        );
        let arguments = Value::Array(vec![argument("key", "key")]);
        let ttl = map(resp3, vec![("summary", bulk("Time.")), ("group", bulk("generic")), ("arguments", arguments)]);
        Docs::from_reply(&map(resp3, vec![("ttl", ttl), ("config", config)]))
    }

    #[test]
    fn hints_and_completions() {
        for docs in [docs(false), docs(true)] {
            for (line, hint) in [
                ("ttl ", Some("key")),
                ("TTL k ", Some("")),
                ("ttl k x ", None),
                ("config get ", Some("parameter [COUNT n]")),
                ("config get p CO", Some("[COUNT n]")),
                ("config get \"p q\" count ", Some("n")),
                ("nothing ", None),
                ("tt", None),
                ("\"", None),
            ] {
                assert_eq!(docs.hint(line).as_deref(), hint, "{line:?}");
            }
            assert_eq!(docs.completions("con"), ["CONFIG", "CONFIG GET"]);
            assert_eq!(docs.completions("help  @g"), ["help  @generic"]);
            assert_eq!(docs.completions("help t"), ["help TTL"]);
            assert_eq!(docs.completions("x"), Vec::<String>::new());
        }
    }
}
