//! Groups: joining, syncing, leaving and what time does to members.

use super::*;
