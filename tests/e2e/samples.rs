//! The samples of `deploy/samples`, as somebody applies them who put the own addresses and keys into them.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::shell::{Shell, say};
use crate::support::certificates::Identity;
use crate::support::process::Run;
use crate::support::{tools, yaml};
use crate::vendors::Vendors;

/// The namespaces of the samples.
pub(crate) const NAMESPACES: [&str; 3] = ["access", "iot", "plant"];
/// What the vendors have of them, as [`Vendors::have`] says it.
pub(crate) const AT_THE_VENDORS: [&str; 6] = [
    "apono prod-eks",
    "omf Line 7 sensors",
    "onomondo azure-hub",
    "onomondo fleet-eu",
    "onomondo ingest",
    "onomondo plant-a",
];
/// What they still have when everything was deleted: Apono's connectors stay where nobody says otherwise, since an agent would register again.
pub(crate) const LEFT_AT_THE_VENDORS: [&str; 1] = ["apono prod-eks"];
const ALL: &str = "connectors,connectoraccounts";

/// The samples, in a folder of their own.
pub(crate) struct Samples {
    folder: PathBuf,
}

impl Samples {
    /// A copy that goes to these vendors.
    pub(crate) fn of(vendors: &Vendors) -> Samples {
        let folder = Run::current().folder().join("samples");
        std::fs::create_dir_all(&folder).expect("make a folder");
        let files = std::fs::read_dir(tools::repository().join("deploy/samples")).expect("the samples");
        for file in files {
            let file = file.expect("a file").path();
            let adapted: Vec<Value> =
                yaml::documents_of_file(&file).into_iter().map(|object| adapt(object, vendors)).collect();
            let text: Vec<String> =
                adapted.iter().map(|object| serde_yaml::to_string(object).expect("data")).collect();
            let name = file.file_name().expect("a name");
            std::fs::write(folder.join(name), text.join("---\n")).expect("write a sample");
        }
        Samples { folder }
    }

    fn path(&self) -> std::path::Display<'_> {
        self.folder.display()
    }

    /// Applies them and waits until the vendors have what they declare.
    pub(crate) fn apply(&self, shell: &Shell) {
        say("deploy/samples, with the vendors' address and keys in them:");
        shell.run(&format!("kubectl apply -f {0}/namespaces.yaml && kubectl apply -f {0}", self.path()));
        Samples::ready(shell);
        shell.run("kubectl get connectors -A");
    }

    /// Applies those of Onomondo to a namespace that is there.
    pub(crate) fn apply_onomondo(&self, shell: &Shell) {
        say("the samples of Onomondo, with the vendor's address and keys in them:");
        shell.run(&format!(
            "for each in {}/onomondo-*.yaml; do kubectl apply -f \"$each\"; done",
            self.path()
        ));
        Samples::ready(shell);
        shell.run("kubectl get connectors -A");
    }

    /// Waits until every connector and account is Ready.
    pub(crate) fn ready(shell: &Shell) {
        shell.run(&format!("kubectl wait --for=condition=Ready {ALL} --all -A --timeout=60s"));
    }

    /// Deletes them, connectors and accounts, and waits for their end; the namespaces too.
    pub(crate) fn delete(&self, shell: &Shell) {
        shell.run("kubectl delete connectors --all -A --timeout=60s");
        shell.run("kubectl delete connectoraccounts --all -A --timeout=60s");
        shell.run(&format!("kubectl delete -f {}/namespaces.yaml --timeout=60s", self.path()));
    }
}

fn adapt(mut object: Value, vendors: &Vendors) -> Value {
    let spec = &mut object["spec"];
    if spec["endpoint"].is_string() {
        spec["endpoint"] = json!(vendors.endpoint());
    }
    if object["kind"] != "Secret" {
        return object;
    }
    let identity = Identity::generate("plant-a");
    for (key, value) in object["stringData"].as_object_mut().expect("the data of a Secret") {
        *value = json!(match key.as_str() {
            "apiKey" => vendors.api_key.clone(),
            "token" => vendors.token.clone(),
            "clientId" => vendors.client_id.clone(),
            "clientSecret" => vendors.client_secret.clone(),
            "tls.key" => identity.key.clone(),
            "tls.crt" | "ca.crt" => identity.certificate.clone(),
            "connectionString" =>
                "HostName=hub.example.net;SharedAccessKeyName=device;SharedAccessKey=c2VjcmV0".to_owned(),
            unknown => panic!("a sample wants {unknown}: say here what that is"),
        });
    }
    object
}
