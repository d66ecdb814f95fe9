//! What COMMAND and COMMAND DOCS say of our commands, compared with a real Valkey: arity, flags, keys, categories, tips and grammar
//! must be the same; summaries, complexities and history are in our own words. Each difference stands in [`DIFFERENCES`] with its reason, and a
//! difference that is gone must be taken off the list.

use std::collections::BTreeMap;

use larder_proto::resp::Value;

use crate::support::{Connection, Server};

/// Command, field and why it differs. An empty field stands for the whole command: Valkey does not have it.
const DIFFERENCES: &[(&str, &str, &str)] = &[];

/// Fields of COMMAND DOCS that are facts. Of `history`, the versions are compared too.
const DOCS_FACTS: &[&str] = &["since", "group", "doc_flags", "deprecated_since", "replaced_by", "arguments"];

/// Names of COMMAND INFO's elements.
const INFO_FIELDS: &[&str] = &["name", "arity", "flags", "first", "last", "step", "categories", "tips", "keys"];

type Fields = BTreeMap<String, String>;

/// A value as text in which sets and maps have one order; summaries are left out.
fn text(value: &Value) -> String {
    let sorted = |items: &[Value]| {
        let mut items: Vec<String> = items.iter().map(text).collect();
        items.sort();
        items.join(" ")
    };
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(" ")),
        Value::Set(items) => format!("{{{}}}", sorted(items)),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| (text(key), value)).filter(|(key, _)| key != "summary");
            let mut pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}: {}", text(value))).collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Simple(line) => String::from_utf8_lossy(line).into_owned(),
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_items().unwrap_or_else(|| panic!("expected an array, got {value:?}"))
}

fn pairs(value: &Value) -> &[(Value, Value)] {
    let Value::Map(pairs) = value else { panic!("expected a map, got {value:?}") };
    pairs
}

/// The elements of one command's COMMAND INFO, under its name, and those of its subcommands.
fn take_info(info: &Value, into: &mut BTreeMap<String, Fields>) {
    let elements = items(info);
    let fields = INFO_FIELDS.iter().zip(elements).map(|(name, value)| ((*name).to_owned(), text(value)));
    into.entry(text(&elements[0])).or_default().extend(fields);
    items(&elements[9]).iter().for_each(|sub| take_info(sub, into));
}

/// The facts of COMMAND DOCS, under the commands' names.
fn take_docs(docs: &Value, into: &mut BTreeMap<String, Fields>) {
    for (name, documentation) in pairs(docs) {
        let mut fields = Fields::new();
        for (field, value) in pairs(documentation) {
            let field = text(field);
            match field.as_str() {
                "history" => {
                    let mut versions: Vec<String> = items(value).iter().map(|change| text(&items(change)[0])).collect();
                    versions.sort();
                    fields.insert(field, versions.join(" "));
                }
                "subcommands" => take_docs(value, into),
                _ if DOCS_FACTS.contains(&field.as_str()) => {
                    fields.insert(field, text(value));
                }
                _ => {}
            }
        }
        into.entry(text(name)).or_default().extend(fields);
    }
}

/// All that a server says of its commands.
fn table(connection: &mut Connection) -> BTreeMap<String, Fields> {
    connection.call(&["HELLO", "3"]);
    let mut commands = BTreeMap::new();
    items(&connection.call(&["COMMAND"])).iter().for_each(|info| take_info(info, &mut commands));
    take_docs(&connection.call(&["COMMAND", "DOCS"]), &mut commands);
    commands
}

/// The facts in which two descriptions of a command differ.
fn differing(own: &Fields, other: &Fields) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = own.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| own.get(*name) != other.get(*name)).cloned().collect()
}

#[test]
fn commands_are_described_as_valkey_describes_them() {
    let Some(reference) = Server::reference("command_table", &[]) else { return };
    let theirs = table(&mut reference.connect());
    let ours = table(&mut Server::larder(&[]).connect());
    let mut found: Vec<(String, String)> = Vec::new();
    let mut report = String::new();
    for (name, own) in &ours {
        let Some(other) = theirs.get(name) else {
            found.push((name.clone(), String::new()));
            report.push_str(&format!("{name}: only ours\n"));
            continue;
        };
        for field in differing(own, other) {
            let show = |fields: &Fields| fields.get(&field).cloned().unwrap_or_default();
            report.push_str(&format!("{name} {field}:\n  ours   {}\n  theirs {}\n", show(own), show(other)));
            found.push((name.clone(), field));
        }
    }
    let mut listed: Vec<(String, String)> = DIFFERENCES.iter().map(|(name, field, _)| ((*name).to_owned(), (*field).to_owned())).collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed, "differences found (left) and listed (right):\n{report}");
}

/// What is said to be to come is what Valkey has and we do not.
#[test]
fn commands_to_come_are_those_that_valkey_has_and_we_do_not() {
    let Some(valkey) = Server::reference("commands_to_come", &[]) else { return };
    let larder = Server::larder(&[]);
    let names = |server: &Server| -> std::collections::BTreeSet<String> {
        items(&server.connect().call(&["COMMAND", "LIST"])).iter().map(text).collect()
    };
    let (theirs, ours) = (names(&valkey), names(&larder));
    let missing: Vec<&String> = theirs.difference(&ours).collect();
    // Of a container that is missing as a whole, its own name says all.
    let is_whole = |name: &&&String| !name.split_once('|').is_some_and(|(container, _)| missing.iter().any(|name| *name == container));
    let expected: Vec<&str> = missing.iter().filter(is_whole).map(|name| name.as_str()).collect();
    assert_eq!(larder::commands::TO_COME, expected);
    let mut client = larder.connect();
    for (request, reply) in [
        (vec!["MIGRATE", "h", "1"], "ERR unknown command 'migrate': this version does not have it yet"),
        (vec!["cluster", "Failover"], "ERR unknown command 'cluster failover': this version does not have it yet"),
        (vec!["MIGRATEE", "k"], "ERR unknown command 'MIGRATEE', with args beginning with: 'k' "),
        (vec!["CLUSTER", "WHAT"], "ERR unknown subcommand 'WHAT'. Try CLUSTER HELP."),
    ] {
        assert_eq!(client.call(&request), Value::Error(reply.into()), "{request:?}");
    }
}
