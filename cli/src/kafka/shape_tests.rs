//! Shapes: every call and version is walked to its end, and hostile counts are refused.

use super::*;
