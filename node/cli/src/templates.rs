//! The standard consensus contracts, as they were built (`contracts/templates`): what a founder deploys by name.

use crate::exit::{Done, Failure};
use leither_types::Hash;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Which of a contract's three doors a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// What it begins with.
    Instantiate,
    /// What it is told.
    Execute,
    /// What it is asked.
    Query,
}

/// A contract that comes with the program.
pub struct Template {
    /// What it is called.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// As it was built.
    pub wasm: &'static [u8],
    read: fn(Door, &Value) -> Result<(), String>,
    schemas: fn() -> Value,
}

macro_rules! template {
    ($name:literal, $lib:ident, $about:literal) => {
        Template {
            name: $name,
            about: $about,
            wasm: include_bytes!(concat!("../../../contracts/templates/built/", $name, ".wasm")),
            read: |door, value| match door {
                Door::Instantiate => read::<$lib::msg::InstantiateMsg>(value),
                Door::Execute => read::<$lib::msg::ExecuteMsg>(value),
                Door::Query => read::<$lib::msg::QueryMsg>(value),
            },
            schemas: || {
                let named = $lib::msg::schemas().into_iter();
                let written = named.map(|(name, schema)| (name.to_string(), serde_json::to_value(schema).unwrap_or_default()));
                Value::Object(written.collect::<Map<_, _>>())
            },
        }
    };
}

/// All of them.
pub const TEMPLATES: [Template; 6] = [
    template!(
        "revenue-share",
        leither_revenue_share,
        "divides income among roles, payees, treasury and unit holders, by fixed or weighted shares"
    ),
    template!(
        "content-reward",
        leither_content_reward,
        "a value event pays developer, collector, producer, host and operator in the same block"
    ),
    template!(
        "ad-campaign",
        leither_ad_campaign,
        "an advertiser's escrow pays for views that viewers signed, capped by viewer and day"
    ),
    template!(
        "membership-by-task",
        leither_membership_by_task,
        "who does a stipulated task is admitted, with its role and reward, once supervisors confirm it"
    ),
    template!(
        "construction-grant",
        leither_construction_grant,
        "what a supervisor recommends is issued once a vote has passed, at once or by milestones, within caps"
    ),
    template!(
        "kickstart",
        leither_kickstart,
        "a start-up incentive whose end, by time and by amount, is fixed when it begins"
    ),
];

fn read<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    // By text, so that the mistake is told with its place.
    serde_json::from_str::<T>(&value.to_string()).map(drop).map_err(|e| e.to_string())
}

impl Template {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Template> {
        TEMPLATES.iter().find(|template| template.name == name)
    }

    /// The one with this code.
    pub fn of_code(checksum: &Hash) -> Option<&'static Template> {
        TEMPLATES.iter().find(|template| template.checksum() == *checksum)
    }

    /// Its code's sha256.
    pub fn checksum(&self) -> Hash {
        Hash(leither_vm::sha256(self.wasm))
    }

    /// Whether it would understand a message.
    pub fn check(&self, door: Door, message: &Value) -> Done {
        (self.read)(door, message).map_err(|why| {
            let (verb, name) = (format!("{door:?}").to_lowercase(), self.name);
            Failure::usage(format!(
                "{name} does not understand this: {why}. `leither contract template {name}` shows the schema of `{verb}`"
            ))
        })
    }

    /// The JSON schemas of what it begins with, is told and is asked.
    pub fn schemas(&self) -> Value {
        (self.schemas)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_vm::{Engine, WasmEngine};
    use serde_json::json;

    #[test]
    fn every_template_can_run_and_is_what_its_list_says() {
        let dir = tempfile::tempdir().unwrap();
        let engine = WasmEngine::open(dir.path()).unwrap();
        let list = include_str!("../../../contracts/templates/built/checksums.txt");
        for template in &TEMPLATES {
            engine.store(template.wasm).unwrap();
            let line = format!("{}  {}.wasm", &template.checksum().to_string()[2..], template.name);
            assert!(list.lines().any(|l| l == line), "{line} is not in checksums.txt");
        }
    }

    #[test]
    fn what_a_template_would_not_understand_is_refused_with_its_place() {
        let template = Template::named("content-reward").unwrap();
        template.check(Door::Execute, &json!({ "deposit": {} })).unwrap();
        let why = template.check(Door::Execute, &json!({ "deposit": { "amount": 1 } })).unwrap_err().sentence;
        assert!(why.contains("unknown field `amount`") && why.contains("contract template content-reward"), "{why}");
        assert!(template.check(Door::Query, &json!({ "no": {} })).is_err());
        assert!(template.schemas()["instantiate"]["properties"]["steps"].is_object());
    }
}
