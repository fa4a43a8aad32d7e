//! Frames: what is taken, what closes the connection.

use super::*;
