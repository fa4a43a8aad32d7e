//! The seams to the operating system: disk, clock, randomness.
