//! Who may ask.
//!
//! With a token, whoever knows it: as `Authorization: Bearer TOKEN`, or once as `?token=TOKEN`, which a browser then keeps in a
//! cookie. Without one, whoever is on this machine; and since a browser on this machine also runs the pages of others, the
//! request must name this machine (a page of theirs whose name was made to lead here does not), and what changes something
//! must come from a page of ours.

use super::request::{Refusal, Request};

/// The cookie's name.
const COOKIE: &str = "retort-token";

/// Lets in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    token: Option<String>,
}

/// What goes with letting in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    /// Nothing.
    Plain,
    /// The token came in the address: it is to be kept in a cookie, and taken out of the address.
    KeepToken,
}

impl Door {
    pub(super) fn new(token: Option<String>) -> Door {
        Door { token }
    }

    /// Whether a request is let in.
    pub(super) fn admit(&self, request: &Request) -> Result<Welcome, Refusal> {
        let welcome = match &self.token {
            Some(token) => {
                let is = |given: Option<&str>| given.is_some_and(|given| same(given, token));
                let bearer = request.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
                let mut cookies = request.cookie.as_deref().unwrap_or_default().split(';');
                let cookie = cookies.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
                if is(bearer) || is(cookie) {
                    Welcome::Plain
                } else if is(request.queried("token")) {
                    Welcome::KeepToken
                } else {
                    return Err(Refusal(401, "give the token: ?token=…, or Authorization: Bearer …"));
                }
            }
            None if request.host.as_deref().is_some_and(names_this_machine) => Welcome::Plain,
            None => return Err(Refusal(403, "without a token, only localhost and numeric addresses are answered")),
        };
        let own = |origin: &str| {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            request.host.as_deref() == Some(host)
        };
        if request.method != "GET" && request.method != "HEAD" {
            if request.origin.as_deref().is_some_and(|origin| !own(origin)) {
                return Err(Refusal(403, "this comes from a page of somebody else"));
            }
            // Pages of others cannot send this type without being asked for leave first.
            let json = request.content_type.as_deref().is_some_and(|kind| kind.starts_with("application/json"));
            if !json {
                return Err(Refusal(415, "send application/json"));
            }
        }
        Ok(welcome)
    }

    /// The header that keeps the token in a browser.
    pub(super) fn cookie(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        Some(format!("Set-Cookie: {COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000\r\n"))
    }
}

/// Compares in a time that does not tell how much of it is right.
fn same(given: &str, token: &str) -> bool {
    let differ = given.bytes().zip(token.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
    given.len() == token.len() && differ == 0
}

/// Names that no page of somebody else's can be reached by.
fn names_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(host: &str) -> Request {
        Request { method: "GET".into(), path: "/".into(), host: Some(host.into()), ..Request::default() }
    }

    fn status(door: &Door, request: &Request) -> u16 {
        door.admit(request).map_or_else(|refusal| refusal.0, |_| 200)
    }

    #[test]
    fn without_a_token_this_machine_is_let_in_by_its_own_names() {
        let door = Door::new(None);
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.168.1.7"] {
            assert_eq!(status(&door, &get(host)), 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8080", ""] {
            assert_eq!(status(&door, &get(host)), 403, "{host}");
        }
        assert_eq!(status(&door, &Request { host: None, ..get("") }), 403);
    }

    #[test]
    fn a_token_opens_in_three_ways_and_a_wrong_one_in_none() {
        let door = Door::new(Some("abcdefgh".into()));
        let request = get("pi.local");
        let bearer = |token: &str| Request { authorization: Some(format!("Bearer {token}")), ..request.clone() };
        let cookie = |text: &str| Request { cookie: Some(text.into()), ..request.clone() };
        let query = Request { query: "token=abcdefgh".into(), ..request.clone() };
        assert_eq!(door.admit(&bearer("abcdefgh")), Ok(Welcome::Plain));
        assert_eq!(door.admit(&cookie("a=b; retort-token=abcdefgh")), Ok(Welcome::Plain));
        assert_eq!(door.admit(&query), Ok(Welcome::KeepToken));
        for wrong in [request.clone(), bearer("abcdefgx"), bearer("abcdefg"), bearer(""), cookie("retort-token=")] {
            assert_eq!(status(&door, &wrong), 401);
        }
    }

    #[test]
    fn pages_of_others_change_nothing() {
        let door = Door::new(None);
        let post = |origin: Option<&str>, kind: &str| Request {
            method: "POST".into(),
            origin: origin.map(String::from),
            content_type: Some(kind.into()),
            ..get("localhost:8080")
        };
        assert_eq!(status(&door, &post(Some("http://localhost:8080"), "application/json")), 200);
        assert_eq!(status(&door, &post(None, "application/json; charset=utf-8")), 200);
        assert_eq!(status(&door, &post(Some("http://evil.example"), "application/json")), 403);
        assert_eq!(status(&door, &post(Some("null"), "application/json")), 403);
        assert_eq!(status(&door, &post(None, "text/plain")), 415);
    }
}
