//! Text with variables in braces, as `proc-title-template` has it: `{name}` stands for a value, `{{` for a brace.

/// Replaces the variables and strips blanks from both ends. `None` if a brace is not closed or `value` does not know a variable.
pub fn expand(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut expanded = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('{') {
            expanded.push('{');
            rest = after;
            continue;
        }
        let (variable, after) = after.split_once('}')?;
        expanded.push_str(&value(variable)?);
        rest = after;
    }
    expanded.push_str(rest);
    Some(expanded.trim_matches(' ').to_owned())
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn variables_are_replaced() {
        let value = |name: &str| match name {
            "port" => Some("6379".to_owned()),
            "mode" => Some(String::new()),
            _ => None,
        };
        let cases = [
            ("larder {port} {mode}", Some("larder 6379")),
            ("{{port} {port}", Some("{port} 6379")),
            ("{mode}", Some("")),
            ("", Some("")),
            ("{other}", None),
            ("{port", None),
            ("port {", None),
        ];
        for (template, expected) in cases {
            assert_eq!(expand(template, value).as_deref(), expected, "{template:?}");
        }
    }
}
