//! The files an `include` line names.

use std::path::{Component, Path, PathBuf};

use crate::base::glob;

/// The files that `pattern` names, relative to `base`.
///
/// Without a wildcard that is the one path, whether it exists or not, so that opening it reports it missing. With `*`,
/// `?` or `[` it is what exists and matches, in order of name; possibly nothing, so that an empty `conf.d` is no error.
pub(super) fn expand(base: &Path, pattern: &str) -> Vec<PathBuf> {
    if !has_wildcard(pattern) {
        return vec![base.join(pattern)];
    }
    let mut found = vec![base.to_path_buf()];
    for component in Path::new(pattern).components() {
        match component {
            Component::Normal(name) => match name.to_str().filter(|name| has_wildcard(name)) {
                Some(wild) => found = found.iter().flat_map(|dir| entries(dir, wild)).collect(),
                None => found.iter_mut().for_each(|path| path.push(name)),
            },
            other => found.iter_mut().for_each(|path| path.push(other)),
        }
    }
    found.retain(|path| path.exists());
    found
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Entries of a directory whose names match, sorted. Hidden ones match only a pattern that starts with a dot.
fn entries(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let is_match = |name: &str| glob::matches(pattern.as_bytes(), name.as_bytes()) && (pattern.starts_with('.') || !name.starts_with('.'));
    let mut paths: Vec<PathBuf> =
        listing.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_match)).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn wildcards_name_existing_files_in_order() {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir(base.path().join("conf.d")).unwrap();
        for name in ["b.conf", "a.conf", ".hidden.conf", "note.txt"] {
            std::fs::write(base.path().join("conf.d").join(name), "").unwrap();
        }
        let cases: &[(&str, &[&str])] = &[
            ("conf.d/*.conf", &["conf.d/a.conf", "conf.d/b.conf"]),
            ("conf.?/[a]*", &["conf.d/a.conf"]),
            ("conf.*/b.conf", &["conf.d/b.conf"]),
            ("conf.d/*.missing", &[]),
            ("missing/*.conf", &[]),
            ("missing.conf", &["missing.conf"]),
        ];
        for (pattern, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|path| base.path().join(path)).collect();
            assert_eq!(expand(base.path(), pattern), expected, "{pattern}");
        }
    }
}
