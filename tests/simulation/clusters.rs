//! Other clusters that manage what this one manages, at the same vendor account: each writes what it declares at each of its own intervals, whatever
//! this one does. To the operator they are strangers who insist, and that is all that is simulated of them.

use super::acts::Act;
use super::dice::Dice;
use super::remote::Vendor;
use super::specs;
use serde_json::{Value, json};
use std::time::Duration;

/// What other clusters do until they are taken down, which is before everything comes to rest.
pub fn draw(dice: &mut Dice, rest: Duration) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    for vendor in Vendor::ALL {
        if !dice.chance(0.15) {
            continue;
        }
        let declared = declares(vendor, dice);
        let mut at = dice.milliseconds(5_000, u64::try_from(rest.as_millis()).unwrap_or(u64::MAX) / 2);
        let interval = dice.seconds(10, 60);
        for _ in 0..dice.between(4, 12) {
            acts.extend(declared.iter().map(|act| (at, act.clone())).filter(|(at, _)| *at < rest));
            at += interval;
        }
    }
    acts
}

/// What it takes to make a vendor's object what the other cluster declares: made where it is missing, changed where it is there.
fn declares(vendor: Vendor, dice: &mut Dice) -> Vec<Act> {
    let act = |method, path: &str, body: Value| Act::AtVendor { method, path: path.to_owned(), body };
    match vendor {
        Vendor::Onomondo => {
            let path = format!("/_emulator/onomondo/connectors/{}", specs::remote_name(dice));
            let whole = specs::strange_connector(dice);
            let change = if dice.chance(0.5) { json!({ "options": { "port": 7 } }) } else { whole.clone() };
            vec![act("PUT", &path, whole), act("PATCH", &path, change)]
        }
        Vendor::Apono => {
            let path = format!("/_emulator/apono/connectors/{}", specs::connector_id(dice.between(0, 3)));
            vec![act("PATCH", &path, json!({ "name": "of-another-cluster" }))]
        }
        Vendor::Omf => {
            let patch = json!({ "Name": "of another cluster", "Description": "declared elsewhere" });
            vec![Act::AtConnection { nth: 0, patch: Some(patch) }]
        }
    }
}
