//! Which changes may be applied together.
//!
//! Changes of different groups do not touch each other, so the first changes of all groups make one
//! step, the second ones the next, and so on: as many steps as the group with most changes has, and
//! not as many as there are changes.

use std::collections::HashMap;

/// Positions of the changes of each step, given the group of each change.
pub(in crate::operators) fn steps(groups: impl Iterator<Item = u32>) -> Vec<Vec<usize>> {
    let mut counts: HashMap<u32, usize, ahash::RandomState> = HashMap::default();
    let mut steps: Vec<Vec<usize>> = Vec::new();
    for (position, group) in groups.enumerate() {
        let count = counts.entry(group).or_default();
        if *count == steps.len() {
            steps.push(Vec::new());
        }
        steps[*count].push(position);
        *count += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_changes_of_all_groups_are_one_step_and_stay_in_order() {
        assert_eq!(steps([7, 8, 7, 7, 9, 8].into_iter()), [vec![0, 1, 4], vec![2, 5], vec![3]]);
        assert!(steps(std::iter::empty()).is_empty());
    }
}
