//! What a configuration says about a webhook.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{HeaderName, HeaderValue, Uri};

use crate::error::Error;
use crate::sink::Wish;
use crate::sink::network::address::{Address, Scheme};
use crate::sink::network::{Secret, check_certificates, check_queue, every_event, queue};

const PLAIN: Scheme = ("http", 80);
const SECURE: Scheme = ("https", 443);

/// Headers that are ours to say.
const OURS: [&str; 5] = ["connection", "content-length", "content-type", "host", "transfer-encoding"];

/// Where to send, and what.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The address, `http://host:8123/api/webhook/…`, or with TLS `https://…`. Its path and query are kept secret.
    pub url: Secret,
    /// Which events are sent; all of them where it is absent.
    #[serde(default = "every_event")]
    pub events: Vec<Wish>,
    /// Headers of each request, whose values are kept secret.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// A file that has a token, sent as `Authorization: Bearer TOKEN`.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// A PEM file of the certificates that vouch for the other side, over TLS; those that the machine trusts where it is absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Seconds within which the receiver has to have answered.
    #[serde(default = "timeout")]
    pub timeout: f64,
    /// How often an event is sent again to a receiver that answers that it cannot take it now (status 5xx, 408, 425, 429).
    /// One that does not answer is waited for as long as it takes.
    #[serde(default = "retries")]
    pub retries: u32,
    /// How many events wait at most while the receiver cannot be reached.
    #[serde(default = "queue")]
    pub queue: usize,
}

fn timeout() -> f64 {
    5.0
}

fn retries() -> u32 {
    10
}

impl Options {
    /// What is meant where only the address is given.
    pub fn new(url: impl Into<String>) -> Options {
        Options {
            url: Secret::new(url),
            events: every_event(),
            headers: BTreeMap::new(),
            token_file: None,
            ca_file: None,
            timeout: timeout(),
            retries: retries(),
            queue: queue(),
        }
    }

    /// Requires that everything has a meaning.
    ///
    /// # Errors
    /// The key, what is wrong with it, and the remedy; never a secret.
    pub fn check(&self) -> Result<(), String> {
        check_certificates(self.ca_file.as_ref(), &self.address()?)?;
        for (name, value) in &self.headers {
            header(name, value)?;
            if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
                return Err(format!("headers: `{name}` is set by itself; leave it out"));
            }
            if self.token_file.is_some() && name.eq_ignore_ascii_case("authorization") {
                return Err(format!("headers: `{name}` is what `token-file` sets; keep one of them"));
            }
        }
        if !(0.1..=60.0).contains(&self.timeout) {
            return Err(format!("timeout: {} seconds, where 0.1 to 60 make sense", self.timeout));
        }
        check_queue(self.queue)
    }

    /// The address, as far as it may be shown.
    pub(super) fn address(&self) -> Result<Address, String> {
        Address::parse("url", self.url.reveal(), PLAIN, SECURE)
    }

    /// All of it.
    pub(super) fn uri(&self) -> Result<Uri, String> {
        self.url.reveal().parse().map_err(|_| "url: not an address".into())
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }

    /// All headers that are wished for.
    pub(super) fn all_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let wrong = |problem| Error::Sink { name: "webhook", problem };
        let mut all = Vec::new();
        for (name, value) in &self.headers {
            all.push(header(name, value).map_err(wrong)?);
        }
        if let Some(path) = &self.token_file {
            let bearer = Secret::new(format!("Bearer {}", Secret::read(path)?.reveal()));
            let token = header("authorization", &bearer);
            all.push(token.map_err(|_| wrong(format!("token-file: {} has no token in one line", path.display())))?);
        }
        Ok(all)
    }
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), String> {
    let known: HeaderName = name.parse().map_err(|_| format!("headers: `{name}` cannot be a header's name"))?;
    let mut value = HeaderValue::from_str(value.reveal())
        .map_err(|_| format!("headers: the value of `{name}` has letters that cannot be in a header"))?;
    value.set_sensitive(true);
    Ok((known, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        let options: Options = toml::from_str(text).map_err(|error| error.message().to_string())?;
        options.check().map(|()| options)
    }

    #[test]
    fn an_address_is_enough() {
        assert_eq!(parse(r#"url = "http://a/b""#).unwrap(), Options::new("http://a/b"));
    }

    #[test]
    fn slips_are_refused_by_their_key() {
        for (text, key) in [
            ("", "url"),
            ("timeout = 0.0", "timeout"),
            ("timeout = nan", "timeout"),
            ("queue = 0", "queue"),
            ("ca-file = \"ca.pem\"", "ca-file"),
            ("headers = { \"a b\" = \"hunter2\" }", "headers"),
            ("headers = { a = \"hunter2\\n\" }", "headers"),
            ("headers = { Content-Type = \"hunter2\" }", "headers"),
            ("token-file = \"t\"\nheaders = { Authorization = \"hunter2\" }", "headers"),
            ("retires = 3", "retires"),
        ] {
            let url = if key == "url" { "url = \"ftp://a/hunter2\"" } else { "url = \"http://a/hunter2\"" };
            let problem = parse(&format!("{url}\n{text}")).unwrap_err();
            assert!(problem.contains(key) && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let options = parse("url = \"http://a/hunter2\"\nheaders = { X-Key = \"hunter2\" }").unwrap();
        let shown = format!("{options:?} {:?} {}", options.all_headers().unwrap(), options.address().unwrap().shown);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
