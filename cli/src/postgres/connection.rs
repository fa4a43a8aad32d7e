//! One connection: its state, and the loop that takes messages one after the other.

use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete};
use pgwire::messages::response::ReadyForQuery;
use tidemill_engine::Session;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cancel::Registration;
use super::cursor::Cursors;
use super::failure::{Ending, Failure};
use super::frontend::{FrontendMessage, MessageError, Target};
use super::interrupts::{Interrupts, shut_down};
use super::portal::{Portals, PreparedStatements};
use super::reported_settings::ReportedSettings;
use super::sqlstate::SqlState;
use super::transaction::Transaction;
use super::wire::{Frame, Wire};
use crate::budget::Budget;

/// A connection that has started.
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) session: Session,
    pub(super) transaction: Transaction,
    pub(super) statements: PreparedStatements,
    pub(super) portals: Portals,
    pub(super) cursors: Cursors,
    registration: Registration,
    reported: ReportedSettings,
    shutdown: CancellationToken,
    /// After an error in the extended protocol everything up to the next Sync is passed over.
    skips_until_sync: bool,
}

impl Connection {
    /// A connection with its session; `kept` is what all connections may keep together.
    pub(super) fn new(
        wire: Wire,
        session: Session,
        registration: Registration,
        shutdown: CancellationToken,
        kept: &Budget,
    ) -> Connection {
        Connection {
            wire,
            session,
            transaction: Transaction::new(),
            statements: PreparedStatements::new(kept.clone()),
            portals: Portals::new(kept.clone()),
            cursors: Cursors::default(),
            registration,
            reported: ReportedSettings::new(),
            shutdown,
            skips_until_sync: false,
        }
    }

    /// Serves the client until one of the two leaves. A fatal failure is told before the end.
    pub(super) async fn serve(mut self) {
        if let Err(Ending::Failed(failure)) = self.serve_messages().await {
            self.wire.put(&failure.response());
        }
        self.wire.close().await;
    }

    async fn serve_messages(&mut self) -> Result<(), Ending> {
        self.ready().await?;
        loop {
            let frame = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return Err(shut_down().into()),
                frame = self.wire.next_frame() => frame?,
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            let is_query = frame.message_type == b'Q';
            match self.handle(frame).await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(Ending::Failed(failure)) if !failure.fatal => {
                    self.wire.put(&failure.response());
                    self.transaction.fail();
                    if is_query {
                        self.ready().await?;
                    } else {
                        self.skips_until_sync = true;
                        self.wire.flush().await?;
                    }
                }
                Err(ending) => return Err(ending),
            }
        }
    }

    /// Handles a message; `false` where it is the last.
    async fn handle(&mut self, frame: Frame) -> Result<bool, Ending> {
        // Sync ends the passing over; Terminate ends everything.
        if self.skips_until_sync && !matches!(frame.message_type, b'S' | b'X') {
            return Ok(true);
        }
        let Frame { message_type, body, reservation: _held } = frame;
        match FrontendMessage::read(message_type, body).map_err(refusal)? {
            FrontendMessage::Query(text) => {
                self.simple_query(&text).await?;
                self.ready().await?;
            }
            FrontendMessage::Parse(parse) => {
                self.parse(parse).await?;
                self.wire.put(&ParseComplete::new());
            }
            FrontendMessage::Bind(bind) => {
                self.bind(bind)?;
                self.wire.put(&BindComplete::new());
            }
            FrontendMessage::Describe(target) => self.describe(&target)?,
            FrontendMessage::Execute { portal, rows_max } => self.execute(portal, rows_max).await?,
            FrontendMessage::Close(target) => {
                match target {
                    Target::Statement(name) => {
                        self.statements.remove(&name);
                    }
                    Target::Portal(name) => self.close_portal(&name),
                }
                self.wire.put(&CloseComplete::new());
            }
            FrontendMessage::Flush => self.wire.flush().await?,
            FrontendMessage::Sync => {
                self.skips_until_sync = false;
                if !self.transaction.in_block() {
                    self.portals.clear();
                }
                self.ready().await?;
            }
            FrontendMessage::Terminate => return Ok(false),
            // What is left of a COPY that failed; Postgres passes over it as well.
            FrontendMessage::CopyInput => {}
            FrontendMessage::Password => {
                return Err(Failure::fatal(
                    SqlState::PROTOCOL_VIOLATION,
                    "unexpected password message: none was asked for",
                )
                .into());
            }
        }
        Ok(true)
    }

    /// The interrupts of a statement that begins now.
    pub(super) fn interrupts(&self) -> Interrupts {
        let timeout = self.session.statement_timeout();
        Interrupts::new(
            self.registration.begin_statement(),
            self.shutdown.clone(),
            // A time beyond what a clock can show never comes.
            timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        )
    }

    /// Tells the client that it is its turn, after what it should know by then.
    async fn ready(&mut self) -> Result<(), Ending> {
        self.reported.report(&self.session, &mut self.wire);
        self.wire.put(&ReadyForQuery::new(self.transaction.status()));
        self.wire.flush().await?;
        self.wire.shrink();
        Ok(())
    }
}

/// Whether a message that cannot be read ends the connection: where the end of it is in doubt, it does.
fn refusal(error: MessageError) -> Failure {
    match error {
        MessageError::NotUtf8 => Failure::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, error.to_string()),
        MessageError::Malformed | MessageError::UnknownType(_) => {
            Failure::fatal(SqlState::PROTOCOL_VIOLATION, error.to_string())
        }
    }
}
