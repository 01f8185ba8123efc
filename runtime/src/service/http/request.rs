//! A request, read and checked: small, in time, and from somebody who may ask.

use std::io::{self, Read};

/// The most that a head may be long.
const MOST_HEAD: usize = 8 << 10;
/// The most that a body may be long: settings of many zones are a few kilobytes.
const MOST_BODY: usize = 256 << 10;
/// Headers that are looked at.
const MOST_HEADERS: usize = 64;

/// What somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path without what follows a `?`.
    pub path: String,
    /// What follows it.
    pub query: String,
    pub host: Option<String>,
    pub origin: Option<String>,
    pub authorization: Option<String>,
    pub cookie: Option<String>,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

/// Why there is no request: the status to answer with, and what to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub u16, pub &'static str);

impl Request {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it; `None` where the connection ended or fell silent.
    pub(super) fn read(from: &mut impl Read) -> Result<Request, Option<Refusal>> {
        let mut bytes = Vec::with_capacity(1024);
        let (mut request, length, mut body) = loop {
            let mut piece = [0; 1024];
            match from.read(&mut piece) {
                Ok(0) => return Err(None),
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(None),
            }
            let parsed = parse(&bytes)?;
            if parsed.as_ref().map_or(bytes.len(), |(_, _, head)| *head) > MOST_HEAD {
                return Err(Some(Refusal(431, "the head of the request is too long")));
            }
            if let Some((request, length, head)) = parsed {
                break (request, length, bytes.split_off(head));
            }
        };
        if length > MOST_BODY {
            return Err(Some(Refusal(413, "the body of the request is too long")));
        }
        let missing = length.saturating_sub(body.len());
        body.truncate(length);
        from.take(missing as u64).read_to_end(&mut body).map_err(|_| None)?;
        if body.len() < length {
            return Err(None);
        }
        request.body = body;
        Ok(request)
    }

    /// The value of a key of the query, as it stands there.
    pub(super) fn queried(&self, key: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }
}

/// The request without its body, the body's length, and where that begins. `None` where the head goes on.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize, usize)>, Option<Refusal>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Some(Refusal(400, "this is no HTTP request"))),
    };
    let target = parsed.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: parsed.method.unwrap_or_default().into(),
        path: path.into(),
        query: query.into(),
        ..Request::default()
    };
    let mut length = None;
    for header in parsed.headers.iter() {
        let value = || std::str::from_utf8(header.value).ok().map(|value| value.trim().to_string());
        match header.name.to_ascii_lowercase().as_str() {
            "host" => request.host = value(),
            "origin" => request.origin = value(),
            "authorization" => request.authorization = value(),
            "cookie" => request.cookie = value(),
            "content-type" => request.content_type = value(),
            "content-length" if length.is_none() => length = Some(value().and_then(|value| value.parse().ok())),
            // Two lengths, or a body in pieces: nobody who asks for what there is here needs them.
            "content-length" | "transfer-encoding" => {
                return Err(Some(Refusal(400, "give the length of the body once, in Content-Length")));
            }
            _ => {}
        }
    }
    match length {
        Some(None) => Err(Some(Refusal(400, "Content-Length is no number"))),
        length => Ok(Some((request, length.flatten().unwrap_or(0), head))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Request, Option<Refusal>> {
        Request::read(&mut text.as_bytes())
    }

    #[test]
    fn a_request_is_read_with_its_body() {
        let request = read("POST /settings?token=a&x=1 HTTP/1.1\r\nHost: pi\r\ncontent-length: 2\r\n\r\n{}{}").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/settings"));
        assert_eq!(
            (request.queried("token"), request.queried("x"), request.queried("y")),
            (Some("a"), Some("1"), None)
        );
        assert_eq!((request.host.as_deref(), request.body.as_slice()), (Some("pi"), &b"{}"[..]));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let status = |text: &str| read(text).unwrap_err().map(|refusal| refusal.0);
        assert_eq!(status(""), None);
        assert_eq!(status("GET / HTTP/1.1\r\nHost:"), None);
        assert_eq!(status("hello there\r\n\r\n"), Some(400));
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n{}"), None);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"), Some(400));
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), Some(413));
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), Some(400));
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Some(400));
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(9000))), Some(431));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::read(&mut bytes.as_slice());
            let _ = Request::read(&mut [b"GET / HTTP/1.1\r\n", bytes.as_slice()].concat().as_slice());
        }
    }
}
