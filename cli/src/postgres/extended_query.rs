//! The extended protocol: statements are parsed, bound to values and executed in steps, and rows come
//! in the formats the client asks for, as many at a time as it asks for.
//!
//! A portal on an endless query is suspended before its row limit is reached, as soon as it has given
//! a row and no further one is ready: a driver that reads in batches then gets each row when it exists.
//! It is never suspended without a row, which drivers take for the end.

use std::mem;

use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::PortalSuspended;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};
use postgres_types::Type;

use super::column_type::{Column, columns, parameter_type};
use super::connection::Connection;
use super::encode::{Format, result_formats};
use super::execution::{Answer, check_columns};
use super::failure::{Ending, Failure};
use super::frontend::{Bind, Parse, Target};
use super::interrupts::Interrupts;
use super::parameters::read_parameters;
use super::portal::{Portal, PortalState};
use super::pump::{DataRows, IdleRule, Limit, RowSource, Stop, pump};
use super::simple_query::{row_description, rows_tag};
use super::sqlstate::SqlState;
use super::statement::Statement;
use crate::budget::Reservation;

impl Connection {
    /// Reads a statement and keeps it.
    pub(super) async fn parse(&mut self, parse: Parse) -> Result<(), Ending> {
        let statements = self.session.split(&parse.query)?;
        let (statement, offset) = match statements.as_slice() {
            [] => (Statement::Empty, 0),
            [text] => {
                let offset =
                    parse.query.find(text.as_str()).map_or(0, |at| parse.query[..at].chars().count());
                (Statement::read(text)?, offset)
            }
            _ => {
                return Err(Failure::new(
                    SqlState::SYNTAX_ERROR,
                    "cannot insert multiple commands into a prepared statement",
                )
                .into());
            }
        };
        if !matches!(statement, Statement::Transaction(_) | Statement::Empty) {
            self.transaction.check_usable()?;
        }
        let given: Vec<Option<Type>> = parse.parameter_oids.iter().map(|oid| known_type(*oid)).collect();
        let wanted: Vec<_> = given.iter().map(|given| given.as_ref().and_then(parameter_type)).collect();
        let interrupts = self.interrupts();
        let mut prepared = self
            .prepare(statement, &wanted, offset, &interrupts)
            .await
            .map_err(|ending| shifted(ending, offset))?;
        // What the client says of a type holds for the values it will send.
        for (index, given) in given.into_iter().enumerate() {
            let Some(given) = given else { continue };
            match prepared.parameter_types.get_mut(index) {
                Some(inferred) => *inferred = given,
                None => prepared.parameter_types.push(given),
            }
        }
        prepared.bytes += parse.statement.len();
        Ok(self.statements.insert(parse.statement, prepared)?)
    }

    /// Gives a statement's parameters values.
    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let statement = self.statements.get(&bind.statement)?;
        let parameters =
            read_parameters(&statement.parameter_types, &bind.parameter_formats, &bind.parameters)?;
        let columns = statement.columns.as_ref().map_or(0, Vec::len);
        let formats = if columns == 0 { Vec::new() } else { result_formats(&bind.result_formats, columns)? };
        let bytes = bind.parameters.iter().flatten().map(|value| value.len()).sum();
        let (state, kept) = (PortalState::Ready, Reservation::default());
        let portal = Portal { statement, parameters, formats, state, bytes, kept };
        self.portals.insert(bind.portal, portal)
    }

    /// Tells about a statement's parameters and columns, or a portal's columns.
    pub(super) fn describe(&mut self, target: &Target) -> Result<(), Failure> {
        let (columns, formats) = match target {
            Target::Statement(name) => {
                let statement = self.statements.get(name)?;
                let oids = statement.parameter_types.iter().map(Type::oid).collect();
                self.wire.put(&ParameterDescription::new(oids));
                (statement.columns.clone(), Vec::new())
            }
            Target::Portal(name) => self.describe_portal(name)?,
        };
        match columns {
            Some(columns) => self.wire.put(&row_description(&columns, &formats)),
            None => self.wire.put(&NoData::new()),
        }
        Ok(())
    }

    /// A portal's columns and formats. A cursor declared in SQL is a portal as well: drivers declare one
    /// and then ask what it gives.
    fn describe_portal(&mut self, name: &str) -> Result<(Option<Vec<Column>>, Vec<Format>), Failure> {
        match self.portals.get(name) {
            Ok(portal) => Ok((portal.statement.columns.clone(), portal.formats.clone())),
            Err(unknown) => {
                let cursor = self.cursors.get(name).map_err(|_| unknown)?;
                let columns = columns(cursor.source().schema());
                let formats = vec![cursor.format(); columns.len()];
                Ok((Some(columns), formats))
            }
        }
    }

    /// Forgets a portal, or closes a cursor declared in SQL; that there is none is no error.
    pub(super) fn close_portal(&mut self, name: &str) {
        if !self.portals.remove(name) {
            self.cursors.remove(name);
        }
    }

    /// Runs a portal, up to so many rows; 0 for all.
    pub(super) async fn execute(&mut self, name: String, rows_max: u32) -> Result<(), Ending> {
        // A portal that fails is gone, and its query with it.
        let mut portal = self.portals.take(&name)?;
        let interrupts = self.interrupts();
        let offset = portal.statement.offset;
        self.run_portal(&mut portal, rows_max, &interrupts)
            .await
            .map_err(|ending| shifted(ending, offset))?;
        self.portals.put_back(name, portal);
        Ok(())
    }

    async fn run_portal(
        &mut self,
        portal: &mut Portal,
        rows_max: u32,
        interrupts: &Interrupts,
    ) -> Result<(), Ending> {
        match mem::replace(&mut portal.state, PortalState::Done) {
            PortalState::Done => {
                self.wire.put(&CommandComplete::new(rows_tag("SELECT", 0)));
                Ok(())
            }
            PortalState::Suspended { source, word } => {
                self.transaction.check_usable()?;
                self.send_rows(portal, source, word, rows_max, interrupts).await
            }
            PortalState::Ready => {
                let statement = portal.statement.clone();
                match self.begin(&statement.statement, &portal.parameters, interrupts).await? {
                    Answer::Rows { source, word } => {
                        check_columns(&source, statement.columns.as_ref())?;
                        self.send_rows(portal, source, word, rows_max, interrupts).await
                    }
                    Answer::Fetch(request) => {
                        check_columns(
                            self.cursors.get(&request.cursor)?.source(),
                            statement.columns.as_ref(),
                        )?;
                        self.answer_fetch(&request, portal.formats.clone(), interrupts).await
                    }
                    Answer::Move(request) => self.answer_move(&request, interrupts).await,
                    Answer::Copy(rows, source) => self.answer_copy(rows, source, interrupts).await,
                    Answer::Done(tag) => {
                        self.wire.put(&CommandComplete::new(tag));
                        Ok(())
                    }
                    Answer::Empty => {
                        self.wire.put(&EmptyQueryResponse::new());
                        Ok(())
                    }
                }
            }
        }
    }

    async fn send_rows(
        &mut self,
        portal: &mut Portal,
        mut source: RowSource,
        word: &'static str,
        rows_max: u32,
        interrupts: &Interrupts,
    ) -> Result<(), Ending> {
        let rows_max = Some(u64::from(rows_max)).filter(|rows_max| *rows_max > 0);
        let idle = if rows_max.is_some() && source.is_endless() {
            IdleRule::StopAfterFirst(None)
        } else {
            IdleRule::Wait
        };
        let mut sink = DataRows::new(portal.formats.clone());
        let limit = Limit { rows_max, idle };
        match pump(&mut self.wire, &mut source, &mut sink, limit, interrupts).await? {
            (rows, Stop::Exhausted) => self.wire.put(&CommandComplete::new(rows_tag(word, rows))),
            (_, Stop::Limit | Stop::Idle) => {
                portal.state = PortalState::Suspended { source, word };
                self.wire.put(&PortalSuspended::new());
            }
        }
        Ok(())
    }
}

/// The type with an object identifier; `None` for the one that leaves it open.
fn known_type(oid: u32) -> Option<Type> {
    if oid == 0 || oid == Type::UNKNOWN.oid() {
        return None;
    }
    // Types that this server does not know can only be texts to it.
    Some(Type::from_oid(oid).unwrap_or(Type::TEXT))
}

fn shifted(ending: Ending, characters: usize) -> Ending {
    match ending {
        Ending::Failed(failure) => Ending::Failed(failure.shifted_by(characters)),
        Ending::Gone => Ending::Gone,
    }
}
