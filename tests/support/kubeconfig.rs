//! Kubeconfig files, and clients made of them.

use std::path::Path;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use super::certificates::Pair;

/// As whom to come.
pub enum User<'a> {
    /// By a client certificate.
    Certificate(&'a Pair),
    /// By a bearer token.
    Token(&'a str),
}

/// A kubeconfig with one cluster, one user and one context.
pub fn text(url: &str, authority: &Path, user: &User<'_>, namespace: &str) -> String {
    let user = match user {
        User::Certificate(pair) => json!({"client-certificate": pair.certificate, "client-key": pair.key}),
        User::Token(token) => json!({"token": token}),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": authority}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    });
    // JSON is YAML.
    serde_json::to_string_pretty(&config).expect("plain data")
}

/// A client for the runtime that calls this: it must not be used in another test's.
pub async fn client(file: &Path) -> Client {
    // A second call finds the provider installed, which is all it wants.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig =
        Kubeconfig::read_from(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap_or_else(|error| panic!("{} is no kubeconfig: {error}", file.display()));
    // The person's proxy is not the way to the loopback, and a test wants to see the first error.
    config.proxy_url = None;
    config.default_retry = false;
    Client::try_from(config).expect("a client of a written kubeconfig")
}
