//! The ground the stories stand on, tested by itself: what would make them pass for the wrong reason must fail here.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::audit::{Audit, Request};
use crate::support::canary::{Canaries, base64_padded};
use crate::support::chart::{Release, Values, render};
use crate::support::control_plane::ControlPlane;
use crate::support::cost::by_object;
use crate::support::kubeconfig::{self, User};
use crate::support::objects::{Address, GROUP, Objects, VERSION, condition_message};
use crate::support::omf;
use crate::support::operator::token;
use crate::support::process::{Process, Run};
use crate::support::story::Story;
use crate::support::vendor::lines;
use crate::support::wait;

/// A folder and a namespace of the test's own, with the chart installed into it.
async fn installed(name: &str, values: Values) -> (&'static ControlPlane, Objects, Release, PathBuf) {
    let plane = ControlPlane::shared().await;
    let folder = Run::current().folder().join(name);
    std::fs::create_dir_all(&folder).expect("create a folder");
    let objects = Objects::new(plane.client().await);
    objects
        .apply_value(json!({"kind": "Namespace", "metadata": {"name": name}}), "")
        .await
        .expect("a namespace");
    let values = values.with("crds.install", false).with("watch.namespaces", vec![name]);
    let release = Release::install(&objects, name, name, &values, &folder).await;
    (plane, objects, release, folder)
}

/// Whether the API server's authorizer would let `user` do `verb group/resource/subresource namespace name`.
async fn may(client: &kube::Client, user: &str, request: &str) -> bool {
    let [verb, what, namespace, name] = request.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{request}")
    };
    let mut parts = what.split('/');
    let (group, resource, subresource) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let dash_is_none = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                "namespace": dash_is_none(namespace), "name": dash_is_none(name),
            },
        },
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let request = http::Request::post(path).body(review.to_string().into_bytes()).expect("a request");
    let answer: Value = client.request(request).await.expect("an access review");
    answer["status"]["allowed"] == true
}

async fn assert_rights(client: &kube::Client, user: &str, granted: &[&str], withheld: &[&str]) {
    for request in granted {
        assert!(may(client, user, request).await, "the chart does not grant: {request}");
    }
    for request in withheld {
        assert!(!may(client, user, request).await, "the chart grants, though nothing needs it: {request}");
    }
}

#[tokio::test]
async fn in_one_namespace_the_chart_grants_what_the_operator_needs_and_no_more() {
    let values = Values::new().with("rbac.clusterScoped", false);
    let (plane, _, release, _) = installed("rights-namespaced", values).await;
    let granted = [
        "list connector-operator.io/onomondoconnectors rights-namespaced -",
        "watch connector-operator.io/omfaccounts rights-namespaced -",
        "patch connector-operator.io/aponoconnectors rights-namespaced any",
        "patch connector-operator.io/onomondoconnectors/status rights-namespaced any",
        "watch /secrets rights-namespaced -",
        "create events.k8s.io/events rights-namespaced -",
        "create coordination.k8s.io/leases rights-namespaced -",
        "update coordination.k8s.io/leases rights-namespaced rights-namespaced-connector-operator",
        "create /secrets rights-namespaced -",
        "update /secrets rights-namespaced connector-operator-fingerprint-key",
    ];
    let withheld = [
        "list connector-operator.io/onomondoconnectors - -",
        "list connector-operator.io/onomondoconnectors default -",
        "update connector-operator.io/onomondoconnectors rights-namespaced any",
        "create connector-operator.io/onomondoconnectors rights-namespaced -",
        "delete connector-operator.io/onomondoconnectors rights-namespaced any",
        "update connector-operator.io/onomondoconnectors/status rights-namespaced any",
        "update /secrets rights-namespaced any",
        "delete /secrets rights-namespaced connector-operator-fingerprint-key",
        "get /secrets default any",
        "list /namespaces - -",
        "update coordination.k8s.io/leases rights-namespaced any",
        "get apiextensions.k8s.io/customresourcedefinitions - any",
    ];
    assert_rights(&plane.client().await, &release.user(), &granted, &withheld).await;
}

#[tokio::test]
async fn in_the_whole_cluster_the_chart_grants_what_the_operator_needs_and_no_more() {
    let values = Values::new().with("secrets.watch", false).with("leaderElection.enabled", false);
    let (plane, _, release, _) = installed("rights-cluster", values).await;
    let granted = [
        "watch connector-operator.io/onomondoconnectors - -",
        "patch connector-operator.io/omfconnections/status default any",
        "watch /namespaces - -",
        "get /secrets default any",
        "create events.k8s.io/events default -",
        "create /secrets rights-cluster -",
    ];
    let withheld = [
        "list /secrets default -",
        "watch /secrets - -",
        "create /secrets default -",
        "create coordination.k8s.io/leases rights-cluster -",
        "delete connector-operator.io/onomondoconnectors default any",
        "patch apiextensions.k8s.io/customresourcedefinitions - any",
    ];
    assert_rights(&plane.client().await, &release.user(), &granted, &withheld).await;
}

#[tokio::test]
async fn the_chart_says_what_to_write_where_its_values_cannot_work() {
    let folder = Run::current().folder();
    let namespaced = render("bad-watch", "x", &Values::new().with("rbac.clusterScoped", false), folder);
    assert!(namespaced.clone().unwrap_err().contains("set watch.namespaces"), "{namespaced:?}");
    let two = Values::new().with("replicaCount", 2).with("leaderElection.enabled", false);
    let leaderless = render("bad-replicas", "x", &two, folder);
    assert!(leaderless.clone().unwrap_err().contains("needs leaderElection.enabled=true"), "{leaderless:?}");
    let misspelt = render("bad-key", "x", &Values::new().with("resyncIntervall", "1m"), folder);
    assert!(misspelt.clone().unwrap_err().contains("resyncIntervall"), "{misspelt:?}");
}

#[tokio::test]
async fn writes_and_refusals_are_counted_from_the_audit_log() {
    let values = Values::new().with("rbac.clusterScoped", false);
    let (plane, objects, release, folder) = installed("audit", values).await;
    let account = "{kind: OnomondoAccount, metadata: {name: a}, spec: {apiKeySecretRef: {name: a}}}";
    objects.apply(account, "audit").await.expect("an account");
    let file = folder.join("operator.kubeconfig");
    plane.write_kubeconfig(
        &file,
        &User::Token(&token(plane, &release.namespace, &release.service_account).await),
        "audit",
    );
    let as_operator = kubeconfig::client(&file).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, "OnomondoAccount"));
    let accounts: Api<DynamicObject> = Api::namespaced_with(as_operator, "audit", &resource);

    let audit = Audit::of(plane, &release.user());
    let finalizer = Patch::Merge(json!({"metadata": {"finalizers": ["connector-operator.io/finalizer"]}}));
    accounts.patch("a", &PatchParams::default(), &finalizer).await.expect("set a finalizer");
    let status = json!({"apiVersion": "connector-operator.io/v1alpha1", "kind": "OnomondoAccount", "status": {"observedGeneration": -1}});
    let forced = PatchParams::apply("connector-operator").force();
    accounts.patch_status("a", &forced, &Patch::Apply(status)).await.expect("apply the status");
    accounts.get("a").await.expect("read it");
    accounts.delete("a", &DeleteParams::default()).await.expect_err("may not delete it");

    let requests = audit.requests(plane, &plane.client().await).await;
    let lines: Vec<String> = requests.iter().map(ToString::to_string).collect();
    let expected = [
        "patch onomondoaccounts/a",
        "apply onomondoaccounts/a/status",
        "get onomondoaccounts/a",
        "delete onomondoaccounts/a -> 403",
    ];
    assert_eq!(lines, expected);
    assert_eq!(requests.iter().filter(|request| request.is_write()).count(), 3);
}

/// The forms in which a secret has come to light in other people's programs.
fn leaks_of(secret: &str) -> Vec<(&'static str, String)> {
    let json = json!({"key": secret}).to_string();
    let hex: String = secret.bytes().fold(String::new(), |text, byte| text + &format!("{byte:02X}"));
    let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    vec![
        ("raw", format!("level=trace body={secret} end")),
        ("one line of it", secret.lines().map(str::trim).max_by_key(|line| line.len()).unwrap().to_owned()),
        ("cut short", format!("{}…", &secret[..secret.len() - 4])),
        ("JSON", json.clone()),
        ("JSON within JSON", json!({"note": json}).to_string()),
        ("URL-encoded", format!("https://127.0.0.1/?key={url}")),
        ("hex", hex),
        ("Debug of bytes", format!("{:?}", secret.as_bytes())),
        ("base64", base64_padded(secret)),
        ("base64 behind one byte", base64_padded(&format!("x{secret}"))),
        ("base64 behind two bytes", base64_padded(&format!("xy{secret}"))),
    ]
}

#[test]
fn what_was_written_is_told_by_object_in_its_order() {
    let request = |verb: &str, resource: &str, namespace: &str, subresource: &str, code: u64| Request {
        verb: verb.to_owned(),
        group: GROUP.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: "plant-a".to_owned(),
        subresource: subresource.to_owned(),
        code,
    };
    let connectors = "onomondoconnectors";
    let requests = [
        request("patch", connectors, "here", "", 200),
        request("get", connectors, "here", "", 200),
        request("apply", connectors, "here", "status", 200),
        request("apply", connectors, "there", "status", 409),
        request("apply", connectors, "here", "status", 200),
        request("delete", "omfconnections", "here", "", 404),
        request("patch", connectors, "here", "", 200),
        Request { group: String::new(), ..request("create", "secrets", "here", "", 201) },
    ];
    let told = [
        ("OmfConnection/plant-a", "delete -> 404"),
        ("OnomondoConnector/plant-a", "patch, status ×2, patch"),
        ("OnomondoConnector/there/plant-a", "status -> 409"),
    ];
    let told = told.map(|(object, writes)| (object.to_owned(), writes.to_owned()));
    assert_eq!(by_object(&requests, "here"), told.into());
}

#[test]
fn a_leak_planted_on_purpose_is_found_in_every_form() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let secrets = [
        ("key", key.as_str()),
        (
            "connection string",
            "HostName=hub.azure-devices.net;SharedAccessKeyName=up;SharedAccessKey=q83/u+3dzHcJw==",
        ),
        ("API key", "c2VjcmV0LW9mLXRoZS1vcmdhbmlzYXRpb24"),
    ];
    for (name, secret) in secrets {
        let mut canaries = Canaries::default();
        canaries.guard(name, secret);
        for (form, text) in leaks_of(secret) {
            assert!(
                !canaries.found_in(&text).is_empty(),
                "{name} leaked as {form} and was not found: {text}"
            );
        }
        let innocent = "connector plant-a is Ready; -----BEGIN PRIVATE KEY----- is how a key begins";
        assert_eq!(canaries.found_in(innocent), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn a_secret_that_shows_up_in_an_object_or_a_url_fails_the_story() {
    let story = Story::named("leaks").replicas(0).begin().await;
    assert_eq!(story.search_for_secrets().await, Vec::<String>::new());

    let note = base64_padded(&format!("key={}", story.api_key));
    story.apply(&format!("{{kind: ConfigMap, metadata: {{name: leak}}, data: {{note: {note}}}}}")).await;
    let url = format!("{}/connectors?key={}", story.vendor.url(), story.api_key);
    crate::support::http::get(&url).await.expect("the emulator answers");

    let found = story.search_for_secrets().await;
    for place in ["ConfigMap leaks/leak: the API key, base64", "URLs at the vendor: the API key, raw"] {
        assert!(found.iter().any(|line| line.starts_with(place)), "{place} is not in {found:#?}");
    }
    story.forget_secrets().end().await;
}

/// What an operator is known to show stands for a secret that it shows by mistake.
#[tokio::test]
async fn a_secret_that_the_operator_shows_anywhere_fails_the_story() {
    let mut story = Story::begin("shows").await;
    story.onomondo_account("").await;
    let account = story.ready("OnomondoAccount/default").await;
    let message = condition_message(&account, "Ready");
    let shown = [
        ("log of operator-0", "serving /healthz, /readyz and /metrics"),
        ("metrics of operator-0", "connector_operator_build_info"),
        ("cmdline of operator-0", "--consistency-allowance=1s"),
        ("environ of operator-0", "operator-0.kubeconfig"),
        ("OnomondoAccount shows/default", &message),
    ];
    for (_, text) in &shown {
        story.guard("what is shown", text);
    }

    let found = story.search_for_secrets().await;

    for (place, text) in shown {
        let start = format!("{place}: what is shown, raw");
        assert!(found.contains(&start), "{text:?} is in the {place}, but only this was found: {found:#?}");
    }
    story.forget_secrets().end().await;
}

#[tokio::test]
async fn the_vendor_tells_what_it_saw_and_fails_when_it_is_told_to() {
    let story = Story::named("vendor").switch("onomondo.identifiers", "everywhere").replicas(0).begin().await;
    let vendor = &story.vendor;
    let connectors = format!("{}/connectors", vendor.url());
    let fault =
        vendor.fault(json!({"method": "GET", "times": 1}), json!({"kind": "status", "code": 503})).await;

    for (key, code) in [("", 503), ("wrong", 401), (&story.api_key, 200)] {
        let request = crate::support::http::client().get(&connectors).header("authorization", key);
        assert_eq!(request.send().await.expect("an answer").status(), code, "with the key {key:?}");
    }
    let body = json!({"name": "plant-a", "type": "https", "options": {"host": "https://plant.example"}});
    let request = crate::support::http::client().post(&connectors).header("authorization", &story.api_key);
    let created = request.header("content-type", "application/json").body(body.to_string()).send().await;
    assert_eq!(created.expect("an answer").status(), 200);

    assert_eq!(vendor.fault_hits(fault).await, 1);
    let requests =
        ["GET /connectors -> 503", "GET /connectors -> 401", "GET /connectors", "POST /connectors plant-a"];
    assert_eq!(story.vendor_requests().await, requests);
    assert_eq!(story.vendor_writes().await, requests[3..]);
    assert_eq!(vendor.wait_for("POST", 1, Duration::from_secs(5)).await.len(), 1);

    vendor.change_connector("plant-a", &json!({"options": {"host": "https://other.example"}})).await;
    let changed = vendor.connector("plant-a").await.expect("it is listed");
    assert_eq!(changed["options"]["host"], "https://other.example");
    vendor.remove_connector("plant-a").await;
    assert_eq!(vendor.connectors().await, Vec::<Value>::new());
    vendor
        .put_connector("plant-b", &json!({"type": "https", "options": {"host": "https://b.example"}}))
        .await;
    vendor.map_sim("1", "plant-b").await;
    vendor.remove_sim("1").await;
    vendor.set_keys(&json!([{"key": "other", "organisation": "other"}])).await;
    story.end().await;
}

#[tokio::test]
async fn the_data_hub_is_at_hand_with_its_states_and_tokens() {
    let mut story = Story::named("data-hub").switch("omf.creation", "stays").replicas(0).begin().await;
    story.omf_account("apiVersion: v2-preview").await;
    assert_eq!(story.get("OmfAccount/default").await["spec"]["tenantId"], omf::TENANT);
    let (url, hub) = (story.vendor.url(), story.vendor.data_hub());
    let secret =
        story.vendor.read("omf/clients").await[0]["client_secret"].as_str().expect("text").to_owned();
    let kept = story.get("Secret/aveva").await["data"]["clientSecret"].clone();
    assert_eq!(kept, base64_padded(&secret), "the vendor knows the account's client");

    let client = crate::support::http::client();
    let form = format!("client_id={}&client_secret={secret}&grant_type=client_credentials", omf::CLIENT);
    let request = client.post(format!("{url}/identity/connect/token")).body(form);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let token = request.send().await.expect("an answer").text().await.expect("a body");
    let token: Value = serde_json::from_str(&token).expect("JSON");
    let bearer = format!("Bearer {}", token["access_token"].as_str().expect("a token"));
    let connections =
        format!("{url}/api/v1/Tenants/{}/Namespaces/{}/OmfConnections", omf::TENANT, omf::NAMESPACE);
    let list = async || {
        let asked = client.get(&connections).header("authorization", &bearer).send().await;
        asked.expect("an answer").status().as_u16()
    };
    let body = json!({"Name": "line-7", "ClientIds": ["a"]}).to_string();
    let request = client.post(&connections).header("authorization", &bearer).body(body);
    let created = request.header("content-type", "application/json").send().await.expect("an answer");
    assert_eq!(created.status(), 202);
    assert_eq!(list().await, 200);

    let ids = hub.put_connections(&[json!({"Name": "theirs", "ClientIds": ["b"]})]).await;
    hub.change_connection(&ids[0], &json!({"State": "Deleting"})).await;
    assert_eq!(hub.states().await, ["line-7 Creating", "theirs Deleting"]);
    assert_eq!(hub.id_of("theirs").await, ids[0]);
    hub.settle().await;
    assert_eq!(hub.states().await, ["line-7 Active"]);
    hub.remove_connection(&hub.id_of("line-7").await).await;
    hub.revoke_tokens().await;
    assert_eq!(list().await, 401);
    hub.set_tokens(&json!([{"token": bearer.trim_start_matches("Bearer "), "tenant": omf::TENANT}])).await;
    assert_eq!(list().await, 200);
    hub.set_namespaces(&json!([])).await;
    assert_eq!(list().await, 404);
    hub.advertise_token_endpoint(Some("https://elsewhere.example/token")).await;

    let seen = ["POST /OmfConnections line-7", "GET /OmfConnections", "GET /OmfConnections -> 401"];
    assert_eq!(lines(&hub.requests().await)[..3], seen);
    assert_eq!(lines(&hub.identity_requests().await), ["POST /identity/connect/token"]);
    assert_ne!(hub.most_connections_of(omf::CLIENT).await, 0);
    story.end().await;
}

#[tokio::test]
async fn what_is_awaited_is_watched_and_what_never_comes_is_told() {
    let mut story = Story::named("waiting").replicas(0).begin().await;
    story.secret("pair", &[("tls.key", "not-a-real-key-at-all")]).await;
    story.apply("{kind: ConfigMap, metadata: {name: door}, data: {state: shut}}").await;
    let (opened, ()) = tokio::join!(
        story.eventually("ConfigMap/door", "open", |door| door["data"]["state"] == "open"),
        async {
            story.edit("ConfigMap/door", "data: {state: ajar}").await;
            story.edit("ConfigMap/door", "data: {state: open}").await;
        }
    );
    assert_eq!(opened["data"]["state"], "open");

    let address = Address::parse("ConfigMap/door", "waiting");
    let shut = |door: Option<&Value>| door.is_some_and(|door| door["data"]["state"] == "shut");
    let last = story.objects.watch_until(&address, Duration::from_millis(200), shut).await;
    assert_eq!(last.expect_err("nobody shuts it").expect("it was seen")["data"]["state"], "open");

    let (gone, ()) = tokio::join!(story.gone("ConfigMap/door"), story.delete("ConfigMap/door"));
    assert_eq!(gone, ());
    story.end().await;
}

/// Not a test of anything: the process that the next test kills.
#[test]
#[ignore = "the other half of a_killed_test_run_leaves_no_process"]
fn a_run_that_waits_for_its_end() {
    let log = Run::current().folder().join("sleep.log");
    let process = Process::start(Path::new("/bin/sleep"), &["600".to_owned()], &[], &log);
    eprintln!("started {} in {}", process.id(), Run::current().folder().display());
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn a_killed_test_run_leaves_no_process() {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "harness::a_run_that_waits_for_its_end", "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start a second test run");
    let lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let started = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("started "))
        .expect("it says what it started");
    let [_, id, _, folder] = started.split(' ').collect::<Vec<_>>()[..] else { panic!("{started}") };
    // In the middle of its exec a process has no command line.
    wait::until("the process runs", Duration::from_secs(20), || async {
        if is_running(id) { Ok(()) } else { Err(format!("process {id} has no command line")) }
    })
    .await;
    run.kill().unwrap();
    run.wait().unwrap();
    wait::until("the process and its folder are gone", Duration::from_secs(20), || async {
        let left = is_running(id) || Path::new(folder).exists();
        if left { Err(format!("process {id} or {folder} is still there")) } else { Ok(()) }
    })
    .await;
}

/// A dead process that nobody has buried yet has no command line.
fn is_running(id: &str) -> bool {
    std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| !line.is_empty())
}
