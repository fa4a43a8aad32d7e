//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest this process may set.
///
/// Shells start programs with 1024, for the sake of old ones that cannot count further. Segments of the
/// log, files of the keyed state and connections together pass that with a few hundred partitions.
/// Where it cannot be raised the old limit holds, and fewer partitions are taken: see
/// [`partitions_total_max`].
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Nothing is logged yet when this runs, and nobody needs to know as long as the limit suffices.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// How many partitions there may be at most, given what one costs: every partition that is written to keeps
/// its active segment open, and half of the descriptors are for connections, indexes, closed segments that
/// are read, and the keyed state.
pub(crate) fn partitions_total_max(wanted: u32) -> u32 {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u32::try_from(descriptors / 2).unwrap_or(u32::MAX).min(wanted)
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

    #[test]
    fn partitions_leave_half_of_the_descriptors_to_others() {
        assert_eq!(partitions_total_max(1), 1);
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(u64::from(partitions_total_max(u32::MAX)) <= descriptors / 2);
    }
}
