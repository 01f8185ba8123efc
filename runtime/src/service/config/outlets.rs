//! Where results go: the table `[to]`, a part for each sink.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::place::Places;
use crate::sink::{ClipOptions, SnapshotOptions};

/// What is wanted of each sink; one that is not named is not there.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct OutletOptions {
    /// Lines of JSON.
    pub json: Option<JsonOptions>,
    /// The live page, with metrics.
    pub page: Option<PageOptions>,
    /// Pictures of events.
    pub snapshots: Option<SnapshotOptions>,
    /// Films of events.
    pub clips: Option<ClipOptions>,
    /// A small screen, as `retort detect --display` names it.
    pub display: Option<String>,
    /// Events and counts over MQTT.
    pub mqtt: Option<MqttOptions>,
    /// Events to webhooks.
    pub webhook: Vec<WebhookOptions>,
}

#[cfg(feature = "network")]
use crate::sink::{mqtt::Options as MqttOptions, webhook::Options as WebhookOptions};
/// What a build without a network cannot do.
#[cfg(not(feature = "network"))]
type MqttOptions = toml::Value;
#[cfg(not(feature = "network"))]
type WebhookOptions = toml::Value;

/// The live page, with metrics.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PageOptions {
    /// Where it is: an address and a port.
    pub listen: String,
    /// What somebody has to know who is to see it. Needed where others than this machine can reach it.
    pub token: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<PathBuf>,
    /// The most pictures a second.
    pub rate: f64,
}

impl Default for PageOptions {
    fn default() -> Self {
        PageOptions { listen: "127.0.0.1:8080".into(), token: None, token_file: None, rate: 10.0 }
    }
}

/// Without the token.
impl std::fmt::Debug for PageOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageOptions").field("listen", &self.listen).field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl PageOptions {
    fn check(&self) -> Result<(), String> {
        if !(0.1..=60.0).contains(&self.rate) {
            return Err("to.page.rate: give pictures a second from 0.1 to 60".into());
        }
        let address: Vec<SocketAddr> = match self.listen.to_socket_addrs() {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                return Err(format!("to.page.listen: `{}`: {error}; write it as 127.0.0.1:8080", self.listen));
            }
        };
        let others_reach_it = !address.iter().all(|address| address.ip().is_loopback());
        if others_reach_it && self.token.is_none() && self.token_file.is_none() {
            return Err(format!("to.page: others can reach {}; give a token, or listen on 127.0.0.1", self.listen));
        }
        if self.token.as_deref().is_some_and(|token| !is_token(token)) {
            return Err("to.page.token: give 8 to 256 letters, digits and - . _ ~".into());
        }
        Ok(())
    }

    /// The token, wherever it stands.
    ///
    /// # Errors
    /// That the file cannot be read, or does not hold one.
    pub fn secret(&self) -> Result<Option<String>, Error> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let token = text.trim().to_string();
        if !is_token(&token) {
            let problem = "holds no token: 8 to 256 letters, digits and - . _ ~".into();
            return Err(Error::Config { path: path.clone(), problem });
        }
        Ok(Some(token))
    }
}

/// Whether a token can stand in headers and addresses as it is.
fn is_token(token: &str) -> bool {
    (8..=256).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Lines of JSON.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct JsonOptions {
    /// A file that lines are appended to; standard output where none is named.
    pub file: Option<PathBuf>,
    /// Whether there is a line for each frame.
    pub frames: bool,
    /// Whether there is a line for each event.
    pub events: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        JsonOptions { file: None, frames: false, events: true }
    }
}

impl OutletOptions {
    pub(super) fn check(&self) -> Result<(), String> {
        self.page.as_ref().map_or(Ok(()), PageOptions::check)?;
        let of = |key: &'static str| move |problem: String| format!("to.{key}.{problem}");
        self.snapshots.as_ref().map_or(Ok(()), SnapshotOptions::check).map_err(of("snapshots"))?;
        self.clips.as_ref().map_or(Ok(()), ClipOptions::check).map_err(of("clips"))?;
        self.check_display()?;
        self.check_network()
    }

    #[cfg(feature = "display")]
    fn check_display(&self) -> Result<(), String> {
        let parsed = self.display.as_deref().map(crate::display::Name::parse).transpose();
        parsed.map(drop).map_err(|error| format!("to.display: {error}"))
    }

    #[cfg(not(feature = "display"))]
    fn check_display(&self) -> Result<(), String> {
        match self.display {
            Some(_) => Err("to.display: this build has no displays; build it with the feature `display`".into()),
            None => Ok(()),
        }
    }

    #[cfg(feature = "network")]
    fn check_network(&self) -> Result<(), String> {
        if let Some(mqtt) = &self.mqtt {
            mqtt.check().map_err(|problem| format!("to.mqtt.{problem}"))?;
        }
        self.webhook.iter().try_for_each(|webhook| webhook.check().map_err(|problem| format!("to.webhook.{problem}")))
    }

    #[cfg(not(feature = "network"))]
    fn check_network(&self) -> Result<(), String> {
        match self.mqtt.is_some() || !self.webhook.is_empty() {
            true => Err("to.mqtt, to.webhook: this build has no network; build it with the feature `network`".into()),
            false => Ok(()),
        }
    }

    #[cfg(feature = "network")]
    fn resolve_network(&mut self, folder: &Path) {
        if let Some(mqtt) = &mut self.mqtt {
            mqtt.password_file = mqtt.password_file.take().map(|file| folder.join(file));
        }
        for webhook in &mut self.webhook {
            webhook.token_file = webhook.token_file.take().map(|file| folder.join(file));
        }
    }

    #[cfg(not(feature = "network"))]
    fn resolve_network(&mut self, _: &Path) {}

    /// Whether the page of other options is at the same address.
    pub fn listens_as(&self, other: &OutletOptions) -> bool {
        self.page.as_ref().map(|page| &page.listen) == other.page.as_ref().map(|page| &page.listen)
    }

    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(json) = &mut self.json {
            json.file = json.file.take().map(|file| folder.join(file));
        }
        if let Some(page) = &mut self.page {
            page.token_file = page.token_file.take().map(|file| folder.join(file));
        }
        self.resolve_network(folder);
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.folder = folder.join(&snapshots.folder);
        }
        if let Some(clips) = &mut self.clips {
            clips.folder = folder.join(&clips.folder);
        }
    }

    /// Requires that every place that is named is there.
    ///
    /// # Errors
    /// What there is not, with the key.
    pub fn check_places(&self, places: &Places) -> Result<(), String> {
        let snapshots = self.snapshots.iter().flat_map(|snapshots| &snapshots.on).map(|wish| ("snapshots", wish));
        let clips = self.clips.iter().flat_map(|clips| &clips.on).map(|wish| ("clips", wish));
        #[cfg(feature = "network")]
        let network = {
            let mqtt = self.mqtt.iter().flat_map(|mqtt| &mqtt.events).map(|wish| ("mqtt", wish));
            mqtt.chain(self.webhook.iter().flat_map(|webhook| &webhook.events).map(|wish| ("webhook", wish)))
        };
        #[cfg(not(feature = "network"))]
        let network = std::iter::empty();
        for (key, wish) in snapshots.chain(clips).chain(network) {
            wish.check(places).map_err(|problem| format!("to.{key}: {problem}"))?;
        }
        Ok(())
    }
}
