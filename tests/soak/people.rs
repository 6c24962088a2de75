//! Who changes things: people who declare, edit, delete and declare again, strangers who change the vendors' side, and the vendors' own bad
//! moments.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::fleet::{Declared, Fleet, Kind};
use crate::support::http::send_json;
use crate::support::objects::{Address, Objects, condition};
use crate::support::story::{DEADLINE, Story};

/// Between two acts.
const PAUSE: Duration = Duration::from_millis(100);

/// All of them. Cloning shares them.
#[derive(Clone)]
pub(crate) struct People {
    fleet: Fleet,
    objects: Objects,
    namespace: String,
    vendor: String,
    acts: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl People {
    /// Those of this story.
    pub(crate) fn new(story: &Story, fleet: Fleet) -> People {
        People {
            fleet,
            objects: story.objects.clone(),
            namespace: story.name.clone(),
            vendor: story.vendor.url().to_owned(),
            acts: Arc::default(),
        }
    }

    /// Declares every object once. The agents of Apono's are installed before.
    pub(crate) async fn declare_all(&self) {
        let all = self.fleet.objects().clone();
        for one in &all {
            if one.kind == Kind::Apono {
                let agent = format!("apono/agents/{}", one.remote());
                self.control(Method::PUT, &agent, json!({"name": format!("Agent {}", one.number)})).await;
            }
            self.apply(one).await;
        }
    }

    /// Changes something, for ever.
    pub(crate) async fn work(self) {
        loop {
            let chosen = fastrand::usize(..self.fleet.objects().len());
            self.act(chosen).await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn act(&self, chosen: usize) {
        let one = self.fleet.objects()[chosen].clone();
        if one.is_leaving {
            return self.declare_again(chosen).await;
        }
        match fastrand::u8(..100) {
            0..70 => self.edit(chosen).await,
            70..80 => self.delete(chosen).await,
            80..90 => self.meddle(&one).await,
            90..94 => self.remove(&one).await,
            _ => self.spoil().await,
        }
    }

    fn count(&self, act: &'static str) {
        *self.acts.lock().unwrap_or_else(PoisonError::into_inner).entry(act).or_default() += 1;
    }

    /// What was done how often.
    pub(crate) fn told(&self) -> String {
        let acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        acts.iter().fold("done:".to_owned(), |mut text, (act, times)| {
            let _ = write!(text, " {times} {act},");
            text
        })
    }

    async fn apply(&self, one: &Declared) {
        let applied = self.objects.apply_value(one.manifest(), &self.namespace).await;
        applied.unwrap_or_else(|error| panic!("refused: {error}"));
    }

    async fn edit(&self, chosen: usize) {
        let one = {
            let mut objects = self.fleet.objects();
            objects[chosen].revision += 1;
            objects[chosen].clone()
        };
        self.count("edits");
        self.apply(&one).await;
    }

    async fn delete(&self, chosen: usize) {
        let address = {
            let mut objects = self.fleet.objects();
            objects[chosen].is_leaving = true;
            objects[chosen].address()
        };
        self.count("deletes");
        let address = Address::parse(&address, &self.namespace);
        self.objects.delete(&address).await.unwrap_or_else(|error| panic!("refused: {error}"));
    }

    /// Where it is gone by now; returns without a word where it is not.
    async fn declare_again(&self, chosen: usize) {
        let one = self.fleet.objects()[chosen].clone();
        if self.objects.get(&Address::parse(&one.address(), &self.namespace)).await.is_some() {
            return;
        }
        self.fleet.objects()[chosen].is_leaving = false;
        self.apply(&one).await;
    }

    /// A stranger changes it at the vendor, if it is there.
    async fn meddle(&self, one: &Declared) {
        self.count("changes behind our back");
        match one.kind {
            Kind::Onomondo => {
                let change = json!({"options": {"host": "https://stranger.example.com"}});
                self.control(Method::PATCH, &format!("onomondo/connectors/{}", one.remote()), change).await;
            }
            Kind::Apono => {
                let change = json!({"name": format!("Stranger {}", one.number)});
                self.control(Method::PATCH, &format!("apono/connectors/{}", one.remote()), change).await;
            }
            Kind::Omf => {
                let Some(id) = self.id_of(one).await else { return };
                let change = json!({"Description": "A stranger's"});
                self.control(Method::PATCH, &format!("omf/connections/{id}"), change).await;
            }
        }
    }

    /// A stranger removes it at the vendor. An agent of Apono's that still runs registers again.
    async fn remove(&self, one: &Declared) {
        self.count("removals behind our back");
        match one.kind {
            Kind::Onomondo => {
                let path = format!("onomondo/connectors/{}", one.remote());
                self.control(Method::DELETE, &path, Value::Null).await;
            }
            Kind::Apono => {
                let id = one.remote();
                self.control(Method::DELETE, &format!("apono/connectors/{id}"), Value::Null).await;
                self.control(Method::POST, &format!("apono/agents/{id}/heartbeat"), Value::Null).await;
            }
            Kind::Omf => {
                let Some(id) = self.id_of(one).await else { return };
                self.control(Method::DELETE, &format!("omf/connections/{id}"), Value::Null).await;
            }
        }
    }

    /// A vendor has a bad moment with the next write.
    async fn spoil(&self) {
        self.count("bad moments of a vendor");
        let method = fastrand::choice(["POST", "PATCH", "PUT", "DELETE", "GET"]).expect("one of them");
        let applied = fastrand::bool();
        let action = match fastrand::u8(..4) {
            0 => json!({"kind": "status", "code": 503, "after_applying": applied}),
            1 => json!({"kind": "delay", "milliseconds": 1000, "after_applying": applied}),
            2 => json!({"kind": "html", "code": 502, "after_applying": applied}),
            _ => json!({"kind": "cut_after_applying"}),
        };
        let fault = json!({"match": {"method": method, "times": 1}, "action": action});
        self.control(Method::POST, "faults", fault).await;
    }

    async fn id_of(&self, one: &Declared) -> Option<String> {
        let url = format!("{}/_emulator/omf/connections", self.vendor);
        let (_, text) = crate::support::http::get(&url).await.ok()?;
        let connections: Vec<Value> = serde_json::from_str(&text).ok()?;
        let found =
            connections.iter().find(|other| other["Name"] == one.remote() && other["State"] == "Active")?;
        found["Id"].as_str().map(str::to_owned)
    }

    /// Uses one of the emulator's controls; what is not there any more cannot be changed, and that is no matter here.
    async fn control(&self, method: Method, path: &str, body: Value) {
        let url = format!("{}/_emulator/{path}", self.vendor);
        send_json(method, &url, &body).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Nothing goes wrong any more, and what was deleted is declared again.
    pub(crate) async fn say_a_last_word(&self) {
        self.control(Method::DELETE, "faults", Value::Null).await;
        let all = self.fleet.objects().clone();
        for (chosen, one) in all.iter().enumerate().filter(|(_, one)| one.is_leaving) {
            let address = Address::parse(&one.address(), &self.namespace);
            let gone = self.objects.watch_until(&address, DEADLINE, |seen| seen.is_none()).await;
            assert!(gone.is_ok(), "{address} does not end: {gone:?}");
            self.declare_again(chosen).await;
        }
    }

    /// Where strangers changed one field three times in a row, the operator waits for a word, and this is the one that its message asks for.
    pub(crate) async fn have_it_tried_again(&self) {
        for kind in [Kind::Onomondo, Kind::Apono, Kind::Omf] {
            for object in self.objects.list(kind.name(), &self.namespace).await {
                let is_asked =
                    object["metadata"]["annotations"]["connector-operator.io/reconcile-at"].is_string();
                if condition(&object, "Stalled") != "True/NotConverging" || is_asked {
                    continue;
                }
                self.count("tried again by hand");
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let address = Address::parse(&format!("{}/{name}", kind.name()), &self.namespace);
                let word =
                    json!({"metadata": {"annotations": {"connector-operator.io/reconcile-at": "once"}}});
                self.objects.merge(&address, &word).await.unwrap_or_else(|error| panic!("refused: {error}"));
            }
        }
    }
}
