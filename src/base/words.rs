//! The words of a request that is kept, copied behind each other: two allocations for all of them, so that many short words take little more
//! than their bytes. A word with an allocation of its own took 85 bytes with what refers to it, were it empty: a transaction of 5000 commands
//! with 1000 such words each took 431 MB.

use smallvec::SmallVec;

/// The words of one request, as a command takes them.
pub type Words<'w> = SmallVec<[&'w [u8]; 8]>;

/// See the module's page.
#[derive(Debug, Clone)]
pub struct PackedWords {
    bytes: Box<[u8]>,
    ends: Ends,
}

/// Where each word ends.
#[derive(Debug, Clone)]
enum Ends {
    Usual(Box<[u32]>),
    /// Of words that take 4 GB or more.
    Long(Box<[usize]>),
}

impl PackedWords {
    /// Copies of these words.
    pub fn new<'w>(words: impl Iterator<Item = &'w [u8]> + Clone) -> PackedWords {
        let len = words.clone().map(<[u8]>::len).sum();
        let mut bytes = Vec::with_capacity(len);
        let ends = words.map(|word| {
            bytes.extend_from_slice(word);
            bytes.len()
        });
        let ends = if u32::try_from(len).is_ok() { Ends::Usual(ends.map(|end| end as u32).collect()) } else { Ends::Long(ends.collect()) };
        PackedWords { bytes: bytes.into(), ends }
    }

    fn end(&self, number: usize) -> usize {
        match &self.ends {
            Ends::Usual(ends) => ends[number] as usize,
            Ends::Long(ends) => ends[number],
        }
    }

    fn count(&self) -> usize {
        match &self.ends {
            Ends::Usual(ends) => ends.len(),
            Ends::Long(ends) => ends.len(),
        }
    }

    /// The word of this number, from 0.
    pub fn word(&self, number: usize) -> &[u8] {
        let from = if number == 0 { 0 } else { self.end(number - 1) };
        &self.bytes[from..self.end(number)]
    }

    /// All words.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.count()).map(|number| self.word(number))
    }

    /// All words, as a command takes them.
    pub fn words(&self) -> Words<'_> {
        self.iter().collect()
    }

    /// Bytes and number of the words.
    pub fn len(&self) -> (usize, usize) {
        (self.bytes.len(), self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_be_they_empty_long_or_none() {
        let long = "x".repeat(70_000);
        for words in [&[][..], &["one"], &["", "a", "", "bc", ""], &["a", &long, "b"]] {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            let packed = PackedWords::new(words.iter().copied());
            assert_eq!(packed.words()[..], words);
            assert_eq!(packed.len(), (words.concat().len(), words.len()));
        }
    }
}
