//! What a configuration says about MQTT.

use std::path::PathBuf;

use serde::Deserialize;

use super::topics::slug;
use crate::error::Error;
use crate::sink::Wish;
use crate::sink::network::address::{Address, Scheme};
use crate::sink::network::{Secret, check_certificates, check_queue, every_event, queue};

const PLAIN: Scheme = ("mqtt", 1883);
const SECURE: Scheme = ("mqtts", 8883);

/// Where to send, as whom, and what.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The broker: `mqtt://host`, `mqtt://host:1883`, or with TLS `mqtts://host:8883`.
    pub address: String,
    /// The user, where the broker wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file that has the password, instead of it.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A PEM file of the certificates that vouch for the other side, over TLS; those that the machine trusts where it is absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What this device is called: in topics (as a slug), and in Home Assistant. The machine's host name where it is absent.
    /// Two devices at one broker need two names.
    #[serde(default)]
    pub name: Option<String>,
    /// What all topics begin with.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Whether Home Assistant is told what there is.
    #[serde(default = "discovery")]
    pub discovery: bool,
    /// Where Home Assistant listens for that.
    #[serde(default = "discovery_prefix")]
    pub discovery_prefix: String,
    /// Which events are sent; all of them where it is absent, none where it is empty. Counts are sent in any case.
    #[serde(default = "every_event")]
    pub events: Vec<Wish>,
    /// Seconds from one message about the machine itself to the next; 0 for none.
    #[serde(default = "diagnostics")]
    pub diagnostics: u64,
    /// How many events wait at most while the broker cannot be reached.
    #[serde(default = "queue")]
    pub queue: usize,
}

fn prefix() -> String {
    "retort".into()
}

fn discovery() -> bool {
    true
}

fn discovery_prefix() -> String {
    "homeassistant".into()
}

fn diagnostics() -> u64 {
    30
}

impl Options {
    /// What is meant where only the broker's address is given.
    pub fn new(address: impl Into<String>) -> Options {
        Options {
            address: address.into(),
            user: None,
            password: None,
            password_file: None,
            ca_file: None,
            name: None,
            prefix: prefix(),
            discovery: discovery(),
            discovery_prefix: discovery_prefix(),
            events: every_event(),
            diagnostics: diagnostics(),
            queue: queue(),
        }
    }

    /// Requires that everything has a meaning.
    ///
    /// # Errors
    /// The key, what is wrong with it, and the remedy; never a secret.
    pub fn check(&self) -> Result<(), String> {
        check_certificates(self.ca_file.as_ref(), &self.parsed()?)?;
        if self.password.is_some() && self.password_file.is_some() {
            return Err("password: there is a `password-file`, too; keep one of them".into());
        }
        if self.user.is_none() && (self.password.is_some() || self.password_file.is_some()) {
            return Err("user: is missing, but there is a password".into());
        }
        if self.name.as_deref().is_some_and(|name| slug(name).is_empty()) {
            return Err("name: has neither letters nor digits".into());
        }
        check_prefix("prefix", &self.prefix)?;
        check_prefix("discovery-prefix", &self.discovery_prefix)?;
        if self.diagnostics > 86_400 {
            return Err("diagnostics: give seconds up to 86400, a day, or 0 for none".into());
        }
        check_queue(self.queue)
    }

    pub(super) fn parsed(&self) -> Result<Address, String> {
        Address::parse("address", &self.address, PLAIN, SECURE)
    }

    /// User and password, where the broker wants them.
    pub(super) fn credentials(&self) -> Result<Option<(String, Secret)>, Error> {
        let Some(user) = &self.user else { return Ok(None) };
        let password = match (&self.password, &self.password_file) {
            (Some(password), _) => password.clone(),
            (None, Some(path)) => Secret::read(path)?,
            (None, None) => Secret::new(""),
        };
        Ok(Some((user.clone(), password)))
    }

    /// What this device is called.
    pub(super) fn device(&self) -> String {
        self.name.clone().unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
    }
}

/// A part of a topic: the broker refuses wildcards in it, and empty levels are surely a slip.
fn check_prefix(key: &str, prefix: &str) -> Result<(), String> {
    let wrong = prefix.split('/').any(str::is_empty) || prefix.contains(['+', '#', '\0']);
    if wrong {
        return Err(format!("{key}: `{prefix}` cannot begin topics; write it as `home/cameras`, without + and #"));
    }
    Ok(())
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
        assert_eq!(parse(r#"address = "mqtt://broker""#).unwrap(), Options::new("mqtt://broker"));
        let options =
            parse("address = \"mqtt://broker\"\nevents = [\"entered:door\"]\ndiscovery-prefix = \"ha\"").unwrap();
        assert_eq!((options.events.len(), options.discovery_prefix.as_str()), (1, "ha"));
    }

    #[test]
    fn slips_are_refused_by_their_key() {
        for (text, key) in [
            ("", "address"),
            ("password = \"hunter2\"", "user"),
            ("user = \"u\"\npassword = \"hunter2\"\npassword-file = \"f\"", "password"),
            ("ca-file = \"ca.pem\"", "ca-file"),
            ("name = \"???\"", "name"),
            ("prefix = \"a/+\"", "prefix"),
            ("discovery-prefix = \"\"", "discovery-prefix"),
            ("queue = 0", "queue"),
            ("diagnostics = 100000", "diagnostics"),
            ("topic = \"x\"", "topic"),
            ("events = [\"enterd\"]", "enterd"),
        ] {
            let address = if key == "address" { "address = \"tcp://b\"" } else { "address = \"mqtt://b\"" };
            let problem = parse(&format!("{address}\n{text}")).unwrap_err();
            assert!(problem.contains(key) && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let options = parse("address = \"mqtt://b\"\nuser = \"u\"\npassword = \"hunter2\"").unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
        assert_eq!(options.credentials().unwrap().unwrap().1, Secret::new("hunter2"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "hunter3\n").unwrap();
        let options = Options { password: None, password_file: Some(path.clone()), ..options };
        assert_eq!(options.credentials().unwrap().unwrap().1, Secret::new("hunter3"));
        std::fs::remove_file(&path).unwrap();
        assert!(options.credentials().unwrap_err().to_string().contains("password"));
    }
}
