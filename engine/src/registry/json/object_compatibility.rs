//! The part of comparing JSON schemas that is about objects: required and other properties, open and closed
//! content models, dependencies.

use std::collections::BTreeSet;

use regex::RegexBuilder;

use super::compatibility::{Comparison, Found, target};
use super::{Additional, JsonShape, ObjectShape, Place, limits};

/// Most memory of one compiled pattern of property names. One that needs more counts as matching nothing.
const PATTERN_BYTES_MAX: usize = 64 << 10;

impl<'s> Comparison<'s> {
    pub(super) fn objects(&mut self, from: &'s ObjectShape, to: &'s ObjectShape) -> Found {
        let mut found = self.required(from, to);
        found.extend(self.properties(from, to));
        found.extend(self.dependencies(from, to));
        found.extend(self.additional(
            "additionalProperties",
            ["ADDITIONAL_PROPERTIES_REMOVED", "ADDITIONAL_PROPERTIES_NARROWED"],
            from.additional,
            to.additional,
        ));
        found.extend(self.limit(&limits::PROPERTIES_MAX, from.properties_max, to.properties_max));
        found.extend(self.limit(&limits::PROPERTIES_MIN, from.properties_min, to.properties_min));
        found
    }

    /// Properties both have that only the update insists on.
    fn required(&mut self, from: &ObjectShape, to: &ObjectShape) -> Found {
        let mut found = Found::new();
        for (name, place) in &to.properties {
            let is_in_both = property(from, name).is_some();
            let is_new = to.required.contains(name) && !from.required.contains(name);
            if is_in_both && is_new && !self.update.nodes[*place].has_default {
                found.push(self.obstacle_at(
                    &format!("required/{name}"),
                    "REQUIRED_ATTRIBUTE_ADDED",
                    format!(
                        "the property '{name}' is required in the {} schema and was not in the {} schema, and has no default",
                        self.roles.reader, self.roles.writer
                    ),
                ));
            }
        }
        found
    }

    fn properties(&mut self, from: &'s ObjectShape, to: &'s ObjectShape) -> Found {
        let names: BTreeSet<&str> =
            from.properties.iter().chain(&to.properties).map(|(name, _)| name.as_str()).collect();
        let mut found = Found::new();
        for name in names {
            self.path.push(format!("properties/{name}"));
            match (property(from, name), property(to, name)) {
                (Some(original), Some(update)) => found.extend(self.places(original, update)),
                (Some(original), None) => found.extend(self.property_removed(name, original, to)),
                (None, Some(update)) => found.extend(self.property_added(name, update, from, to)),
                (None, None) => {}
            }
            self.path.pop();
        }
        found
    }

    fn property_removed(&mut self, name: &str, original: Place, to: &'s ObjectShape) -> Found {
        if is_open(to) {
            return Found::new();
        }
        if let Some(covering) = self.covering(to, name) {
            if self.places(original, covering).is_empty() {
                return Found::new();
            }
            return vec![self.obstacle(
                "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                format!(
                    "the property '{name}' of the {} schema is not in the {} schema, and does not fit what that \
                     allows beside its own",
                    self.roles.writer, self.roles.reader
                ),
            )];
        }
        if self.original.nodes[target(self.original, original)].shape == JsonShape::Never {
            return Found::new();
        }
        vec![self.obstacle(
            "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
            format!(
                "the property '{name}' of the {} schema is not in the {} schema, which allows no others (its content \
                 model is closed)",
                self.roles.writer, self.roles.reader
            ),
        )]
    }

    fn property_added(
        &mut self,
        name: &str,
        update: Place,
        from: &'s ObjectShape,
        to: &'s ObjectShape,
    ) -> Found {
        if is_open(from) {
            if self.update.nodes[target(self.update, update)].shape == JsonShape::Any {
                return Found::new();
            }
            return vec![self.obstacle(
                "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
                format!(
                    "the {} schema allowed any property '{name}' (its content model is open), and the {} schema \
                     asks something of it",
                    self.roles.writer, self.roles.reader
                ),
            )];
        }
        let mut found = Found::new();
        if let Some(covering) = self.covering(from, name)
            && !self.places(covering, update).is_empty()
        {
            found.push(self.obstacle(
                "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                format!(
                    "the property '{name}' of the {} schema does not take what the {} schema allows beside its own",
                    self.roles.reader, self.roles.writer
                ),
            ));
        }
        let is_required = to.required.iter().any(|required| required == name);
        if is_required && !self.update.nodes[update].has_default {
            found.push(self.obstacle(
                "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
                format!(
                    "the property '{name}' is required in the {} schema, not in the {} schema, and has no default",
                    self.roles.reader, self.roles.writer
                ),
            ));
        }
        found
    }

    /// What is asked of a property that is not named.
    fn covering(&mut self, shape: &'s ObjectShape, name: &str) -> Option<Place> {
        for (pattern, place) in &shape.patterns {
            let compiled = self
                .patterns
                .entry(pattern)
                .or_insert_with(|| RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok());
            if compiled.as_ref().is_some_and(|compiled| compiled.is_match(name)) {
                return Some(*place);
            }
        }
        match shape.additional {
            Additional::Fitting(place) => Some(place),
            Additional::Allowed | Additional::Forbidden => None,
        }
    }

    fn dependencies(&mut self, from: &'s ObjectShape, to: &'s ObjectShape) -> Found {
        let mut found = Found::new();
        for (name, needed) in &to.property_dependencies {
            let before = from.property_dependencies.iter().find(|(other, _)| other == name);
            let code = match before {
                None => "DEPENDENCY_ARRAY_ADDED",
                Some((_, before)) if needed.iter().all(|needed| before.contains(needed)) => continue,
                Some((_, before)) if before.iter().all(|before| needed.contains(before)) => {
                    "DEPENDENCY_ARRAY_EXTENDED"
                }
                Some(_) => "DEPENDENCY_ARRAY_CHANGED",
            };
            found.push(self.obstacle_at(
                &format!("dependencies/{name}"),
                code,
                format!(
                    "the {} schema asks for more properties beside '{name}' than the {} schema",
                    self.roles.reader, self.roles.writer
                ),
            ));
        }
        for (name, update) in &to.schema_dependencies {
            self.path.push(format!("dependencies/{name}"));
            match from.schema_dependencies.iter().find(|(other, _)| other == name) {
                Some((_, original)) => found.extend(self.places(*original, *update)),
                None => found.push(self.obstacle(
                    "DEPENDENCY_SCHEMA_ADDED",
                    format!(
                        "the {} schema asks something of objects that have '{name}', and the {} schema does not",
                        self.roles.reader, self.roles.writer
                    ),
                )),
            }
            self.path.pop();
        }
        found
    }
}

fn property(shape: &ObjectShape, name: &str) -> Option<Place> {
    shape.properties.iter().find(|(other, _)| other == name).map(|(_, place)| *place)
}

/// Whether any other property may have any value.
fn is_open(shape: &ObjectShape) -> bool {
    shape.patterns.is_empty() && shape.additional == Additional::Allowed
}
