//! Which arguments of a request are secret: MONITOR and the command log show `(redacted)` in their place.

use super::context::is_word;
use super::table::Row;

/// True if the argument at `at` must not be shown.
pub fn is_secret(row: &Row, args: &[&[u8]], at: usize) -> bool {
    row.spec.is_secret.is_some_and(|is_secret| is_secret(args, at))
}

/// True if `at` is one of the `count` arguments behind `word`, where options begin at `from`. Other options have so many arguments;
/// one that is not known, or KEYS, ends the search.
pub fn follows(args: &[&[u8]], at: usize, from: usize, word: &str, count: usize, others: &[(&str, usize)]) -> bool {
    let mut option = from;
    while option < args.len().min(at) {
        if is_word(args[option], word) {
            if at <= option + count {
                return true;
            }
            option += count + 1;
            continue;
        }
        match others.iter().find(|(name, _)| is_word(args[option], name)) {
            Some((_, skip)) => option += skip + 1,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stand_behind_their_words() {
        let hidden = |request: &str, from, word, count, others: &[(&str, usize)]| -> Vec<usize> {
            let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            (0..args.len()).filter(|at| follows(&args, *at, from, word, count, others)).collect()
        };
        assert_eq!(hidden("hello 3 auth u p setname n", 2, "AUTH", 2, &[("SETNAME", 1)]), [3, 4]);
        assert_eq!(hidden("hello 3 setname auth auth u p", 2, "AUTH", 2, &[("SETNAME", 1)]), [5, 6]);
        assert_eq!(hidden("hello 3 what auth u p", 2, "AUTH", 2, &[("SETNAME", 1)]), [0usize; 0]);
        assert_eq!(hidden("migrate h p k 0 9 copy auth pw", 6, "AUTH", 1, &[("COPY", 0)]), [8]);
        assert_eq!(hidden("migrate h p k 0 9 keys auth b", 6, "AUTH", 1, &[("COPY", 0)]), [0usize; 0]);
    }
}
