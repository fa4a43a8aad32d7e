//! The seams to the operating system: disk, clock, randomness.
//!
//! The log reaches files, time and chance only through these traits, so a test can cut the power at
//! any call ([`FaultyDisk`]), move the clock ([`ManualClock`]) and repeat a run from its seed
//! ([`SeededRandom`]). RocksDB does its own input and output and stands outside.

mod clock;
mod disk;
mod faulty;
mod random;
mod real;

#[cfg(test)]
mod faulty_tests;

pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{DirectoryEntry, Disk, DiskFile, DiskLock, FileStatus, OpenMode, read_file, replace_file};
pub use faulty::{Call, Fault, FaultyDisk, Tail};
pub use random::{Random, SeededRandom, SystemRandom};
pub use real::RealDisk;
