//! Where a value's bytes come from, and what they are made of: numbers and lengths.

use super::{Corrupt, EMPTY};

pub(super) const ENDS_EARLY: Corrupt = Corrupt("it ends early");

/// Bytes that come one after the other.
pub trait Source {
    /// Appends `len` bytes. Memory grows with the bytes that are there.
    ///
    /// # Errors
    /// If there are not so many.
    fn append(&mut self, len: u64, out: &mut Vec<u8>) -> Result<(), Corrupt>;

    /// Calls `with` with the next `len` bytes: where they lie, if they lie in one piece, else in `room`, whatever that held.
    ///
    /// # Errors
    /// If there are not so many.
    fn with_bytes<R>(&mut self, len: u64, room: &mut Vec<u8>, with: impl FnOnce(&[u8]) -> R) -> Result<R, Corrupt>;

    /// Passes over `len` bytes.
    ///
    /// # Errors
    /// If there are not so many.
    fn skip(&mut self, len: u64) -> Result<(), Corrupt>;

    /// No more bytes than this follow.
    fn len_max(&self) -> u64;

    /// Fills `out`.
    ///
    /// # Errors
    /// If there are not so many.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Corrupt>;

    /// The next bytes, as many as the array takes.
    ///
    /// # Errors
    /// If there are not so many.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next byte.
    ///
    /// # Errors
    /// If there is none.
    #[inline]
    fn byte(&mut self) -> Result<u8, Corrupt> {
        Ok(self.array::<1>()?[0])
    }

    /// A length, or the number of a special form of text.
    ///
    /// # Errors
    /// If it is no length.
    fn length_or_form(&mut self) -> Result<Length, Corrupt> {
        let first = self.byte()?;
        Ok(match (first >> 6, first) {
            (0, _) => Length::Of(u64::from(first)),
            (1, _) => Length::Of(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            (2, 0x80) => Length::Of(u64::from(u32::from_be_bytes(self.array()?))),
            (2, 0x81) => Length::Of(u64::from_be_bytes(self.array()?)),
            (2, _) => return Err(Corrupt("a length is of no known form")),
            _ => Length::Form(first & 0x3f),
        })
    }

    /// A length.
    ///
    /// # Errors
    /// If it is none.
    fn length(&mut self) -> Result<u64, Corrupt> {
        match self.length_or_form()? {
            Length::Of(len) => Ok(len),
            // Valkey takes a form's number for a length here.
            Length::Form(number) => Ok(u64::from(number)),
        }
    }

    /// A number of elements, of which there must be some.
    ///
    /// # Errors
    /// If there are none.
    fn count(&mut self) -> Result<u64, Corrupt> {
        match self.length()? {
            0 => Err(EMPTY),
            count => Ok(count),
        }
    }
}

/// See [`Source::length_or_form`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Bytes or elements.
    Of(u64),
    /// A special form of text.
    Form(u8),
}

impl Source for &[u8] {
    fn append(&mut self, len: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let len = usize::try_from(len).map_err(|_| ENDS_EARLY)?;
        let (now, later) = self.split_at_checked(len).ok_or(ENDS_EARLY)?;
        out.extend_from_slice(now);
        *self = later;
        Ok(())
    }

    #[inline]
    fn with_bytes<R>(&mut self, len: u64, _: &mut Vec<u8>, with: impl FnOnce(&[u8]) -> R) -> Result<R, Corrupt> {
        let (now, later) = usize::try_from(len).ok().and_then(|len| self.split_at_checked(len)).ok_or(ENDS_EARLY)?;
        *self = later;
        Ok(with(now))
    }

    #[inline]
    fn skip(&mut self, len: u64) -> Result<(), Corrupt> {
        *self = usize::try_from(len).ok().and_then(|len| self.get(len..)).ok_or(ENDS_EARLY)?;
        Ok(())
    }

    fn len_max(&self) -> u64 {
        self.len() as u64
    }

    #[inline]
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Corrupt> {
        let (now, later) = self.split_at_checked(out.len()).ok_or(ENDS_EARLY)?;
        out.copy_from_slice(now);
        *self = later;
        Ok(())
    }
}

/// Appends a length.
pub fn push_length(out: &mut Vec<u8>, len: u64) {
    match len {
        0..0x40 => out.push(len as u8),
        0x40..0x4000 => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        0x4000..0x1_0000_0000 => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_back() {
        for len in [0, 63, 64, 16383, 16384, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
            let mut bytes = Vec::new();
            push_length(&mut bytes, len);
            let mut source = &bytes[..];
            assert_eq!(source.length_or_form(), Ok(Length::Of(len)));
            assert!(source.is_empty());
            for end in 0..bytes.len() {
                assert_eq!((&bytes[..end]).length(), Err(ENDS_EARLY));
            }
        }
        assert!((&[0x82_u8, 0, 0, 0, 0][..]).length().is_err());
        assert_eq!((&[0xc3_u8][..]).length_or_form(), Ok(Length::Form(3)));
    }
}
