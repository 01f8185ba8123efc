//! A host and a port out of an address.

use ureq::http::Uri;

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sink) struct Address {
    /// What may be shown of it: no path, since that of a webhook is often a secret.
    pub shown: String,
    pub host: String,
    pub port: u16,
    /// Over TLS.
    pub secure: bool,
}

/// A scheme and its usual port.
pub(in crate::sink) type Scheme = (&'static str, u16);

impl Address {
    /// The address at `key` of a configuration, whose scheme has to be the plain or the secure one.
    pub fn parse(key: &str, text: &str, plain: Scheme, secure: Scheme) -> Result<Address, String> {
        let example = format!("write it as {}://host:{}", plain.0, plain.1);
        let uri: Uri = text.parse().map_err(|_| format!("{key}: not an address; {example}"))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host().filter(|host| !host.is_empty())) else {
            return Err(format!("{key}: not a whole address; {example}"));
        };
        let (secure, usual) = match scheme {
            scheme if scheme == plain.0 => (false, plain.1),
            scheme if scheme == secure.0 => (true, secure.1),
            other => return Err(format!("{key}: `{other}://` is not known here; {example}")),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(format!("{key}: a user or password in an address would be shown; they have keys of their own"));
        }
        if secure && cfg!(not(feature = "tls")) {
            return Err(format!(
                "{key}: this program was built without TLS; build it with `--features tls`, or use {}:// on a network that you trust",
                plain.0
            ));
        }
        if uri.port_u16().is_none() && authority != host {
            return Err(format!("{key}: no port behind the colon; {example}"));
        }
        let port = uri.port_u16().unwrap_or(usual);
        Ok(Address { shown: format!("{scheme}://{host}:{port}"), host: host.into(), port, secure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse("address", text, ("mqtt", 1883), ("mqtts", 8883))
    }

    #[test]
    fn ports_have_defaults_and_paths_are_not_shown() {
        let address = parse("mqtt://broker.lan").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.secure), ("broker.lan", 1883, false));
        assert_eq!(parse("mqtt://[::1]:77/secret").unwrap().shown, "mqtt://[::1]:77");
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["", "broker", "broker:1883", "mqtt://", "mqtt:// b", "http://broker", "mqtt://b:99999"] {
            let problem = parse(text).unwrap_err();
            assert!(problem.starts_with("address: ") && problem.contains("mqtt://host:1883"), "{text}: {problem}");
        }
        let problem = parse("mqtt://user:hunter2@broker").unwrap_err();
        assert!(problem.contains("keys of their own") && !problem.contains("hunter2"), "{problem}");
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn without_tls_its_addresses_are_refused_with_the_remedy() {
        assert!(parse("mqtts://broker").unwrap_err().contains("--features tls"));
    }
}
