//! The lamps' API, in memory: what the vendor has, what it was asked, and whether it answers at all.

use crate::lamps::{City, Item, Lamp, LampAccount};
use crate::stories::{Look, Subject};
use bytes::Bytes;
use connector_operator::remote::Transport;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tower::BoxError;

#[derive(Default)]
struct State {
    lamps: BTreeMap<String, String>,
    writes: Vec<String>,
    lists: usize,
    is_down: bool,
}

/// See the module. Clones share it.
#[derive(Clone, Default)]
pub struct CityHall(Arc<Mutex<State>>);

const COLOURS: [(Look, &str); 2] = [(Look::One, "white"), (Look::Other, "amber")];

fn colour(look: Look) -> &'static str {
    COLOURS.iter().find(|(known, _)| *known == look).map_or("", |(_, colour)| colour)
}

impl CityHall {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Bytes>) -> (StatusCode, Value) {
        let mut state = self.state();
        if state.is_down {
            return (StatusCode::SERVICE_UNAVAILABLE, Value::Null);
        }
        let name = request.uri().path().trim_start_matches("/lamps").trim_start_matches('/').to_owned();
        if request.method() == Method::GET {
            state.lists += 1;
            let lamps = state.lamps.iter().map(|(name, colour)| json!({"name": name, "colour": colour}));
            return (StatusCode::OK, lamps.collect());
        }
        state.writes.push(format!("{} {}", request.method(), request.uri().path()));
        let item: Option<Item> = serde_json::from_slice(request.body()).ok();
        match (request.method().clone(), item) {
            (Method::POST, Some(item)) if state.lamps.contains_key(&item.name) => {
                (StatusCode::CONFLICT, Value::Null)
            }
            (Method::POST, Some(item)) => {
                state.lamps.insert(item.name.clone(), item.colour.clone());
                (StatusCode::CREATED, json!(item))
            }
            (Method::PUT, Some(item)) if state.lamps.remove(&name).is_some() => {
                state.lamps.insert(item.name.clone(), item.colour.clone());
                (StatusCode::OK, json!(item))
            }
            (Method::DELETE, _) if state.lamps.remove(&name).is_some() => {
                (StatusCode::NO_CONTENT, Value::Null)
            }
            _ => (StatusCode::NOT_FOUND, Value::Null),
        }
    }
}

impl Subject for CityHall {
    type Vendor = City;

    fn crds() -> Vec<CustomResourceDefinition> {
        vec![Lamp::crd(), LampAccount::crd()]
    }

    fn host() -> &'static str {
        "lamps.test"
    }

    fn transport(&self) -> Transport {
        let city = self.clone();
        Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let (status, body) = city.answer(&request);
            let body = Full::new(Bytes::from(body.to_string())).map_err(BoxError::from).boxed_unsync();
            let response = Response::builder().status(status).header("content-type", "application/json");
            std::future::ready(response.body(body).map_err(BoxError::from))
        }))
    }

    fn account() -> Value {
        json!({"endpoint": "https://lamps.test"})
    }

    fn connector(look: Look) -> Value {
        json!({"colour": colour(look)})
    }

    fn put(&self, name: &str, look: Look) {
        self.state().lamps.insert(name.to_owned(), colour(look).to_owned());
    }

    fn remove(&self, name: &str) {
        self.state().lamps.remove(name);
    }

    fn look(&self, name: &str) -> Option<Look> {
        let state = self.state();
        let found = state.lamps.get(name)?;
        COLOURS.iter().find(|(_, colour)| colour == found).map(|(look, _)| *look)
    }

    fn answers(&self, answers: bool) {
        self.state().is_down = !answers;
    }

    fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    fn lists(&self) -> usize {
        self.state().lists
    }
}
