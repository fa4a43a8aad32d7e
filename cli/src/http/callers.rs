//! Who may ask: programs of this machine, and no web page.
//!
//! The server listens on loopback and trusts whoever reaches it there. A browser on this machine does, for
//! every page it shows: a page may send requests here, or have its own name lead to this address. Browsers
//! tell: what they send for a page to another place has an `Origin`, and `Host` is the page's name where that
//! was made to lead here.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets through what no web page has sent.
pub(super) async fn check(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        Some(reason) => (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response(),
        None => next.run(request).await,
    }
}

/// Why a request is not answered.
fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(header::ORIGIN) {
        return Some("requests of web pages are not answered: this one has an Origin");
    }
    // Only programs of the first days send no host, and browsers are none.
    let host = headers.get(header::HOST)?;
    let is_here = host.to_str().is_ok_and(|host| is_loopback(without_port(host)));
    (!is_here).then_some("the host of the request is no name of this machine: use localhost or 127.0.0.1")
}

fn without_port(host: &str) -> &str {
    if let Some(address) = host.strip_prefix('[') {
        return address.split(']').next().unwrap_or(address);
    }
    host.split(':').next().unwrap_or(host)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        for (host, is_answered) in [
            ("localhost", true),
            ("LOCALHOST.:8088", true),
            ("127.0.0.1:8088", true),
            ("127.1.2.3", true),
            ("[::1]:8088", true),
            ("evil.example", false),
            ("localhost.evil.example:8088", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            assert_eq!(refusal(&headers).is_none(), is_answered, "{host}");
            headers.insert(header::ORIGIN, HeaderValue::from_static("http://localhost"));
            assert!(refusal(&headers).is_some());
        }
        assert_eq!(refusal(&HeaderMap::new()), None);
    }
}
