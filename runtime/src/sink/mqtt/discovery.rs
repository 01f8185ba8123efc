//! What Home Assistant is told, so that it shows everything without being configured.
//!
//! One retained message describes the device with all its entities ("device discovery payload" in
//! <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>, Home Assistant 2024.11 and later).

use serde_json::{Map, Value, json};

use super::diagnostics::Rounds;
use super::topics::Topics;
use crate::place::{Places, What};

/// The topic and the payload.
pub(super) fn message(
    prefix: &str,
    name: &str,
    topics: &Topics,
    places: &Places,
    rounds: Option<&Rounds>,
) -> (String, Vec<u8>) {
    let id = format!("retort_{}", topics.device);
    let version = env!("CARGO_PKG_VERSION");
    let payload = json!({
        "device": { "identifiers": [id], "name": name, "manufacturer": "Retort", "sw_version": version },
        "origin": { "name": "Retort", "sw_version": version },
        "availability": [{ "topic": topics.status() }],
        "qos": 1,
        "components": components(&id, topics, places, rounds),
    });
    (format!("{prefix}/device/{id}/config"), payload.to_string().into_bytes())
}

/// The entities by their ids, which stay as long as the names do.
fn components(id: &str, topics: &Topics, places: &Places, rounds: Option<&Rounds>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |entity: String, mut component: Value| {
        component["unique_id"] = format!("{id}_{entity}").into();
        all.insert(entity, component);
    };
    for (index, zone) in places.zones.iter().enumerate() {
        let (name, topic, slug) = (&zone.name, topics.zone(index), &topics.zones[index]);
        let occupied = json!({
            "platform": "binary_sensor",
            "name": name,
            "device_class": "occupancy",
            "state_topic": topic,
            "value_template": "{{ 'ON' if value_json.now > 0 else 'OFF' }}",
        });
        let count = json!({
            "platform": "sensor",
            "name": format!("{name} count"),
            "state_class": "measurement",
            "state_topic": topic,
            "value_template": "{{ value_json.now }}",
        });
        add(format!("zone_{slug}_occupied"), occupied);
        add(format!("zone_{slug}_count"), count);
    }
    for (index, line) in places.lines.iter().enumerate() {
        let (topic, slug) = (topics.line(index), &topics.lines[index]);
        for (direction, way) in [("forward", &line.forward), ("backward", &line.backward)] {
            let crossed = json!({
                "platform": "sensor",
                "name": format!("{} {way}", line.name),
                "state_class": "total_increasing",
                "state_topic": topic,
                // A text in JSON is a text in the template's language, too.
                "value_template": format!("{{{{ value_json[{}] }}}}", Value::from(way.as_str())),
            });
            add(format!("line_{slug}_{direction}"), crossed);
        }
    }
    let event = json!({
        "platform": "event",
        "name": "Event",
        "event_types": What::WORDS,
        "state_topic": topics.event(),
        // Home Assistant wants the kind under this name; all the rest becomes attributes.
        "value_template": "{{ dict(value_json, event_type=value_json.event) | to_json }}",
    });
    add("event".into(), event);
    for (key, mut sensor) in rounds.into_iter().flat_map(diagnostics) {
        sensor["platform"] = "sensor".into();
        sensor["entity_category"] = "diagnostic".into();
        sensor["state_topic"] = topics.diagnostics().into();
        // What is not known is `None` in a template's output, too, which Home Assistant takes for that.
        sensor["value_template"] = format!("{{{{ value_json.{key} }}}}").into();
        add(format!("diagnostics_{key}"), sensor);
    }
    all
}

/// Sensors of the machine itself by their keys in the JSON. One that is silent for three rounds is unavailable.
fn diagnostics(rounds: &Rounds) -> [(&'static str, Value); 4] {
    let expires = 3 * rounds.every.as_secs();
    [
        (
            "fps",
            json!({
                "name": "Frame rate",
                "state_class": "measurement",
                "unit_of_measurement": "fps",
                "expire_after": expires,
            }),
        ),
        (
            "age_p99_ms",
            json!({
                "name": "Age of frames (p99)",
                "device_class": "duration",
                "state_class": "measurement",
                "unit_of_measurement": "ms",
                "expire_after": expires,
            }),
        ),
        (
            "temperature",
            json!({
                "name": "Processor temperature",
                "device_class": "temperature",
                "state_class": "measurement",
                "unit_of_measurement": "°C",
                "expire_after": expires,
            }),
        ),
        (
            "level",
            json!({
                "name": "Work level",
                "device_class": "enum",
                "options": rounds.asked.levels(),
                "expire_after": expires,
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::diagnostics::tests::Steady;
    use super::*;
    use crate::sink::happening::tests::places;

    /// Every key is one of the documentation's. `device` and `origin` are required, and so are `platform` and `unique_id` of
    /// each component and `event_types` of an event; payloads of availability and occupancy are the defaults, `online` and
    /// `offline`, `ON` and `OFF`; `total_increasing` takes a fall to zero for a restart.
    #[test]
    fn home_assistant_is_told_what_there_is() {
        let mut places = places();
        places.zones[0].name = "Haustür".into();
        places.lines[0].forward = "to \"us\"".into();
        let topics = Topics::new("retort", "Front door", &places);
        let (topic, payload) = message("homeassistant", "Front door", &topics, &places, None);
        assert_eq!(topic, "homeassistant/device/retort_front_door/config");
        let golden = r#"{
            "device": {
                "identifiers": ["retort_front_door"], "name": "Front door", "manufacturer": "Retort", "sw_version": "VERSION"
            },
            "origin": { "name": "Retort", "sw_version": "VERSION" },
            "availability": [{ "topic": "retort/front_door/status" }],
            "qos": 1,
            "components": {
                "zone_haustuer_occupied": {
                    "platform": "binary_sensor",
                    "name": "Haustür",
                    "device_class": "occupancy",
                    "state_topic": "retort/front_door/zone/haustuer",
                    "value_template": "{{ 'ON' if value_json.now > 0 else 'OFF' }}",
                    "unique_id": "retort_front_door_zone_haustuer_occupied"
                },
                "zone_haustuer_count": {
                    "platform": "sensor",
                    "name": "Haustür count",
                    "state_class": "measurement",
                    "state_topic": "retort/front_door/zone/haustuer",
                    "value_template": "{{ value_json.now }}",
                    "unique_id": "retort_front_door_zone_haustuer_count"
                },
                "line_gate_forward": {
                    "platform": "sensor",
                    "name": "gate to \"us\"",
                    "state_class": "total_increasing",
                    "state_topic": "retort/front_door/line/gate",
                    "value_template": "{{ value_json[\"to \\\"us\\\"\"] }}",
                    "unique_id": "retort_front_door_line_gate_forward"
                },
                "line_gate_backward": {
                    "platform": "sensor",
                    "name": "gate out",
                    "state_class": "total_increasing",
                    "state_topic": "retort/front_door/line/gate",
                    "value_template": "{{ value_json[\"out\"] }}",
                    "unique_id": "retort_front_door_line_gate_backward"
                },
                "event": {
                    "platform": "event",
                    "name": "Event",
                    "event_types": ["entered", "stayed", "left", "crossed"],
                    "state_topic": "retort/front_door/event",
                    "value_template": "{{ dict(value_json, event_type=value_json.event) | to_json }}",
                    "unique_id": "retort_front_door_event"
                }
            }
        }"#;
        let golden: Value = serde_json::from_str(&golden.replace("VERSION", env!("CARGO_PKG_VERSION"))).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap(), golden);
    }

    #[test]
    fn the_machine_itself_has_diagnostic_sensors() {
        let places = places();
        let topics = Topics::new("retort", "Front door", &places);
        let rounds = Rounds { asked: Box::new(Steady), every: Duration::from_secs(30) };
        let all = |rounds| components("retort_front_door", &topics, &places, rounds);
        let mut added = all(Some(&rounds));
        added.retain(|entity, _| !all(None).contains_key(entity));
        let golden = r#"{
            "diagnostics_fps": {
                "platform": "sensor",
                "entity_category": "diagnostic",
                "name": "Frame rate",
                "state_class": "measurement",
                "unit_of_measurement": "fps",
                "expire_after": 90,
                "state_topic": "retort/front_door/diagnostics",
                "value_template": "{{ value_json.fps }}",
                "unique_id": "retort_front_door_diagnostics_fps"
            },
            "diagnostics_age_p99_ms": {
                "platform": "sensor",
                "entity_category": "diagnostic",
                "name": "Age of frames (p99)",
                "device_class": "duration",
                "state_class": "measurement",
                "unit_of_measurement": "ms",
                "expire_after": 90,
                "state_topic": "retort/front_door/diagnostics",
                "value_template": "{{ value_json.age_p99_ms }}",
                "unique_id": "retort_front_door_diagnostics_age_p99_ms"
            },
            "diagnostics_temperature": {
                "platform": "sensor",
                "entity_category": "diagnostic",
                "name": "Processor temperature",
                "device_class": "temperature",
                "state_class": "measurement",
                "unit_of_measurement": "°C",
                "expire_after": 90,
                "state_topic": "retort/front_door/diagnostics",
                "value_template": "{{ value_json.temperature }}",
                "unique_id": "retort_front_door_diagnostics_temperature"
            },
            "diagnostics_level": {
                "platform": "sensor",
                "entity_category": "diagnostic",
                "name": "Work level",
                "device_class": "enum",
                "options": ["full", "half"],
                "expire_after": 90,
                "state_topic": "retort/front_door/diagnostics",
                "value_template": "{{ value_json.level }}",
                "unique_id": "retort_front_door_diagnostics_level"
            }
        }"#;
        assert_eq!(Value::from(added), serde_json::from_str::<Value>(golden).unwrap());
    }
}
