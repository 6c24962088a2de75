//! `connector-operator release`: takes the operator's finalizers off, so that objects can be deleted when no operator runs any more.
//!
//! A person runs it, with their own rights, after an uninstall, or in a namespace that was deleted together with the operator's binding in it. It
//! never calls a vendor, and it changes nothing of an object but its finalizers.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use futures::{StreamExt, stream};
use http::StatusCode;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, PartialObjectMeta, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tokio::time::timeout;

use super::cluster;
use crate::api::{
    AponoAccount, AponoConnector, FINALIZER, OmfAccount, OmfConnection, OnomondoAccount, OnomondoConnector,
};
use crate::engine::kubernetes_error::describe;
use crate::metrics::Metrics;
use crate::settings::{Place, Release};

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const PAGE: u32 = 500;
const AT_ONCE: usize = 8;
/// How often an object that is being changed by others is read again.
const TRIES: usize = 5;

/// Some finalizers are still there.
#[derive(Debug, thiserror::Error)]
#[error(
    "{failed} of {all} objects could not be released; what stands above says why. Run it again when that is mended"
)]
pub struct NotAllReleased {
    failed: usize,
    all: usize,
}

/// The kinds whose objects can carry the finalizer: connectors before accounts, which are needed until then.
fn kinds() -> [ApiResource; 6] {
    [
        ApiResource::erase::<OnomondoConnector>(&()),
        ApiResource::erase::<AponoConnector>(&()),
        ApiResource::erase::<OmfConnection>(&()),
        ApiResource::erase::<OnomondoAccount>(&()),
        ApiResource::erase::<AponoAccount>(&()),
        ApiResource::erase::<OmfAccount>(&()),
    ]
}

/// Releases what `release` names, telling each object and a summary on stdout.
///
/// # Errors
/// There is no cluster, a list failed, or some object could not be released.
pub async fn run(release: &Release) -> Result<(), Box<dyn Error>> {
    let client = cluster::connect(&Metrics::new()).await?;
    let mut found = Vec::new();
    for kind in kinds() {
        found.extend(held(&client, &kind, release).await?.into_iter().map(|object| (kind.clone(), object)));
    }
    let mut out = io::stdout().lock();
    if found.is_empty() {
        writeln!(
            out,
            "No object {} carries the finalizer {FINALIZER}: there is nothing to release.",
            release.place
        )?;
        return Ok(());
    }
    if release.dry_run {
        for (kind, object) in &found {
            writeln!(out, "{} would be released", name_of(kind, object))?;
        }
        writeln!(
            out,
            "{} objects {} would be released. Nothing was changed: this was a dry run.",
            found.len(),
            release.place
        )?;
        return Ok(());
    }
    let all = found.len();
    let mut releasing = stream::iter(found)
        .map(|(kind, object)| {
            let client = client.clone();
            async move {
                let name = name_of(&kind, &object);
                (name, release_one(&client, &kind, object).await)
            }
        })
        .buffered(AT_ONCE);
    let mut failed = 0;
    while let Some((name, result)) = releasing.next().await {
        match result {
            Ok(()) => writeln!(out, "{name} released")?,
            Err(why) => {
                failed += 1;
                writeln!(out, "{name} not released: {why}")?;
            }
        }
    }
    writeln!(
        out,
        "{} of {all} objects {} released. Nothing was changed at the vendors.",
        all - failed,
        release.place
    )?;
    if failed > 0 { Err(NotAllReleased { failed, all }.into()) } else { Ok(()) }
}

/// The objects of a kind that carry the finalizer.
async fn held(
    client: &Client,
    kind: &ApiResource,
    release: &Release,
) -> Result<Vec<PartialObjectMeta<DynamicObject>>, Box<dyn Error>> {
    let mut found = Vec::new();
    let apis: Vec<Api<DynamicObject>> = match &release.place {
        Place::Everywhere => vec![Api::all_with(client.clone(), kind)],
        Place::Namespaces(names) => {
            let one = |namespace: &String| Api::namespaced_with(client.clone(), namespace, kind);
            names.iter().map(one).collect()
        }
    };
    for api in apis {
        let mut parameters = ListParams::default().limit(PAGE);
        loop {
            let page = match timeout(CALL_TIMEOUT, api.list_metadata(&parameters)).await {
                Ok(Ok(page)) => page,
                // The definition of this kind is not installed, so there is no object of it.
                Ok(Err(kube::Error::Api(status))) if status.code == StatusCode::NOT_FOUND.as_u16() => break,
                Ok(Err(error)) => {
                    return Err(format!("cannot list {}: {}", kind.plural, describe(&error)).into());
                }
                Err(_) => return Err(format!("cannot list {}: no answer in time", kind.plural).into()),
            };
            found.extend(page.items.into_iter().filter(carries_it));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(found)
}

fn carries_it<K: Resource>(object: &K) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

fn name_of(kind: &ApiResource, object: &PartialObjectMeta<DynamicObject>) -> String {
    format!("{} {}/{}", kind.kind, object.namespace().unwrap_or_default(), object.name_any())
}

async fn release_one(
    client: &Client,
    kind: &ApiResource,
    mut object: PartialObjectMeta<DynamicObject>,
) -> Result<(), String> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, kind);
    let name = object.name_any();
    for _ in 0..TRIES {
        match timeout(CALL_TIMEOUT, api.patch_metadata(&name, &PatchParams::default(), &without_it(&object)))
            .await
        {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(kube::Error::Api(status))) if status.code == StatusCode::NOT_FOUND.as_u16() => {
                return Ok(());
            }
            Ok(Err(kube::Error::Api(status))) if status.code == StatusCode::CONFLICT.as_u16() => {}
            Ok(Err(error)) => return Err(describe(&error)),
            Err(_) => return Err("no answer in time".into()),
        }
        let uid = object.uid();
        object = match timeout(CALL_TIMEOUT, api.get_metadata_opt(&name)).await {
            Ok(Ok(Some(newer))) if newer.uid() == uid && carries_it(&newer) => newer,
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => return Err(describe(&error)),
            Err(_) => return Err("no answer in time".into()),
        };
    }
    Err("somebody else keeps changing it; is an operator still running?".into())
}

/// A merge patch replaces the list of finalizers; uid and resourceVersion make sure that it is the list that was read.
fn without_it(object: &PartialObjectMeta<DynamicObject>) -> Patch<serde_json::Value> {
    let rest: Vec<&String> =
        object.finalizers().iter().filter(|finalizer| finalizer.as_str() != FINALIZER).collect();
    Patch::Merge(json!({"metadata": {
        "uid": object.uid(),
        "resourceVersion": object.resource_version(),
        "finalizers": rest,
    }}))
}
