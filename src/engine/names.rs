//! Names of keys, collected for a reply: in blocks, so that a million names are not a million allocations, and are never moved.

use larder_proto::resp::ReplyBuf;

/// Names in a block, and about its bytes.
const BLOCK_NAMES: usize = 1024;
const BLOCK_LEN: usize = 64 * 1024;

/// See the module's page.
#[derive(Debug, Default)]
pub struct Names {
    blocks: Vec<Block>,
    len: usize,
}

#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Names {
    /// Adds a name.
    pub fn push(&mut self, name: &[u8]) {
        let is_full = |block: &Block| block.ends.len() >= BLOCK_NAMES || block.bytes.len() + name.len() > BLOCK_LEN;
        if self.blocks.last().is_none_or(is_full) {
            self.blocks.push(Block::default());
        }
        let Some(block) = self.blocks.last_mut() else { return };
        block.bytes.extend_from_slice(name);
        block.ends.push(block.bytes.len());
        self.len += 1;
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The names, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().flat_map(|block| {
            let starts = std::iter::once(0).chain(block.ends.iter().copied());
            starts.zip(&block.ends).map(|(start, end)| &block.bytes[start..*end])
        })
    }

    /// Forgets all names.
    pub fn clear(&mut self) {
        *self = Names::default();
    }

    /// Keeps the first of each name.
    pub fn dedup(&mut self) {
        let mut kept = Names::default();
        {
            let mut seen = std::collections::HashSet::with_hasher(foldhash::fast::RandomState::default());
            self.iter().filter(|name| seen.insert(*name)).for_each(|name| kept.push(name));
        }
        *self = kept;
    }

    /// Writes them as an array.
    pub fn reply(&self, reply: &mut ReplyBuf) {
        reply.array(self.len());
        for name in self.iter() {
            reply.bulk(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_order_and_once() {
        let mut names = Names::default();
        ["b", "", "a", "b", "", "ab"].iter().for_each(|name| names.push(name.as_bytes()));
        assert_eq!(names.len(), 6);
        names.dedup();
        assert_eq!(names.iter().collect::<Vec<_>>(), [&b"b"[..], b"", b"a", b"ab"]);
    }
}
