//! Names made different from one another by numbers.

use std::collections::{HashMap, HashSet};

/// Names that are taken.
#[derive(Default)]
pub(super) struct UniqueNames {
    taken: HashSet<String>,
    /// The number that was last put behind a name.
    numbers: HashMap<String, usize>,
}

impl UniqueNames {
    /// Takes a name as it is.
    pub(super) fn take(&mut self, name: &str) {
        if !self.taken.contains(name) {
            self.taken.insert(name.to_owned());
        }
    }

    /// Whether a name is taken.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Takes the name, or where it is taken the first of `name_1`, `name_2`, … that is not.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        while !self.taken.insert(unique.clone()) {
            let number = self.numbers.entry(name.to_owned()).or_insert(0);
            *number += 1;
            unique = format!("{name}_{number}");
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_number_is_taken() {
        let mut names = UniqueNames::default();
        names.take("A_1");
        assert_eq!(names.unique("A"), "A");
        assert_eq!(names.unique("A"), "A_2");
        assert_eq!(names.unique("A"), "A_3");
        assert_eq!(names.unique("B"), "B");
    }
}
