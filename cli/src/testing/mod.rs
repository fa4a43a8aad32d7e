//! Tests of queries: what a file says goes in and has to come out, checked without a server and without
//! a clock.
//!
//! A case is a list of statements, records that go in, and what is expected: records that come out, an
//! error, answers of SELECTs. Each case has an engine of its own, in memory, whose queries are driven
//! record by record ([`tidemill_engine::driver`]): the same planner, operators and formats as in a
//! server.
//!
//! - [`case`], [`case_files`], [`three_files`]: what a case says, and the files it stands in;
//! - [`pool`]: many cases at once, none of which can bring down the others;
//! - [`world`]: the engine of a case, its topics and what has come to them;
//! - [`statements`]: running a case's statements; [`declared_topics`], [`registered_schemas`]: the topics they
//!   need beforehand, and the schemas of these;
//! - [`feeding`]: which record goes through which query when;
//! - [`record_topics`]: whether records are of topics that statements read and write;
//! - [`value_match`], [`record_match`]: whether what came out is what was expected;
//! - [`rejection`]: cases that expect an error;
//! - [`request_case`]: a case of requests and their answers; [`answers`], [`answer_match`]: what is
//!   answered, and whether it is what was expected;
//! - [`post_conditions`]: what has to exist in the end;
//! - [`query_case`]: a case from its statements to its verdict;
//! - [`verdict`]: what became of a case; [`report`], [`junit`], [`table`]: telling it;
//! - [`known_failures`]: cases that are known to fail; [`update`]: writing what came out as expected, into files
//!   that stay as they are laid out ([`json_text`]).

mod answer_match;
mod answers;
mod case;
mod case_files;
mod declared_topics;
mod feeding;
mod json_text;
mod junit;
mod known_failures;
mod pool;
mod post_conditions;
mod query_case;
mod record_match;
mod record_topics;
mod registered_schemas;
mod rejection;
mod report;
mod request_case;
mod statements;
mod table;
mod three_files;
mod update;
mod value_match;
mod verdict;
mod world;

use std::path::PathBuf;

pub(crate) use case_files::CaseSource;
pub(crate) use known_failures::KnownFailures;
pub(crate) use pool::{Finished, run_all};
pub(crate) use {case_files::collect, junit::junit, report::report, table::table, update::update};

/// Which cases of those found are run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Part of the id.
    pub(crate) filter: Option<String>,
    /// Tiers; empty for all.
    pub(crate) tiers: Vec<String>,
}

impl Selection {
    /// Whether a case is run.
    pub(crate) fn takes(&self, id: &str, tier: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| id.contains(filter.as_str()))
            && (self.tiers.is_empty() || self.tiers.iter().any(|wanted| wanted.eq_ignore_ascii_case(tier)))
    }

    /// Whether every case is run.
    pub(crate) fn is_everything(&self) -> bool {
        self.filter.is_none() && self.tiers.is_empty()
    }
}

/// Where a case stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    /// In a file of cases, at this position in its list.
    InFile(PathBuf, usize),
    /// In a directory of three files.
    Directory(PathBuf),
}
