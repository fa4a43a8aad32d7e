//! The beginning of a connection: encryption is declined, the client says who it is and what it wants.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::response::SslResponse;
use pgwire::messages::startup::{NegotiateProtocolVersion, SecretKey, Startup};
use pgwire::messages::{DecodeContext, Message, ProtocolVersion};

use super::failure::{Ending, Failure};
use super::sqlstate::SqlState;
use super::wire::Wire;

/// The longest startup packet, as in Postgres: names and a few settings.
const STARTUP_BYTES_MAX: usize = 10_000;

/// Packets before the session: a client may ask for TLS and for GSSAPI encryption, and then starts.
const STARTUP_PACKETS_MAX: usize = 3;

/// Request codes, which stand where a version would.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// Major version of the protocol, and the newest minor one spoken here.
const PROTOCOL_MAJOR: u16 = 3;
const PROTOCOL_MINOR: u16 = 2;

/// What a new connection is for.
pub(super) enum Opening {
    /// A session.
    Session(SessionRequest),
    /// To cancel what another connection runs.
    Cancel { id: i32, secret: SecretKey },
}

/// Who wants a session, and how.
#[derive(PartialEq, Debug)]
pub(super) struct SessionRequest {
    pub(super) user: String,
    pub(super) database: String,
    /// Settings, in the order in which they are to be made.
    pub(super) settings: Vec<(String, String)>,
    /// Whether cancel secrets may be longer than four bytes (protocol 3.2).
    pub(super) long_secret: bool,
}

/// Reads what a new connection is for; `None` when it closes without saying.
pub(super) async fn open(wire: &mut Wire) -> Result<Option<Opening>, Ending> {
    for _ in 0..STARTUP_PACKETS_MAX {
        let Some(packet) = wire.next_startup_packet(STARTUP_BYTES_MAX).await? else {
            return Ok(None);
        };
        match request_code(&packet) {
            // The answer to both kinds of encryption is the same byte: no.
            SSL_REQUEST | GSS_ENCRYPTION_REQUEST => {
                wire.output().put_u8(SslResponse::BYTE_REFUSE);
                wire.flush().await?;
            }
            CANCEL_REQUEST => return cancel_request(packet).map(Some),
            _ => return session_request(wire, packet).map(|request| Some(Opening::Session(request))),
        }
    }
    Err(Failure::fatal(SqlState::PROTOCOL_VIOLATION, "too many encryption requests").into())
}

/// The four bytes behind the length. Packets are eight bytes long at least.
fn request_code(packet: &BytesMut) -> u32 {
    packet.get(4..8).map_or(0, |code| u32::from_be_bytes([code[0], code[1], code[2], code[3]]))
}

fn cancel_request(mut packet: BytesMut) -> Result<Opening, Ending> {
    // Version 3.2 reads secrets of every length.
    let context = DecodeContext::new(ProtocolVersion::PROTOCOL3_2);
    match CancelRequest::decode(&mut packet, &context) {
        Ok(Some(request)) => Ok(Opening::Cancel { id: request.pid, secret: request.secret_key }),
        _ => Err(Failure::fatal(SqlState::PROTOCOL_VIOLATION, "invalid length of cancel request").into()),
    }
}

fn session_request(wire: &mut Wire, mut packet: BytesMut) -> Result<SessionRequest, Ending> {
    let code = request_code(&packet);
    let (major, minor) = ((code >> 16) as u16, code as u16);
    if major != PROTOCOL_MAJOR {
        return Err(Failure::fatal(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{PROTOCOL_MINOR}"
            ),
        )
        .into());
    }
    let context = DecodeContext::new(ProtocolVersion::PROTOCOL3_0);
    let Ok(Some(startup)) = Startup::decode(&mut packet, &context) else {
        return Err(Failure::fatal(SqlState::PROTOCOL_VIOLATION, "invalid startup packet layout").into());
    };
    let (extensions, parameters): (BTreeMap<_, _>, BTreeMap<_, _>) =
        startup.parameters.into_iter().partition(|(name, _)| name.starts_with("_pq_."));
    if minor > PROTOCOL_MINOR || !extensions.is_empty() {
        let newest = (i32::from(PROTOCOL_MAJOR) << 16) | i32::from(minor.min(PROTOCOL_MINOR));
        wire.put(&NegotiateProtocolVersion::new(newest, extensions.into_keys().collect()));
    }
    let long_secret = minor >= PROTOCOL_MINOR;
    read_parameters(parameters, long_secret).map_err(Ending::from)
}

fn read_parameters(
    mut parameters: BTreeMap<String, String>,
    long_secret: bool,
) -> Result<SessionRequest, Failure> {
    let user = parameters.remove("user").filter(|user| !user.is_empty()).ok_or_else(|| {
        Failure::fatal(SqlState::INVALID_AUTHORIZATION, "no user name specified in startup packet")
    })?;
    let database =
        parameters.remove("database").filter(|database| !database.is_empty()).unwrap_or_else(|| user.clone());
    if parameters.remove("replication").is_some_and(|value| !matches!(&*value, "false" | "off" | "no" | "0"))
    {
        return Err(Failure::fatal(
            SqlState::FEATURE_NOT_SUPPORTED,
            "replication connections are not supported; consume the topics over the Kafka protocol instead",
        ));
    }
    if let Some(encoding) = parameters.remove("client_encoding")
        && !is_utf8(&encoding)
    {
        return Err(Failure::fatal(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"client_encoding\": \"{encoding}\""),
        )
        .with_hint("UTF8 is the only encoding here"));
    }
    // What the options say comes first, so that a parameter of its own overrules it.
    let mut settings = parameters.remove("options").map_or_else(Vec::new, |options| read_options(&options));
    settings.extend(parameters);
    Ok(SessionRequest { user, database, settings, long_secret })
}

fn is_utf8(encoding: &str) -> bool {
    let letters: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect();
    ["utf8", "unicode", "sqlascii"].iter().any(|name| letters.eq_ignore_ascii_case(name))
}

/// Settings in the form of a command line: `-c name=value`, `-cname=value`, `--name=value`. Words end at
/// spaces; a backslash takes the next character as it is.
fn read_options(options: &str) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut words = split_words(options).into_iter();
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next()
        } else {
            word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).map(str::to_owned)
        };
        if let Some((name, value)) = assignment.as_deref().and_then(|text| text.split_once('=')) {
            settings.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    settings
}

fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            _ if character.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_database_is_the_user_where_it_is_not_said() {
        let request = read_parameters(parameters(&[("user", "ada")]), true).expect("is complete");
        assert_eq!((request.user.as_str(), request.database.as_str()), ("ada", "ada"));
    }

    #[test]
    fn options_come_before_parameters() {
        let given = parameters(&[
            ("user", "ada"),
            ("options", r"-c search_path=a\ b --statement-timeout=5s -cjit=off"),
            ("application_name", "psql"),
        ]);
        let settings = read_parameters(given, true).expect("is complete").settings;
        let expected = [
            ("search_path", "a b"),
            ("statement_timeout", "5s"),
            ("jit", "off"),
            ("application_name", "psql"),
        ];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn other_encodings_and_replication_are_refused() {
        assert!(read_parameters(parameters(&[("user", "a"), ("client_encoding", "LATIN1")]), true).is_err());
        assert!(read_parameters(parameters(&[("user", "a"), ("client_encoding", "utf-8")]), true).is_ok());
        assert!(read_parameters(parameters(&[("user", "a"), ("replication", "database")]), true).is_err());
        assert!(read_parameters(parameters(&[]), true).is_err());
    }
}
