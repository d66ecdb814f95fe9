//! What may follow the words typed so far: matching words against a command's argument grammar, and writing the part
//! of the grammar that is left.
//!
//! The grammar is COMMAND DOCS': a sequence of arguments, each optional, repeated or introduced by a token. Optional
//! arguments that stand together may come in any order.

/// One argument of a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Argument {
    /// How it is shown.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The word that introduces it.
    pub(super) token: Option<String>,
    pub(super) optional: bool,
    pub(super) multiple: bool,
    /// A repetition repeats the token as well.
    pub(super) multiple_token: bool,
}

/// What an argument is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Kind {
    /// Any word.
    #[default]
    Word,
    Integer,
    Double,
    /// Nothing but its token.
    PureToken,
    /// One of several.
    OneOf(Vec<Argument>),
    /// All of them in order.
    Block(Vec<Argument>),
}

/// How much of an argument has been typed.
#[derive(Clone, Debug, Default)]
struct Typed {
    /// Words that belong to it; 0: it has not been begun.
    words: usize,
    token: bool,
    /// Nothing is missing (more repetitions may follow).
    whole: bool,
    /// What was typed after it has closed it.
    closed: bool,
    parts: Vec<Typed>,
}

/// The syntax of all arguments.
pub(super) fn syntax(arguments: &[Argument]) -> String {
    sequence(arguments, &vec![Typed::default(); arguments.len()], " ")
}

/// The syntax of what is missing after `words`. `None`: the words do not fit.
pub(super) fn remaining(arguments: &[Argument], words: &[&str]) -> Option<String> {
    let (used, typed) = match_sequence(arguments, words)?;
    (used == words.len()).then(|| sequence(arguments, &typed, " "))
}

/// Matches words against arguments in order. `None`: a required argument does not fit the words.
fn match_sequence(arguments: &[Argument], words: &[&str]) -> Option<(usize, Vec<Typed>)> {
    let mut typed = vec![Typed::default(); arguments.len()];
    let (mut used, mut index) = (0, 0);
    while used < words.len() && index < arguments.len() {
        let group = arguments[index..].iter().take_while(|argument| argument.optional).count();
        if group > 0 {
            used += match_options(&arguments[index..index + group], &words[used..], &mut typed[index..index + group]);
            index += group;
        } else {
            typed[index] = match_argument(&arguments[index], &words[used..]);
            if typed[index].words == 0 {
                return None;
            }
            used += typed[index].words;
            index += 1;
        }
    }
    Some((used, typed))
}

/// Matches words against optional arguments in any order; returns how many words were used.
fn match_options(options: &[Argument], words: &[&str], typed: &mut [Typed]) -> usize {
    let mut used = 0;
    let mut last: Option<usize> = None;
    while used < words.len() {
        let found = (0..options.len()).filter(|&index| typed[index].words == 0).find_map(|index| {
            let attempt = match_argument(&options[index], &words[used..]);
            (attempt.words > 0).then_some((index, attempt))
        });
        let Some((index, attempt)) = found else { break };
        if let Some(last) = last {
            typed[last].closed = true;
        }
        used += attempt.words;
        typed[index] = attempt;
        last = Some(index);
    }
    used
}

/// Matches an argument with all its repetitions. No words: it does not fit.
fn match_argument(argument: &Argument, words: &[&str]) -> Typed {
    let mut typed = match_once(argument, words, argument.token.is_some());
    if !argument.multiple {
        typed.closed = typed.whole;
        return typed;
    }
    while typed.whole && typed.words < words.len() {
        let again = match_once(argument, &words[typed.words..], argument.multiple_token);
        if again.words == 0 {
            break;
        }
        typed = Typed { words: typed.words + again.words, token: true, ..again };
    }
    typed
}

fn match_once(argument: &Argument, words: &[&str], with_token: bool) -> Typed {
    let mut typed = Typed::default();
    let mut rest = words;
    if let (true, Some(token)) = (with_token, &argument.token) {
        match rest {
            [first, after @ ..] if is_token(token, first) => rest = after,
            _ => return typed,
        }
        typed = Typed { words: 1, token: true, whole: argument.kind == Kind::PureToken, ..typed };
        if typed.whole || rest.is_empty() {
            return typed;
        }
    }
    let Some(first) = rest.first() else { return typed };
    let fits = match &argument.kind {
        Kind::PureToken => false,
        Kind::Word => true,
        Kind::Integer => starts_with_number(first),
        Kind::Double => starts_with_number(first) || first.trim_start_matches(['-', '+']).starts_with("inf"),
        Kind::OneOf(choices) => {
            typed.parts = vec![Typed::default(); choices.len()];
            let found = choices.iter().map(|choice| match_argument(choice, rest)).enumerate().find(|(_, part)| part.words > 0);
            if let Some((index, part)) = found {
                typed.words += part.words;
                typed.whole = part.whole;
                typed.parts[index] = part;
                return typed;
            }
            false
        }
        Kind::Block(parts) => {
            if let Some((used, parts_typed)) = match_sequence(parts, rest).filter(|(used, _)| *used > 0) {
                typed.words += used;
                typed.whole = parts_typed.iter().all(|part| part.whole);
                typed.parts = parts_typed;
                return typed;
            }
            false
        }
    };
    if !fits {
        return Typed::default();
    }
    Typed { words: typed.words + 1, whole: true, ..typed }
}

/// An empty token stands for two quotes with nothing between them.
fn is_token(token: &str, word: &str) -> bool {
    token.eq_ignore_ascii_case(word) || (token == "\"\"" && word.is_empty())
}

/// Whether a number begins here. As with the scanning functions of C, rubbish may follow.
fn starts_with_number(word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit())
}

/// What is missing of several arguments.
fn sequence(arguments: &[Argument], typed: &[Typed], separator: &str) -> String {
    let mut parts = Vec::new();
    let mut index = 0;
    while index < arguments.len() {
        let group = arguments[index..].iter().take_while(|argument| argument.optional).count();
        if group == 0 {
            parts.push(missing(&arguments[index], &typed[index]));
            index += 1;
            continue;
        }
        let options = || arguments[index..index + group].iter().zip(&typed[index..index + group]);
        let begun = |typed: &Typed| typed.words > 0;
        // What was begun must be completed first.
        parts.extend(options().filter(|(_, typed)| begun(typed)).map(|(argument, typed)| missing(argument, typed)));
        // A required argument closes the options before it.
        if typed.get(index + group).is_none_or(|next| !begun(next)) {
            parts.extend(options().filter(|(_, typed)| !begun(typed)).map(|(argument, typed)| missing(argument, typed)));
        }
        index += group;
    }
    parts.retain(|part| !part.is_empty());
    parts.join(separator)
}

/// What is missing of one argument.
fn missing(argument: &Argument, typed: &Typed) -> String {
    if typed.closed {
        return String::new();
    }
    let mut parts = Vec::new();
    if !typed.token {
        parts.extend(argument.token.clone());
    }
    if !typed.whole {
        parts.push(body(argument, typed));
    } else if let Kind::Block(arguments) = &argument.kind {
        parts.push(sequence(arguments, &typed.parts, " "));
    }
    if argument.multiple {
        let mut again = Vec::new();
        if argument.multiple_token {
            again.extend(argument.token.clone());
        }
        again.push(body(argument, &Typed::default()));
        again.push("...".to_owned());
        again.retain(|part| !part.is_empty());
        parts.push(format!("[{}]", again.join(" ")));
    }
    parts.retain(|part| !part.is_empty());
    let text = parts.join(" ");
    if argument.optional && typed.words == 0 { format!("[{text}]") } else { text }
}

/// What is missing of an argument after its token.
fn body(argument: &Argument, typed: &Typed) -> String {
    let untyped = |arguments: &[Argument]| vec![Typed::default(); arguments.len()];
    match &argument.kind {
        Kind::PureToken => String::new(),
        Kind::Word | Kind::Integer | Kind::Double => argument.name.clone(),
        Kind::Block(parts) if typed.parts.is_empty() => sequence(parts, &untyped(parts), " "),
        Kind::Block(parts) => sequence(parts, &typed.parts, " "),
        Kind::OneOf(choices) => match typed.parts.iter().position(|part| part.words > 0) {
            Some(chosen) => missing(&choices[chosen], &typed.parts[chosen]),
            None => sequence(choices, &untyped(choices), "|"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(name: &str, kind: Kind) -> Argument {
        Argument { name: name.to_owned(), kind, ..Argument::default() }
    }

    fn token(name: &str) -> Argument {
        Argument { token: Some(name.to_owned()), ..argument(name, Kind::PureToken) }
    }

    fn with_token(token: &str, argument: Argument) -> Argument {
        Argument { token: Some(token.to_owned()), ..argument }
    }

    fn optional(argument: Argument) -> Argument {
        Argument { optional: true, ..argument }
    }

    fn multiple(argument: Argument) -> Argument {
        Argument { multiple: true, ..argument }
    }

    fn word(name: &str) -> Argument {
        argument(name, Kind::Word)
    }

    fn integer(name: &str) -> Argument {
        argument(name, Kind::Integer)
    }

    /// Each line: what was typed, and what remains.
    fn check(arguments: &[Argument], cases: &[(&str, Option<&str>)]) {
        for (typed, expected) in cases {
            let words: Vec<&str> = typed.split_whitespace().collect();
            assert_eq!(remaining(arguments, &words).as_deref(), *expected, "after {typed:?}");
        }
        assert_eq!(Some(syntax(arguments)), remaining(arguments, &[]));
    }

    #[test]
    fn optional_arguments_come_in_any_order() {
        let set = [
            word("key"),
            word("value"),
            optional(argument("condition", Kind::OneOf(vec![token("NX"), token("XX")]))),
            optional(token("GET")),
            optional(argument("expiration", Kind::OneOf(vec![with_token("EX", integer("seconds")), token("KEEPTTL")]))),
        ];
        check(
            &set,
            &[
                ("", Some("key value [NX|XX] [GET] [EX seconds|KEEPTTL]")),
                ("k", Some("value [NX|XX] [GET] [EX seconds|KEEPTTL]")),
                ("k v EX", Some("seconds [NX|XX] [GET]")),
                ("k v ex 3", Some("[NX|XX] [GET]")),
                ("k v GET XX", Some("[EX seconds|KEEPTTL]")),
                ("k v foo", None),
                ("k v EX soon", None),
                ("k v KEEPTTL GET NX", Some("")),
            ],
        );
    }

    #[test]
    fn repetitions() {
        check(&[multiple(word("key"))], &[("", Some("key [key ...]")), ("a b", Some("[key ...]"))]);
        let pair = Kind::Block(vec![argument("score", Kind::Double), word("member")]);
        let zadd = [word("key"), optional(token("CH")), multiple(argument("data", pair))];
        check(
            &zadd,
            &[
                ("", Some("key [CH] score member [score member ...]")),
                ("k CH", Some("score member [score member ...]")),
                ("k 1.5", Some("member [score member ...]")),
                ("k 1.5 m", Some("[score member ...]")),
                ("k -inf m 2", Some("member [score member ...]")),
                ("k x", None),
            ],
        );
        let get = Kind::Block(vec![word("encoding"), word("offset")]);
        let get = Argument { multiple_token: true, ..multiple(with_token("GET", argument("get", get))) };
        check(
            &[word("key"), optional(get)],
            &[
                ("k", Some("[GET encoding offset [GET encoding offset ...]]")),
                ("k GET u8", Some("offset [GET encoding offset ...]")),
                ("k GET u8 0", Some("[GET encoding offset ...]")),
                ("k GET u8 0 GET", Some("encoding offset [GET encoding offset ...]")),
            ],
        );
    }

    #[test]
    fn nested_options() {
        let count = Kind::Block(vec![with_token("COUNT", integer("count")), optional(token("ANY"))]);
        let order = Kind::OneOf(vec![token("ASC"), token("DESC")]);
        let search = [word("key"), optional(argument("count", count)), optional(argument("order", order))];
        check(
            &search,
            &[
                ("k", Some("[COUNT count [ANY]] [ASC|DESC]")),
                ("k COUNT", Some("count [ANY] [ASC|DESC]")),
                ("k COUNT 3", Some("[ANY] [ASC|DESC]")),
                ("k COUNT 3 ASC", Some("")),
                ("k COUNT 3 ANY", Some("[ASC|DESC]")),
            ],
        );
    }
}
