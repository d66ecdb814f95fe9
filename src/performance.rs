#![doc = include_str!("PERFORMANCE.md")]
