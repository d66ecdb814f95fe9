//! Where values are written to.

use std::io;

/// Where a value is written to.
pub trait Output {
    /// What is written is appended here.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Hands on what is in the buffer, if that is much.
    ///
    /// # Errors
    /// The receiver's.
    fn settle(&mut self) -> io::Result<()>;
}

/// What stays in memory, however much it is.
impl Output for Vec<u8> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }

    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }
}
