//! Which feeds a controller has: one a kind and watched namespace.

use super::cache::Scope;
use super::context::Context;
use super::object::Object;
use super::vendor::Vendor;
use super::watch::feed;
use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};

/// One event of one feed.
pub enum Fed<V: Vendor> {
    /// Of a connector.
    Connector(Scope, Event<Object<V::Connector>>),
    /// Of an account.
    Account(Scope, Event<Object<V::Account>>),
    /// Of a Secret's metadata.
    Secret(Scope, Event<PartialObjectMeta<Secret>>),
    /// Of a namespace's metadata.
    Namespace(Event<PartialObjectMeta<Namespace>>),
}

/// Every feed of a controller.
pub fn feeds<V: Vendor>(context: &Context<V>) -> SelectAll<BoxStream<'static, Fed<V>>> {
    let mut feeds = SelectAll::new();
    for scope in scopes(&context.settings.watch_namespaces) {
        let name = |kind: &str| format!("{kind} in {}", scope.as_deref().unwrap_or("all namespaces"));
        let connectors = name(&<V::Connector as kube::Resource>::plural(&()));
        let accounts = name(&<V::Account as kube::Resource>::plural(&()));
        let (here, client) = (scope.clone(), &context.client);
        let connectors = feed::<Object<V::Connector>>(api(client, scope.as_deref()), config(), connectors);
        feeds.push(connectors.map(move |event| Fed::Connector(here.clone(), event)).boxed());
        let here = scope.clone();
        let accounts = feed::<Object<V::Account>>(api(client, scope.as_deref()), config(), accounts);
        feeds.push(accounts.map(move |event| Fed::Account(here.clone(), event)).boxed());
        if context.settings.secrets_watch {
            let here = scope.clone();
            // Helm's release Secrets are many and large, and nobody refers to them.
            let config = config().fields("type!=helm.sh/release.v1");
            let secrets =
                feed::<PartialObjectMeta<Secret>>(api(client, scope.as_deref()), config, name("secrets"));
            feeds.push(secrets.map(move |event| Fed::Secret(here.clone(), event)).boxed());
        }
    }
    if context.settings.namespaces_watch {
        let namespaces = feed::<PartialObjectMeta<Namespace>>(
            Api::all(context.client.clone()),
            config(),
            "namespaces".to_owned(),
        );
        feeds.push(namespaces.map(Fed::Namespace).boxed());
    }
    feeds
}

/// Each watch ends by itself after a minute and goes on where it was: a connection that died without a word is noticed by then.
fn config() -> Config {
    const SECONDS: u32 = 60;
    Config::default().timeout(SECONDS)
}

/// One feed for everything, or one a watched namespace.
pub fn scopes(namespaces: &[String]) -> Vec<Scope> {
    if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() }
}

fn api<K>(client: &kube::Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}
