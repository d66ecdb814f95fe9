//! Which source file of a crate imports which: the files' `use` lines and inline paths, resolved to where a name is defined.
//!
//! `mod child;` and a re-export of what lies below (`pub use child::X` in the `mod.rs` of its folder) are no imports; a name taken from
//! a folder counts for the file that defines it. Tests and comments do not count. Only names are seen: a method that is called without
//! its type being named is not.

use std::collections::{BTreeMap, BTreeSet};

/// A file's imports: the file that defines a name, and such names.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// All files of a crate with their imports.
pub(crate) struct ImportGraph(BTreeMap<String, Imports>);

/// Files that reach each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    pub(crate) files: Vec<String>,
    /// `who -> whom: the names`.
    pub(crate) imports: Vec<String>,
}

impl Circle {
    /// The innermost folder with all of the circle's files.
    pub(crate) fn folder(&self) -> &str {
        let (first, last) = (&self.files[0], &self.files[self.files.len() - 1]);
        let common = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        first[..common].rfind('/').map_or("", |end| &first[..end])
    }
}

impl ImportGraph {
    /// The graph of the crate whose root is the file `root`, out of all files by name.
    pub(crate) fn of(root: &str, files: &[(String, String)]) -> Self {
        let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut reader = Reader { texts, modules: Vec::new() };
        reader.read_file(root, None);
        let mut graph: BTreeMap<String, Imports> = reader.modules.iter().map(|module| (module.file.clone(), Imports::new())).collect();
        for (number, module) in reader.modules.iter().enumerate() {
            for reference in &module.references {
                let file = match reader.resolve(number, &reference.path, 0) {
                    Some(Target::Item(file)) => file,
                    Some(Target::Module(source)) if reference.is_glob => reader.modules[source].file.clone(),
                    _ => continue,
                };
                let folder = module.file.rfind('/').map_or("", |end| &module.file[..=end]);
                let is_listing = reference.is_reexport && is_folder_root(&module.file) && file.starts_with(folder);
                let is_spelt_out = reference.path.len() > 1 || module.names.get(&reference.path[0]).is_some_and(|name| name.is_reexport);
                if file != module.file && !is_listing && is_spelt_out {
                    let names = graph.entry(module.file.clone()).or_default().entry(file).or_default();
                    names.extend(reference.path.last().cloned());
                }
            }
        }
        Self(graph)
    }

    /// Whom a file imports.
    pub(crate) fn imports(&self, file: &str) -> Vec<&str> {
        self.0[file].keys().map(String::as_str).collect()
    }

    /// All files that can be reached from a file by at least one import.
    fn reached<'g>(&'g self, file: &'g str) -> BTreeSet<&'g str> {
        let mut found = BTreeSet::new();
        let mut pending = vec![file];
        while let Some(file) = pending.pop() {
            pending.extend(self.0[file].keys().map(String::as_str).filter(|import| found.insert(*import)));
        }
        found
    }

    /// The circles, each with all its files and the imports among them.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let reached: BTreeMap<&str, BTreeSet<&str>> = self.0.keys().map(|file| (file.as_str(), self.reached(file))).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (file, others) in &reached {
            let files: Vec<&str> = others.iter().copied().filter(|other| reached[other].contains(file)).collect();
            if files.len() < 2 || !seen.insert(files.clone()) {
                continue;
            }
            let mut imports = Vec::new();
            for who in &files {
                for (whom, names) in self.0[*who].iter().filter(|(whom, _)| files.contains(&whom.as_str())) {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    imports.push(format!("{who} -> {whom}: {}", names.join(", ")));
                }
            }
            circles.push(Circle { files: files.into_iter().map(str::to_owned).collect(), imports });
        }
        circles
    }
}

fn is_folder_root(file: &str) -> bool {
    file.ends_with("/mod.rs") || file.ends_with("/lib.rs")
}

/// What a path leads to.
enum Target {
    Module(usize),
    /// Something defined in this file.
    Item(String),
}

/// A module: a file, or a `mod name { ... }` inside one.
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What `use` brings in by name.
    names: BTreeMap<String, Name>,
    /// Paths of `use path::*`.
    globs: Vec<Vec<String>>,
    definitions: BTreeSet<String>,
    references: Vec<Reference>,
}

struct Name {
    path: Vec<String>,
    is_reexport: bool,
}

struct Reference {
    path: Vec<String>,
    is_reexport: bool,
    is_glob: bool,
}

/// Reads the modules of a crate from its root on.
struct Reader<'t> {
    texts: BTreeMap<&'t str, &'t str>,
    modules: Vec<Module>,
}

const DEFINING: [&str; 8] = ["fn", "struct", "enum", "union", "const", "static", "type", "trait"];

impl Reader<'_> {
    fn add(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            names: BTreeMap::new(),
            globs: Vec::new(),
            definitions: BTreeSet::new(),
            references: Vec::new(),
        });
        self.modules.len() - 1
    }

    fn read_file(&mut self, file: &str, parent: Option<usize>) -> usize {
        let text = self.texts[file];
        let tokens = without_test_items(tokens(text));
        let module = self.add(file, parent);
        self.read_tokens(&tokens, module);
        module
    }

    /// The file of `mod name;` in a file.
    fn child_file(&self, file: &str, name: &str) -> Option<String> {
        let folder = if is_folder_root(file) { &file[..=file.rfind('/')?] } else { &format!("{}/", file.strip_suffix(".rs")?) };
        let candidates = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
        candidates.into_iter().find(|candidate| self.texts.contains_key(candidate.as_str()))
    }

    fn read_tokens(&mut self, tokens: &[&str], module: usize) {
        let file = self.modules[module].file.clone();
        let token = |at: usize| tokens.get(at).copied().unwrap_or("");
        let (mut at, mut depth) = (0, 0);
        while at < tokens.len() {
            let before = if at == 0 { "" } else { tokens[at - 1] };
            match tokens[at] {
                "{" => depth += 1,
                "}" => depth -= 1,
                "mod" if token(at + 2) == ";" => {
                    if let Some(child_file) = self.child_file(&file, token(at + 1)) {
                        let child = self.read_file(&child_file, Some(module));
                        self.modules[module].children.insert(token(at + 1).to_owned(), child);
                    }
                    at += 2;
                }
                "mod" if token(at + 2) == "{" => {
                    let end = at + 2 + length_of_group(&tokens[at + 2..]);
                    let child = self.add(&file, Some(module));
                    self.modules[module].children.insert(token(at + 1).to_owned(), child);
                    self.read_tokens(&tokens[at + 3..end - 1], child);
                    at = end - 1;
                }
                // `use<'a>` in a type says what it borrows.
                "use" if token(at + 1) != "<" => {
                    let end = at + tokens[at..].iter().position(|token| *token == ";").unwrap_or(0);
                    let is_reexport = before == "pub" || before == ")";
                    self.read_use(&tokens[at + 1..end], module, is_reexport);
                    at = end;
                }
                "macro_rules" if depth == 0 => {
                    self.modules[module].definitions.insert(token(at + 2).to_owned());
                }
                word if DEFINING.contains(&word) && depth == 0 => {
                    self.modules[module].definitions.insert(token(at + 1).to_owned());
                }
                word if is_word(word) && before != "." && before != "::" && !DEFINING.contains(&before) => {
                    let mut path = vec![word.to_owned()];
                    while token(at + 1) == "::" && is_word(token(at + 2)) {
                        path.push(token(at + 2).to_owned());
                        at += 2;
                    }
                    // A field of this name is something else.
                    if path.len() > 1 || token(at + 1) != ":" {
                        self.modules[module].references.push(Reference { path, is_reexport: false, is_glob: false });
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Notes the names that a `use` brings in.
    fn read_use(&mut self, tree: &[&str], module: usize, is_reexport: bool) {
        let mut leaves = Vec::new();
        read_tree(tree, &[], &mut leaves);
        let module = &mut self.modules[module];
        for (path, name) in leaves {
            let is_glob = name == "*";
            if is_glob {
                module.globs.push(path.clone());
            } else {
                module.names.insert(name, Name { path: path.clone(), is_reexport });
            }
            module.references.push(Reference { path, is_reexport, is_glob });
        }
    }

    /// What a path leads to that stands in a module; None for other crates and local names.
    fn resolve(&self, module: usize, path: &[String], hops: usize) -> Option<Target> {
        // A name that stands for itself, such as `use fmt::fmt`, is of another crate.
        if hops > 20 {
            return None;
        }
        let mut current = Target::Module(module);
        for (at, word) in path.iter().enumerate() {
            let Target::Module(here) = current else { break };
            let is_last = at + 1 == path.len();
            current = match word.as_str() {
                "crate" => Target::Module(0),
                "self" => Target::Module(here),
                "super" => Target::Module(self.modules[here].parent?),
                word => match self.lookup(here, word, is_last, hops)? {
                    Some(target) => target,
                    None if at == 0 => return None,
                    None => Target::Item(self.modules[here].file.clone()),
                },
            };
        }
        Some(current)
    }

    /// What a name stands for in a module: None if it belongs to another crate, `Some(None)` if the module does not show it.
    #[allow(clippy::option_option, reason = "two different ways of not knowing")]
    fn lookup(&self, module: usize, word: &str, is_last: bool, hops: usize) -> Option<Option<Target>> {
        let here = &self.modules[module];
        let child = here.children.get(word).map(|child| Target::Module(*child));
        // At the end of a path a function may have the name of a module: `super::rename(..)`.
        if !is_last && child.is_some() {
            return Some(child);
        }
        if here.definitions.contains(word) {
            return Some(Some(Target::Item(here.file.clone())));
        }
        if let Some(name) = here.names.get(word) {
            return self.resolve(module, &name.path, hops + 1).map(Some);
        }
        if child.is_some() {
            return Some(child);
        }
        for glob in &here.globs {
            if let Some(Target::Module(source)) = self.resolve(module, glob, hops + 1)
                && let Some(Some(target)) = self.lookup(source, word, is_last, hops + 1)
            {
                return Some(Some(target));
            }
        }
        Some(None)
    }
}

/// Flattens `a::{b, c as d, e::*}` into paths with the name each is known by here.
fn read_tree(tree: &[&str], start: &[String], leaves: &mut Vec<(Vec<String>, String)>) {
    let mut path = start.to_vec();
    let mut at = 0;
    while at < tree.len() {
        match tree[at] {
            "::" => {}
            "{" => {
                let end = at + length_of_group(&tree[at..]) - 1;
                for branch in split_at_commas(&tree[at + 1..end]) {
                    read_tree(branch, &path, leaves);
                }
                return;
            }
            "*" => return leaves.push((path, "*".to_owned())),
            "as" => return leaves.push((path, tree[at + 1].to_owned())),
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let Some(name) = path.last().cloned() {
        leaves.push((path, name));
    }
}

fn split_at_commas<'a, 't>(tokens: &'a [&'t str]) -> Vec<&'a [&'t str]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        *token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// How many tokens the group takes that starts with the first one.
fn length_of_group(tokens: &[&str]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The tokens without what is marked `#[cfg(test)]`.
fn without_test_items(tokens: Vec<&str>) -> Vec<&str> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].starts_with(&MARK) {
            kept.push(tokens[at]);
            at += 1;
            continue;
        }
        at += MARK.len();
        while tokens[at..].starts_with(&["#", "["]) {
            at += 1 + length_of_group(&tokens[at + 1..]);
        }
        while at < tokens.len() && tokens[at] != ";" && tokens[at] != "}" {
            let is_body = tokens[at] == "{";
            at += length_of_group(&tokens[at..]);
            if is_body {
                break;
            }
        }
        at += usize::from(tokens.get(at) == Some(&";"));
    }
    kept
}

/// Words, `::` and single characters of a source text, without comments, literals and lifetimes.
fn tokens(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        at += match bytes[at] {
            b' ' | b'\n' | b'\t' | b'\r' => 1,
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'"' => length_of_string(rest),
            b'\'' => length_of_quote(rest),
            b'r' | b'b' | b'c' if length_of_prefixed(rest) > 0 => length_of_prefixed(rest),
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
                found.push(&rest[..length]);
                length
            }
            _ if rest.starts_with("::") => {
                found.push("::");
                2
            }
            byte if byte.is_ascii() => {
                found.push(&rest[..1]);
                1
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    found
}

/// The length of a string literal at the start of a text.
fn length_of_string(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// The length of a character or a lifetime at the start of a text.
fn length_of_quote(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    let Some((_, first)) = chars.next() else { return 1 };
    if first == '\\' {
        return text[3..].find('\'').map_or(text.len(), |end| end + 4);
    }
    match chars.next() {
        Some((at, '\'')) => at + 1,
        _ => 1 + text[1..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count(),
    }
}

/// The length of a literal with a prefix (`b"..."`, `b'.'`, `r#"..."#`) at the start of a text, 0 if there is none.
fn length_of_prefixed(text: &str) -> usize {
    let prefix = text.bytes().take_while(|byte| b"rbc".contains(byte)).count();
    let rest = &text[prefix..];
    if text[..prefix].ends_with('r') {
        let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
        if !rest[hashes..].starts_with('"') {
            return 0;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + hashes + 1;
        return text[start..].find(&end).map_or(text.len(), |length| start + length + end.len());
    }
    match (&text[..prefix], rest.as_bytes().first()) {
        ("b" | "c", Some(b'"')) => prefix + length_of_string(rest),
        ("b", Some(b'\'')) => prefix + length_of_quote(rest),
        _ => 0,
    }
}
