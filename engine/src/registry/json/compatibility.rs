//! Whether all data that fits one JSON schema (the original) fits another (the update), by the rules of
//! Confluent's registry.
//!
//! Limits may widen and go, but not narrow or come. A property may be added where the original is closed or
//! already constrains it, because an open model may have had any value there; it may be removed where the
//! update is open or still covers it. Alternatives are matched with each other: any may be added to a sum
//! (`anyOf`, `oneOf`), any may go from a product (`allOf`).

use std::collections::{HashMap, HashSet};

use regex::Regex;

use super::limits::{self, Limit, LimitChange};
use super::{
    Additional, ArrayShape, Criterion, JsonSchema, JsonShape, NumberShape, Place, TextShape, matching,
};
use crate::registry::compatibility::{Budget, Incompatibility, Roles};

/// See [`JsonSchema::obstacles_to_reading`].
pub(super) fn obstacles(reader: &JsonSchema, writer: &JsonSchema, roles: Roles) -> Vec<Incompatibility> {
    let mut comparison = Comparison {
        original: writer,
        update: reader,
        roles,
        under_way: HashSet::new(),
        patterns: HashMap::new(),
        budget: Budget::new(),
        path: Vec::new(),
    };
    comparison.places(0, 0)
}

pub(super) struct Comparison<'s> {
    pub(super) original: &'s JsonSchema,
    pub(super) update: &'s JsonSchema,
    pub(super) roles: Roles,
    /// Pairs that are being compared further up: taken to fit.
    under_way: HashSet<(Place, Place)>,
    /// Patterns of property names; nothing where one cannot be compiled.
    pub(super) patterns: HashMap<&'s str, Option<Regex>>,
    budget: Budget,
    pub(super) path: Vec<String>,
}

/// What was found to be in the way.
pub(super) type Found = Vec<Incompatibility>;

impl<'s> Comparison<'s> {
    pub(super) fn places(&mut self, original: Place, update: Place) -> Found {
        let pair = (target(self.original, original), target(self.update, update));
        if !self.under_way.insert(pair) {
            return Found::new();
        }
        let found = if self.budget.enter() {
            let found = self.shapes(pair);
            self.budget.leave();
            found
        } else {
            vec![Budget::exceeded(&self.place())]
        };
        self.under_way.remove(&pair);
        found
    }

    fn shapes(&mut self, (original_place, update_place): (Place, Place)) -> Found {
        let (original_schema, update_schema) = (self.original, self.update);
        let original = &original_schema.nodes[original_place].shape;
        let update = &update_schema.nodes[update_place].shape;
        match (original, update) {
            (JsonShape::Never, _) | (_, JsonShape::Any) => Found::new(),
            (JsonShape::Combined(from, originals), JsonShape::Combined(to, updates)) => {
                self.combined(*from, originals, *to, updates)
            }
            (_, JsonShape::Combined(criterion, parts)) => {
                self.alternatives_added(original_place, *criterion, parts)
            }
            (JsonShape::Combined(criterion, parts), _) => {
                self.alternatives_removed(*criterion, parts, update_place)
            }
            (JsonShape::Null, JsonShape::Null) | (JsonShape::Boolean, JsonShape::Boolean) => Found::new(),
            (JsonShape::Text(from), JsonShape::Text(to)) => self.texts(from, to),
            (JsonShape::Number(from), JsonShape::Number(to)) => self.numbers(from, to),
            (JsonShape::Object(from), JsonShape::Object(to)) => self.objects(from, to),
            (JsonShape::Array(from), JsonShape::Array(to)) => self.arrays(from, to),
            (JsonShape::Values(from), JsonShape::Values(to)) => self.values(from, to),
            (JsonShape::Not(from), JsonShape::Not(to)) => self.exclusions(*from, *to),
            _ => self.type_changed(),
        }
    }

    /// From something else to a combination.
    fn alternatives_added(&mut self, original: Place, criterion: Criterion, parts: &[Place]) -> Found {
        let is_enough = match criterion {
            Criterion::All => parts.iter().all(|part| self.places(original, *part).is_empty()),
            Criterion::Any | Criterion::One => {
                parts.iter().any(|part| self.places(original, *part).is_empty())
            }
        };
        match parts {
            _ if is_enough => Found::new(),
            // What is wrong with the only alternative says more than that there is none.
            [only] => self.places(original, *only),
            _ => self.type_changed(),
        }
    }

    /// From a combination to something else.
    fn alternatives_removed(&mut self, criterion: Criterion, parts: &[Place], update: Place) -> Found {
        let is_enough = match criterion {
            Criterion::All => parts.iter().any(|part| self.places(*part, update).is_empty()),
            Criterion::Any | Criterion::One => parts.iter().all(|part| self.places(*part, update).is_empty()),
        };
        match parts {
            _ if is_enough => Found::new(),
            [only] => self.places(*only, update),
            _ => self.type_changed(),
        }
    }

    fn combined(&mut self, from: Criterion, originals: &[Place], to: Criterion, updates: &[Place]) -> Found {
        let is_kept = match (from, to) {
            _ if from == to => true,
            (_, Criterion::Any) => true,
            (Criterion::All, Criterion::One) => originals.len() == 1 || updates.len() == 1,
            (_, Criterion::One) => originals.len() == 1,
            (_, Criterion::All) => originals.len() == 1 && updates.len() == 1,
        };
        if !is_kept {
            return vec![self.obstacle(
                "COMBINED_TYPE_CHANGED",
                format!("the {} schema combines its alternatives in another way", self.roles.reader),
            )];
        }
        if from == Criterion::All && to != Criterion::All {
            return self.product_to_sum(originals, updates);
        }
        let mut found = Found::new();
        if to == Criterion::All && originals.len() < updates.len() {
            found.push(self.obstacle(
                "PRODUCT_TYPE_EXTENDED",
                format!(
                    "the {} schema asks for more at once than the {} schema",
                    self.roles.reader, self.roles.writer
                ),
            ));
        }
        if to != Criterion::All && originals.len() > updates.len() {
            found.push(self.obstacle(
                "SUM_TYPE_NARROWED",
                format!(
                    "the {} schema has fewer alternatives than the {} schema",
                    self.roles.reader, self.roles.writer
                ),
            ));
        }
        let mut fitting = Vec::with_capacity(originals.len());
        for original in originals {
            let fits = |update: &usize| self.places(*original, updates[*update]).is_empty();
            fitting.push((0..updates.len()).filter(fits).collect());
        }
        if matching::largest(&fitting, updates.len()) < originals.len().min(updates.len()) {
            found.push(self.alternatives_changed());
        }
        found
    }

    /// Data that fits all of some schemas fits each of them: it is enough that one is taken.
    fn product_to_sum(&mut self, originals: &[Place], updates: &[Place]) -> Found {
        let mut pairs = originals.iter().flat_map(|from| updates.iter().map(move |to| (*from, *to)));
        if pairs.any(|(from, to)| self.places(from, to).is_empty()) {
            return Found::new();
        }
        vec![self.alternatives_changed()]
    }

    fn alternatives_changed(&self) -> Incompatibility {
        self.obstacle(
            "COMBINED_TYPE_SUBSCHEMAS_CHANGED",
            format!(
                "alternatives of the {} schema have none in the {} schema that takes their data",
                self.roles.writer, self.roles.reader
            ),
        )
    }

    fn texts(&self, from: &TextShape, to: &TextShape) -> Found {
        let mut found = Found::new();
        found.extend(self.limit(&limits::LENGTH_MAX, from.length_max, to.length_max));
        found.extend(self.limit(&limits::LENGTH_MIN, from.length_min, to.length_min));
        match (&from.pattern, &to.pattern) {
            (None, Some(_)) => found.push(self.keyword_added("pattern", "PATTERN_ADDED")),
            (Some(from), Some(to)) if from != to => found.push(self.obstacle_at(
                "pattern",
                "PATTERN_CHANGED",
                format!(
                    "the pattern is '{to}' in the {} schema and '{from}' in the {} schema",
                    self.roles.reader, self.roles.writer
                ),
            )),
            _ => {}
        }
        found
    }

    fn numbers(&self, from: &NumberShape, to: &NumberShape) -> Found {
        let mut found = Found::new();
        found.extend(self.limit(&limits::MAXIMUM, from.maximum, to.maximum));
        found.extend(self.limit(&limits::MINIMUM, from.minimum, to.minimum));
        let (from_limit, to_limit) = (from.exclusive_maximum, to.exclusive_maximum);
        found.extend(self.limit(&limits::EXCLUSIVE_MAXIMUM, from_limit, to_limit));
        let (from_limit, to_limit) = (from.exclusive_minimum, to.exclusive_minimum);
        found.extend(self.limit(&limits::EXCLUSIVE_MINIMUM, from_limit, to_limit));
        match (from.multiple_of, to.multiple_of) {
            (None, Some(_)) => found.push(self.keyword_added("multipleOf", "MULTIPLE_OF_ADDED")),
            (Some(from), Some(to)) if from % to != 0.0 => {
                let code = if to % from == 0.0 { "MULTIPLE_OF_EXPANDED" } else { "MULTIPLE_OF_CHANGED" };
                found.push(self.obstacle_at(
                    "multipleOf",
                    code,
                    format!(
                        "multiples of {from} are no multiples of {to}, which the {} schema asks for",
                        self.roles.reader
                    ),
                ));
            }
            _ => {}
        }
        if to.is_integer && !from.is_integer {
            found.push(self.obstacle(
                "TYPE_NARROWED",
                format!(
                    "the {} schema takes integers only, the {} schema all numbers",
                    self.roles.reader, self.roles.writer
                ),
            ));
        }
        found
    }

    fn values(&self, from: &[serde_json::Value], to: &[serde_json::Value]) -> Found {
        let missing: Vec<String> =
            from.iter().filter(|value| !to.contains(value)).map(ToString::to_string).collect();
        if missing.is_empty() {
            return Found::new();
        }
        let is_part = to.iter().all(|value| from.contains(value));
        let code = if is_part { "ENUM_ARRAY_NARROWED" } else { "ENUM_ARRAY_CHANGED" };
        vec![self.obstacle(
            code,
            format!(
                "the {} schema does not have these values of the {} schema: {}",
                self.roles.reader,
                self.roles.writer,
                missing.join(", ")
            ),
        )]
    }

    /// What is excluded may become less, not more.
    fn exclusions(&mut self, from: Place, to: Place) -> Found {
        std::mem::swap(&mut self.original, &mut self.update);
        let under_way = std::mem::take(&mut self.under_way);
        let found = self.places(to, from);
        self.under_way = under_way;
        std::mem::swap(&mut self.original, &mut self.update);
        if found.is_empty() {
            return found;
        }
        vec![self.obstacle(
            "NOT_TYPE_EXTENDED",
            format!("the {} schema excludes more than the {} schema", self.roles.reader, self.roles.writer),
        )]
    }

    pub(super) fn additional(
        &mut self,
        keyword: &str,
        [removed, narrowed]: [&'static str; 2],
        from: Additional,
        to: Additional,
    ) -> Found {
        match (from, to) {
            (_, Additional::Allowed) | (Additional::Forbidden, _) => Found::new(),
            (_, Additional::Forbidden) => vec![self.obstacle_at(
                keyword,
                removed,
                format!(
                    "the {} schema allows nothing beside what it names, and the {} schema does",
                    self.roles.reader, self.roles.writer
                ),
            )],
            (Additional::Allowed, Additional::Fitting(_)) => vec![self.obstacle_at(
                keyword,
                narrowed,
                format!(
                    "the {} schema allows less beside what it names than the {} schema",
                    self.roles.reader, self.roles.writer
                ),
            )],
            (Additional::Fitting(original), Additional::Fitting(update)) => {
                self.path.push(keyword.to_owned());
                let found = self.places(original, update);
                self.path.pop();
                found
            }
        }
    }

    fn arrays(&mut self, from: &'s ArrayShape, to: &'s ArrayShape) -> Found {
        let mut found = Found::new();
        match (from.all, to.all) {
            (Some(original), Some(update)) => {
                self.path.push("items".to_owned());
                found.extend(self.places(original, update));
                self.path.pop();
            }
            (None, Some(update)) if !self.is_any(update) => {
                found.push(self.keyword_added("items", "SCHEMA_ADDED"));
            }
            _ => {}
        }
        found.extend(self.first_items(from, to));
        found.extend(self.additional(
            "additionalItems",
            ["ADDITIONAL_ITEMS_REMOVED", "ADDITIONAL_ITEMS_NARROWED"],
            from.additional,
            to.additional,
        ));
        found.extend(self.limit(&limits::ITEMS_MAX, from.items_max, to.items_max));
        found.extend(self.limit(&limits::ITEMS_MIN, from.items_min, to.items_min));
        if to.is_unique && !from.is_unique {
            found.push(self.keyword_added("uniqueItems", "UNIQUE_ITEMS_ADDED"));
        }
        found
    }

    fn first_items(&mut self, from: &ArrayShape, to: &ArrayShape) -> Found {
        let mut found = Found::new();
        for index in 0..from.first.len().max(to.first.len()) {
            self.path.push(format!("items/{index}"));
            let pair = (from.first.get(index).copied(), to.first.get(index).copied());
            let obstacle = match (pair, from.additional, to.additional) {
                ((Some(original), Some(update)), _, _) => {
                    found.extend(self.places(original, update));
                    None
                }
                ((Some(_), None), _, Additional::Allowed) => None,
                ((Some(original), None), _, Additional::Fitting(covering)) => {
                    let is_covered = self.places(original, covering).is_empty();
                    (!is_covered).then_some("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
                }
                ((Some(_), None), _, Additional::Forbidden) => Some("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL"),
                ((None, Some(update)), Additional::Allowed, _) => {
                    (!self.is_any(update)).then_some("ITEM_ADDED_TO_OPEN_CONTENT_MODEL")
                }
                ((None, Some(update)), Additional::Fitting(covering), _) => {
                    let is_covered = self.places(covering, update).is_empty();
                    (!is_covered).then_some("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
                }
                ((None, _), _, _) => None,
            };
            found.extend(obstacle.map(|code| {
                self.obstacle(
                    code,
                    format!(
                        "the {} schema does not take the items that the {} schema allows here",
                        self.roles.reader, self.roles.writer
                    ),
                )
            }));
            self.path.pop();
        }
        found
    }

    fn is_any(&self, update: Place) -> bool {
        self.update.nodes[target(self.update, update)].shape == JsonShape::Any
    }

    pub(super) fn limit(&self, limit: &Limit, from: Option<f64>, to: Option<f64>) -> Option<Incompatibility> {
        let keyword = limit.keyword;
        Some(match limit.change(from, to)? {
            LimitChange::Added => self.keyword_added(keyword, limit.added),
            LimitChange::Narrowed { from, to } => self.obstacle_at(
                keyword,
                limit.narrowed,
                format!(
                    "'{keyword}' is {to} in the {} schema and {from} in the {} schema",
                    self.roles.reader, self.roles.writer
                ),
            ),
        })
    }

    fn keyword_added(&self, keyword: &str, code: &'static str) -> Incompatibility {
        self.obstacle_at(
            keyword,
            code,
            format!(
                "the {} schema has '{keyword}', which the {} schema does not have",
                self.roles.reader, self.roles.writer
            ),
        )
    }

    fn type_changed(&self) -> Found {
        vec![self.obstacle(
            "TYPE_CHANGED",
            format!(
                "the type in the {} schema does not take all data of the type in the {} schema",
                self.roles.reader, self.roles.writer
            ),
        )]
    }

    pub(super) fn obstacle(&self, code: &'static str, what: String) -> Incompatibility {
        Incompatibility { code, description: format!("{what} (at '{}')", self.place()) }
    }

    pub(super) fn obstacle_at(&self, step: &str, code: &'static str, what: String) -> Incompatibility {
        let place = self.place();
        let separator = if place.ends_with('/') { "" } else { "/" };
        Incompatibility { code, description: format!("{what} (at '{place}{separator}{step}')") }
    }

    fn place(&self) -> String {
        format!("#/{}", self.path.join("/"))
    }
}

/// Where references from a place end.
pub(super) fn target(schema: &JsonSchema, place: Place) -> Place {
    let mut place = place;
    // References that only lead to each other lead nowhere: no more steps are taken than there are nodes.
    for _ in 0..schema.nodes.len() {
        match schema.nodes[place].shape {
            JsonShape::Reference(next) => place = next,
            _ => return place,
        }
    }
    place
}
