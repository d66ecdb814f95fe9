//! How a request is written: an array of its words, as a client sends it. So it stands in the write log.

/// Appends the beginning of a request of so many words.
pub fn push_header(bytes: &mut Vec<u8>, words: usize) {
    push_number(bytes, b'*', words);
}

fn push_number(bytes: &mut Vec<u8>, kind: u8, number: usize) {
    bytes.push(kind);
    bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

/// Appends the next word.
pub fn push_word(bytes: &mut Vec<u8>, word: &[u8]) {
    push_number(bytes, b'$', word.len());
    bytes.extend_from_slice(word);
    bytes.extend_from_slice(b"\r\n");
}

/// Appends SELECT.
pub fn push_select(bytes: &mut Vec<u8>, db: u32) {
    push_header(bytes, 2);
    push_word(bytes, b"SELECT");
    push_word(bytes, itoa::Buffer::new().format(db).as_bytes());
}
