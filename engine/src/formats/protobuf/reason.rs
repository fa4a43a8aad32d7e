//! Why a message is no row: what about which value, for people.

use super::wire::Malformed;

/// Why a message is no row.
#[derive(Debug)]
pub(super) struct Reason {
    /// Where: the names around it, as they are written in SQL.
    path: String,
    what: String,
}

/// What appending gives.
pub(super) type Outcome = Result<(), Box<Reason>>;

impl Reason {
    /// A reason that says nothing of its place.
    #[cold]
    pub(super) fn new(what: impl Into<String>) -> Box<Reason> {
        Box::new(Reason { path: String::new(), what: what.into() })
    }

    /// A builder of another shape than its plan: they are made from the same type.
    #[cold]
    pub(super) fn unplanned(what: &str) -> Box<Reason> {
        Reason::new(format!("the {what} is not laid out as planned"))
    }

    /// The same seen from the field around it.
    pub(super) fn within_field(mut self: Box<Reason>, name: &str) -> Box<Reason> {
        let step = if self.path.is_empty() { format!("`{name}`") } else { format!("`{name}`->") };
        self.path.insert_str(0, &step);
        self
    }
}

impl From<Malformed> for Box<Reason> {
    fn from(malformed: Malformed) -> Box<Reason> {
        Reason::new(format!("no valid Protobuf: {}", malformed.0))
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.path.is_empty() {
            write!(f, "column {}: ", self.path)?;
        }
        f.write_str(&self.what)
    }
}
