//! What else may listen where Postgres's protocol was expected: the other doors of a server, which are told by
//! how they answer in their own protocols.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long an answer may take. One that is not there by then is not needed: it would only say more about
/// a failure.
const ANSWER_WAIT: Duration = Duration::from_millis(400);

/// Kafka's question which requests are understood (ApiVersions, version 0, without a client's name), with
/// its length ahead.
const KAFKA_QUESTION: &[u8] = b"\0\0\0\x0a\0\x12\0\0tide\xff\xff";

/// Where the number stands in the answer that was given to the request, behind the length.
const KAFKA_NUMBER: (usize, &[u8]) = (4, b"tide");

/// A question in HTTP, and how every answer to it begins.
const HTTP_QUESTION: &[u8] = b"HEAD / HTTP/1.0\r\n\r\n";
const HTTP_ANSWER: (usize, &[u8]) = (0, b"HTTP/");

/// The protocol in which the first host of an address answers, if it is one of a server's others.
pub(super) async fn protocol(config: &Config) -> Option<&'static str> {
    let port = *config.get_ports().first()?;
    let host = match (config.get_hostaddrs().first(), config.get_hosts().first()?) {
        (Some(address), _) => address.to_string(),
        (None, Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        (None, Host::Unix(_)) => return None,
    };
    for (name, question, answer) in
        [("Kafka", KAFKA_QUESTION, KAFKA_NUMBER), ("HTTP", HTTP_QUESTION, HTTP_ANSWER)]
    {
        let asked = tokio::time::timeout(ANSWER_WAIT, answers(&host, port, question, answer)).await;
        if matches!(asked, Ok(Ok(true))) {
            return Some(name);
        }
    }
    None
}

/// Whether a question is answered with these bytes at this place.
async fn answers(
    host: &str,
    port: u16,
    question: &[u8],
    (place, expected): (usize, &[u8]),
) -> io::Result<bool> {
    let mut stream = match host.parse::<IpAddr>() {
        Ok(address) => TcpStream::connect((address, port)).await?,
        Err(_) => TcpStream::connect((host, port)).await?,
    };
    stream.write_all(question).await?;
    let mut answer = vec![0; place + expected.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer.ends_with(expected))
}
