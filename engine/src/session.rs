//! Who is asking, with which settings: one session a connection.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::tokenizer::Span;
use tidemill_sql::lookup::Lookup;
use tidemill_sql::parser::ast::{DescribeTarget, Show, ShowWhat, Statement};
use tidemill_sql::parser::identifier::Name;
use tidemill_sql::parser::variables::{Substituted, substitute};
use tidemill_sql::parser::{self, Parsed, parse_one};
use tidemill_sql::planner;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::lookup::EngineLookup;
use crate::operators::aggregate::{AggregatePolicy, Overflow, Overtaken};
use crate::response::Response;
use crate::runtime::query::StartAt;
use crate::serving::own_inserts::{self, Written};
use crate::statements::text_rows::{self, done};
use crate::statements::{assert, changes, describe, explain, insert, print, select, settings, show, system};
use crate::system_catalog::CatalogQuery;

/// Which rule of names and of SELECT a session follows (one rule, in one place: the session).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Regular upper-case names are shown in lower case, and a quoted lower-case name falls back to
    /// the stored upper-case one; SELECT without EMIT is PostgreSQL's.
    Postgres,
    /// Names are shown as they are stored.
    Ksql,
}

/// Who opens a session.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// User name as the client gave it.
    pub user: String,
    /// Database name as the client gave it.
    pub database: String,
    /// Number of the client's connection; 0 where there is none.
    pub backend_id: i32,
    /// Rule of names.
    pub dialect: Dialect,
}

/// A statement that is understood but not yet run.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The text.
    pub text: String,
    /// Types of `$1`, `$2`, …, where they could be told.
    pub parameters: Vec<Option<DataType>>,
    /// Columns of the rows it will give; `None` for a command.
    pub columns: Option<SchemaRef>,
}

/// A session. Dropping it ends nothing but its own settings; running row streams live on until they
/// are dropped themselves.
pub struct Session {
    engine: Engine,
    options: SessionOptions,
    settings: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    /// What this session has inserted and what its queries began with, as far as its own SELECTs may have
    /// to wait for it.
    written: Written,
}

impl Session {
    pub(crate) fn new(engine: Engine, options: SessionOptions) -> Session {
        Session {
            engine,
            options,
            settings: BTreeMap::new(),
            variables: BTreeMap::new(),
            written: Written::new(),
        }
    }

    /// The session as it is now, for a statement that may outlive it.
    pub(crate) fn for_change(&self) -> Session {
        Session {
            engine: self.engine.clone(),
            options: self.options.clone(),
            settings: self.settings.clone(),
            variables: self.variables.clone(),
            written: Written::new(),
        }
    }

    /// Who asked.
    #[must_use]
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// The engine behind it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Variables made by DEFINE.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Cuts a text into its statements, without reading their meaning. Empty statements are left out.
    ///
    /// # Errors
    /// `Syntax` for an unfinished quote or comment, `TooComplex` over the limits.
    pub fn split(&self, text: &str) -> Result<Vec<String>> {
        parser::complexity::check_text(text)?;
        let split = parser::split(text);
        Ok(split.statements.iter().chain(&split.remainder).map(|piece| piece.text.to_owned()).collect())
    }

    fn parse(&self, statement: &str) -> Result<Parsed> {
        Ok(parse_one(statement)?)
    }

    /// Reads one statement and tells its parameters and columns, without running it.
    ///
    /// # Errors
    /// Everything that is wrong with the statement.
    pub async fn prepare(&self, statement: &str, parameters: &[Option<DataType>]) -> Result<Prepared> {
        let substituted = self.substituted(statement)?;
        let prepared = self.prepare_unlocated(substituted.text(), parameters).await;
        prepared.map_err(|error| error.written(&substituted).located_in(statement))
    }

    async fn prepare_unlocated(&self, statement: &str, parameters: &[Option<DataType>]) -> Result<Prepared> {
        if let Some(query) = CatalogQuery::read(statement) {
            let (parameters, columns) = system::prepare(self, &query, parameters)?;
            return Ok(Prepared { text: statement.to_owned(), parameters, columns: Some(columns) });
        }
        let parsed = self.parse(statement)?;
        let mut types = parameters.to_vec();
        let is_pull = matches!(&parsed.statement, Statement::Query(query) if !select::is_push(query));
        if !is_pull {
            fill_gaps(&mut types, planner::parameter_types(&parsed.statement, &self.lookup()));
        }
        let columns: Option<SchemaRef> = match &parsed.statement {
            Statement::Query(query) if select::is_push(query) => {
                let mut bound = parsed.statement.clone();
                planner::bind_nulls(&mut bound, &types)?;
                let query = if let Statement::Query(bound) = &bound { bound } else { query };
                let plan = select::plan_push(self, query)?;
                Some(select::shown_schema(self, &plan.schema))
            }
            Statement::Query(query) => {
                if let Some(planned) = select::plan_as_ksql(self, query)? {
                    Some(planned.schema().clone())
                } else {
                    let (query, plan) = select::plan_now(self, query, statement).await?;
                    fill_gaps(&mut types, select::parameter_types(&plan)?);
                    Some(query.shown_schema(plan.schema().as_arrow()))
                }
            }
            Statement::Show(Show { what: ShowWhat::Setting(name), .. }) => {
                Some(settings::show_one_schema(name))
            }
            Statement::Show(show) => show::columns(&show.what, show.extended).map(text_rows::schema),
            Statement::Describe { target, extended } => {
                Some(text_rows::schema(describe::columns(target, *extended)))
            }
            Statement::Explain(_) => Some(text_rows::schema(explain::COLUMNS)),
            Statement::Print(_) => Some(print::schema()),
            _ => None,
        };
        Ok(Prepared { text: parsed.text, parameters: types, columns })
    }

    /// Runs one statement with values for its parameters.
    ///
    /// # Errors
    /// Everything that is wrong with the statement, or goes wrong before its first row.
    pub async fn execute(&mut self, statement: &str, parameters: &[ScalarValue]) -> Result<Response> {
        let substituted = self.substituted(statement)?;
        let response = self.execute_unlocated(substituted.text(), parameters).await;
        response.map_err(|error| error.written(&substituted).located_in(statement))
    }

    /// The statement with the session's variables in it.
    fn substituted<'t>(&self, statement: &'t str) -> Result<Substituted<'t>> {
        let enabled = self.setting("ksql.variable.substitution.enable");
        if enabled.is_some_and(|enabled| !settings::is_on(&enabled)) {
            return Ok(Substituted::unchanged(statement));
        }
        substitute(statement, &self.variables).map_err(|error| Error::from(error).located_in(statement))
    }

    async fn execute_unlocated(&mut self, statement: &str, parameters: &[ScalarValue]) -> Result<Response> {
        if let Some(query) = CatalogQuery::read(statement) {
            return system::execute(self, &query, parameters).await;
        }
        let mut parsed = self.parse(statement)?;
        let is_pull = matches!(&parsed.statement, Statement::Query(query) if !select::is_push(query));
        if !parameters.is_empty() && !is_pull {
            planner::bind_parameters(&mut parsed.statement, parameters)?;
        }
        if !parameters.is_empty()
            && matches!(parsed.statement, Statement::CreateAsSelect(_) | Statement::InsertSelect(_))
        {
            // What is stored has to hold the values too.
            parsed.text = parsed.statement.to_string();
        }
        if changes::is_change(&parsed.statement) {
            let filled = match &parsed.statement {
                Statement::CreateAsSelect(create) => Some(create.name.value.clone()),
                Statement::InsertSelect(insert) => Some(self.resolved(&insert.target).value),
                _ => None,
            };
            let response = changes::execute(self, parsed).await?;
            // The statement is done, whatever the log says of the ends.
            if let Some(Ok(held)) = filled.map(|filled| own_inserts::held_by_sources(&self.engine, &filled)) {
                self.written.extend(held);
            }
            return Ok(response);
        }
        let text = parsed.text.as_str();
        let engine = self.engine.clone();
        match &parsed.statement {
            Statement::Query(query) => {
                if is_pull {
                    self.await_own_inserts(statement, query.span).await?;
                }
                select::select(self, query, statement, parameters).await
            }
            Statement::InsertValues(values) => {
                let (response, written) = insert::insert_values(self, values).await?;
                self.written.extend(written);
                Ok(response)
            }
            Statement::Show(statement) => show::show(self, statement),
            Statement::Describe { target: DescribeTarget::Source(name), extended } => {
                let target = DescribeTarget::Source(self.resolved(name));
                describe::describe(self, &target, *extended)
            }
            Statement::Describe { target, extended } => describe::describe(self, target, *extended),
            Statement::Explain(explained) => explain::explain(self, explained, statement).await,
            Statement::Print(statement) => print::print(&engine, statement),
            Statement::AssertTopic(statement) => assert::assert_topic(&engine, statement).await,
            Statement::AssertSchema(statement) => assert::assert_schema(&engine, statement).await,
            Statement::Set(set) => {
                if set.is_property {
                    settings::check_property(&set.name)?;
                }
                let values: Vec<String> = set.values.iter().map(|value| value.as_text()).collect();
                let message = if values.is_empty() {
                    self.unset(Some(&set.name))?;
                    None
                } else {
                    self.set(&set.name, &values.join(", "))?
                };
                Ok(Response::Done { tag: "SET".to_owned(), message })
            }
            Statement::Unset { name } => {
                self.unset(name.as_ref().map(|name| name.value.as_str()))?;
                Ok(Response::Done { tag: "RESET".to_owned(), message: None })
            }
            Statement::Define { name, value } => {
                self.variables.insert(name.value.to_uppercase(), value.clone());
                Ok(done("DEFINE", format!("Defined '{}'", name.value.as_str())))
            }
            Statement::Undefine { name } => match self.variables.remove(&name.value.to_uppercase()) {
                Some(_) => Ok(done("UNDEFINE", format!("Undefined '{}'", name.value.as_str()))),
                None => {
                    let message = format!("there is no variable '{}'", name.value.as_str());
                    Err(Error::new(ErrorKind::NotFound, message)
                        .at(tidemill_sql::Position::from_location(name.span.start))
                        .with_hint("SHOW VARIABLES lists them")
                        .with_suggestion(&name.value, self.variables.keys().map(String::as_str)))
                }
            },
            // The shell runs scripts itself; to a server this is no statement.
            Statement::RunScript { .. } => {
                Err(Error::new(ErrorKind::Syntax, "Syntax error at or near 'RUN'")
                    .at(Some(tidemill_sql::Position { line: 1, column: 1 }))
                    .with_hint("RUN SCRIPT is a command of the shell: send the script's statements"))
            }
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                format!("this statement cannot be run here: {}", statement_word(text)),
            )),
        }
    }

    /// Waits until a SELECT over what is there now finds what this session has inserted.
    async fn await_own_inserts(&mut self, text: &str, select: Span) -> Result<()> {
        if self.written.is_empty() {
            return Ok(());
        }
        // What does not parse reads nothing; the statement itself says what is wrong with it.
        let Ok(query) = parser::parse_general(text, select) else { return Ok(()) };
        if !own_inserts::arrived(&self.engine, &self.written, &query).await? {
            // A query that is far behind is waited for once, and read as it is from then on.
            self.written.clear();
        }
        Ok(())
    }

    /// A setting of the session or its default, by name in any case: ksqlDB's
    /// (`auto.offset.reset`) and Postgres' (`search_path`, `DateStyle` …).
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        let name = settings::canonical(name);
        let name = name.as_str();
        if let Some(value) = self.settings.get(name) {
            return Some(value.clone());
        }
        match name {
            "session_authorization" => Some(self.options.user.clone()),
            _ => settings::find(name).map(|setting| setting.default.to_owned()),
        }
    }

    /// Changes a setting. Gives a sentence for people where nothing here reads it.
    ///
    /// # Errors
    /// `UnknownSetting`, `Invalid` for a value that cannot be.
    pub fn set(&mut self, name: &str, value: &str) -> Result<Option<String>> {
        let name = settings::canonical(name);
        let notice = settings::check(&name, value)?;
        self.settings.insert(name, value.to_owned());
        Ok(notice)
    }

    /// What was set under names that are declared nowhere: other servers' settings and the client's own.
    pub(crate) fn foreign_settings(&self) -> impl Iterator<Item = (&str, &str)> {
        let foreign = self.settings.iter().filter(|(name, _)| settings::find(name).is_none());
        foreign.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Takes a setting back to its default; all of them without a name.
    ///
    /// # Errors
    /// `UnknownSetting`.
    pub fn unset(&mut self, name: Option<&str>) -> Result<()> {
        let Some(name) = name else {
            self.settings.clear();
            return Ok(());
        };
        let name = settings::canonical(name);
        if self.settings.remove(&name).is_none() && settings::find(&name).is_none() {
            settings::check_unset(&name)?;
        }
        Ok(())
    }

    /// What the planner may ask, as of now.
    pub(crate) fn lookup(&self) -> EngineLookup {
        EngineLookup {
            catalog: self.engine.catalog().state(),
            settings: self.settings.clone(),
            log: self.engine.log().clone(),
            schemas: self.engine.schemas().clone(),
            lenient_names: self.options.dialect == Dialect::Postgres,
        }
    }

    /// The name of the source that a written name means; the name itself where there is none.
    pub(crate) fn resolved(&self, name: &Name) -> Name {
        let stored =
            self.lookup().resolve(name).map_or_else(|| name.value.clone(), |found| found.name.clone());
        Name { value: stored, ..name.clone() }
    }

    /// How long a statement may take; `None` for as long as it does.
    #[must_use]
    pub fn statement_timeout(&self) -> Option<Duration> {
        let value = self.setting("statement_timeout")?;
        settings::parse_duration(&value).filter(|timeout| !timeout.is_zero())
    }

    /// Where a new query begins.
    pub(crate) fn start_at(&self, default: StartAt) -> StartAt {
        match self.setting("auto.offset.reset").as_deref().map(str::to_lowercase).as_deref() {
            Some("earliest") => StartAt::Earliest,
            Some("latest") => StartAt::Latest,
            _ => default,
        }
    }

    /// Whether it was set where new queries begin.
    pub(crate) fn says_where_to_start(&self) -> bool {
        self.settings.contains_key("auto.offset.reset")
    }

    /// What was set of the settings that planning asks for.
    pub(crate) fn planning_settings(&self) -> BTreeMap<String, String> {
        let set = self.settings.iter().filter(|(name, _)| name.starts_with("ksql."));
        set.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Whether every update of a key is to be passed on.
    pub(crate) fn every_update(&self) -> bool {
        self.setting("cache.max.bytes.buffering").as_deref() == Some("0")
    }

    /// Whether statements that ksqlDB could not run are refused, though they could be run here.
    pub(crate) fn within_ksqldb_limits(&self) -> bool {
        self.setting(planner::KSQLDB_LIMITS).is_some_and(|value| settings::is_on(&value))
    }

    /// What becomes of results where ksqlDB and this server differ.
    pub(crate) fn aggregate_policy(&self) -> AggregatePolicy {
        let says = |name: &str, value: &str| {
            self.setting(name).is_some_and(|setting| setting.eq_ignore_ascii_case(value))
        };
        AggregatePolicy {
            overtaken: if says("tidemill.emit.final.overtaken", "forget") {
                Overtaken::Forget
            } else {
                Overtaken::Emit
            },
            overflow: if says("tidemill.sum.overflow", "fail") { Overflow::Fail } else { Overflow::Null },
        }
    }
}

/// Completes the types that a client gave with those that were found out.
fn fill_gaps(types: &mut Vec<Option<DataType>>, found: Vec<Option<DataType>>) {
    if types.len() < found.len() {
        types.resize(found.len(), None);
    }
    for (known, found) in types.iter_mut().zip(found) {
        if known.is_none() {
            *known = found;
        }
    }
}

/// The first words of a statement, for messages.
fn statement_word(text: &str) -> String {
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
