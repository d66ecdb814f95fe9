//! Whether what lies in leaves, nodes and index agrees.

use super::*;

impl Tree {
    /// Checks every invariant.
    pub(in super::super) fn check(&self, hasher: &KeyHasher) {
        let mut leaves = Vec::new();
        let (count, _) = self.check_below(self.root, self.height, &mut leaves);
        assert_eq!(count, self.len);
        assert_eq!(leaves.len(), self.leaves.used());
        let mut last: Option<(f64, Vec<u8>)> = None;
        let mut before = 0;
        let mut bytes = 0;
        for (at, number) in leaves.iter().enumerate() {
            let leaf = self.leaf(*number);
            bytes += alloc::block_len(leaf.capacity());
            assert_eq!(leaf.before(), before);
            before = number + 1;
            assert_eq!(leaf.after(), leaves.get(at + 1).map_or(0, |next| next + 1));
            assert!(leaf.count() > 0 || self.height == 0);
            assert!(leaf.len() <= LEAF_LEN || leaf.count() == 1, "{} bytes, {} elements", leaf.len(), leaf.count());
            for index in 0..leaf.count() {
                let form = leaf.form(index);
                let hash = hasher.hash(form);
                assert_eq!(leaf.marks()[index], hash.fingerprint());
                assert_eq!(self.find(hash, form), Some((Place { leaf: *number, index }, leaf.score(index))));
                let element = (leaf.score(index), items::read(form).to_vec());
                assert!(last.as_ref().is_none_or(|last| *last < element), "{last:?} {element:?}");
                last = Some(element);
            }
        }
        assert_eq!(bytes, self.leaf_bytes);
        assert_eq!(self.index.len(), self.len);
        let words: usize = (0..self.index.buckets()).map(|at| self.index.words(at).len()).sum();
        assert_eq!(words, self.len);
    }

    fn check_below(&self, number: u32, levels: u32, leaves: &mut Vec<u32>) -> (usize, Option<(f64, f64)>) {
        if levels == 0 {
            leaves.push(number);
            let leaf = self.leaf(number);
            return (leaf.count(), leaf.count().checked_sub(1).map(|last| (leaf.score(0), leaf.score(last))));
        }
        let node = self.nodes.get(number);
        assert!(node.len() > usize::from(levels == self.height));
        let mut sum = 0;
        let mut ends: Option<(f64, f64)> = None;
        for at in 0..node.len() {
            let child = node.get(at);
            let (count, child_ends) = self.check_below(child.number, levels - 1, leaves);
            assert_eq!(count, child.count as usize);
            sum += count;
            let (first, last) = child_ends.expect("no child is empty");
            assert!(child.low <= first);
            assert!(ends.is_none_or(|(_, last)| last <= child.low));
            ends = Some((ends.map_or(first, |(first, _)| first), last));
        }
        (sum, ends)
    }
}
