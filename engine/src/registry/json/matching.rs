//! The largest matching between two sets of alternatives: as many pairs that fit as can be had when each
//! alternative is in one pair at most.

/// How many pairs can be had at once, where `fitting[i]` lists what the i-th of the left can be paired with
/// among `right_count` others. Augmenting paths, one search from each of the left.
pub(super) fn largest(fitting: &[Vec<usize>], right_count: usize) -> usize {
    let mut partner_of_right: Vec<Option<usize>> = vec![None; right_count];
    let mut pairs = 0;
    for start in 0..fitting.len() {
        if augment(start, fitting, &mut partner_of_right) {
            pairs += 1;
        }
    }
    pairs
}

/// Searches, in width, for a way to give `start` a partner by giving others another one.
fn augment(start: usize, fitting: &[Vec<usize>], partner_of_right: &mut [Option<usize>]) -> bool {
    let mut reached_from: Vec<Option<usize>> = vec![None; partner_of_right.len()];
    let mut waiting = vec![start];
    let mut next = 0;
    while let Some(left) = waiting.get(next).copied() {
        next += 1;
        for right in fitting[left].iter().copied() {
            if reached_from[right].is_some() {
                continue;
            }
            reached_from[right] = Some(left);
            match partner_of_right[right] {
                Some(other) => waiting.push(other),
                None => {
                    rearrange(start, right, &reached_from, partner_of_right);
                    return true;
                }
            }
        }
    }
    false
}

/// Goes back from a free one of the right, and moves everyone on the way to the partner found for them.
fn rearrange(
    start: usize,
    free: usize,
    reached_from: &[Option<usize>],
    partner_of_right: &mut [Option<usize>],
) {
    let mut right = free;
    while let Some(left) = reached_from[right] {
        let before = partner_of_right.iter().position(|partner| *partner == Some(left));
        partner_of_right[right] = Some(left);
        match before {
            Some(before) if left != start => right = before,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_given_up_for_more_pairs() {
        // The first could take either; the second only what the first takes first.
        assert_eq!(largest(&[vec![0, 1], vec![0]], 2), 2);
        assert_eq!(largest(&[vec![0], vec![0]], 2), 1);
        assert_eq!(largest(&[vec![0, 1], vec![0, 2], vec![0]], 3), 3);
        assert_eq!(largest(&[vec![], vec![1]], 2), 1);
        assert_eq!(largest(&[], 3), 0);
    }
}
