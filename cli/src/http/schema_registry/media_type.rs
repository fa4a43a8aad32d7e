//! The media type of answers: the registry's own, or plain JSON for who asks for that.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;

/// The registry's own media type.
pub(super) const OWN: &str = "application/vnd.schemaregistry.v1+json";

/// All types an answer can have; the first is the one for who does not say.
const OFFERED: [&str; 3] = [OWN, "application/vnd.schemaregistry+json", "application/json"];

/// What the body of a request may be called, which is JSON whatever it is called.
const TAKEN: [&str; 4] = [OWN, OFFERED[1], OFFERED[2], "application/octet-stream"];

/// Gives answers the type that the request likes best, and refuses bodies of other types than JSON: forms and
/// plain texts are what web pages can send without being asked for leave.
pub(super) async fn negotiate(request: Request, next: Next) -> Response {
    let chosen = chosen(request.headers());
    let mut response = if is_taken(request.headers()) {
        next.run(request).await
    } else {
        Refusal::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response()
    };
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|written| written == OWN) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(chosen));
    }
    response
}

fn is_taken(headers: &HeaderMap) -> bool {
    let Some(written) = headers.get(header::CONTENT_TYPE) else { return true };
    let name = written.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    TAKEN.into_iter().any(|taken| taken.eq_ignore_ascii_case(name))
}

/// The offered type of the highest weight; of several, the one that is named first.
fn chosen(headers: &HeaderMap) -> &'static str {
    let mut best: Option<(f32, &'static str)> = None;
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for entry in accepted.flat_map(|value| value.split(',')) {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        let offered = OFFERED.into_iter().find(|offered| offered.eq_ignore_ascii_case(name));
        if let Some(offered) = offered
            && best.is_none_or(|(known, _)| weight > known)
        {
            best = Some((weight, offered));
        }
    }
    best.map_or(OWN, |(_, offered)| offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_what_the_client_likes_best() {
        for (accept, expected) in [
            ("", OWN),
            ("*/*", OWN),
            ("text/html", OWN),
            ("application/json", "application/json"),
            ("application/json;q=0.5, application/vnd.schemaregistry+json", OFFERED[1]),
            ("application/vnd.schemaregistry.v1+json, application/json", OWN),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(chosen(&headers), expected, "{accept}");
        }
    }
}
