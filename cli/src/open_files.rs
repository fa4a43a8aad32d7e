//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest this process may set.
///
/// Shells start programs with 1024, for the sake of old ones that cannot count further. Segments of the
/// log, files of the keyed state and connections together pass that with a few hundred partitions.
/// Where it cannot be raised the old limit holds, and what needs more is told when it does.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Nothing is logged yet when this runs, and nobody needs to know as long as the limit suffices.
    let _ = setrlimit(Resource::Nofile, raised);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_may_open_what_it_is_allowed_to() {
        raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
