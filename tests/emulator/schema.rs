//! The vendor's `OpenAPI` document, read alternative by alternative: what it declares, the emulator takes; what it forbids,
//! the emulator refuses; what it does not declare, the emulator does not send.

use serde_json::{Map, Value, json};

use crate::support::{Vendor, https, tls};

/// The types, each with the title of its alternative.
const TYPES: [(&str, &str); 4] = [
    ("tls", "TLS Connector Options"),
    ("https", "HTTPS Connector Options"),
    ("aws_iot_core", "AWS IoT Core Connector Options"),
    ("microsoft_azure_iot", "Microsoft Azure IoT Connector Options"),
];

fn operation(path: &str, method: &str) -> Value {
    let document: Value = serde_json::from_str(include_str!("fixtures/onomondo.openapi.json")).unwrap();
    document["paths"][path][method].clone()
}

fn request_schema() -> Value {
    operation("/connectors", "post")["requestBody"]["content"]["application/json"]["schema"].clone()
}

fn alternative(title: &str) -> Value {
    let alternatives = request_schema()["properties"]["options"]["oneOf"].clone();
    alternatives.as_array().unwrap().iter().find(|alternative| alternative["title"] == title).unwrap().clone()
}

/// A value that the schema admits.
fn sound(property: &Value) -> Value {
    match (property["type"].as_str(), property["format"].as_str()) {
        (Some("integer"), _) => property["maximum"].clone(),
        (Some("boolean"), _) => json!(true),
        (_, Some("uri")) => json!("https://ingest.example.com/v1"),
        _ => property["enum"].get(0).cloned().unwrap_or_else(|| json!("canary-of-the-schema")),
    }
}

fn options(alternative: &Value) -> Map<String, Value> {
    let properties = alternative["properties"].as_object().unwrap();
    properties.iter().map(|(name, property)| (name.clone(), sound(property))).collect()
}

fn body(type_name: &str, options: &Map<String, Value>) -> Value {
    json!({ "name": type_name, "type": type_name, "options": options })
}

#[tokio::test]
async fn every_declared_option_is_taken_and_only_passwords_never_read_back() {
    for (type_name, title) in TYPES {
        let vendor = Vendor::new();
        let alternative = alternative(title);
        let reply = vendor.has(body(type_name, &options(&alternative))).await;
        for (name, property) in alternative["properties"].as_object().unwrap() {
            let place = format!("{type_name}.{name}");
            if property["format"] == "password" {
                assert_eq!(reply["options"].get(name), None, "{place} is a secret");
                assert_eq!(reply["meta"][name]["is_set"], json!(true), "{place} is told of in meta");
            } else {
                assert_eq!(reply["options"][name], sound(property), "{place} reads back");
            }
        }
        assert!(!reply.to_string().contains("password"), "{reply}");
    }
}

#[tokio::test]
async fn every_required_option_is_required() {
    for (type_name, title) in TYPES {
        let alternative = alternative(title);
        for name in alternative["required"].as_array().unwrap() {
            let vendor = Vendor::with_switches(&[("onomondo.tls-secrets", "required")]);
            let mut options = options(&alternative);
            options.remove(name.as_str().unwrap());
            let answer = vendor.post(body(type_name, &options)).await;
            let code = format!("missing_option_{}", name.as_str().unwrap());
            assert_eq!((answer.status, answer.error()), (400, code.as_str()), "{type_name} without {name}");
        }
    }
}

#[tokio::test]
async fn every_bound_and_enum_is_kept() {
    for (type_name, title) in TYPES {
        let alternative = alternative(title);
        for (name, property) in alternative["properties"].as_object().unwrap() {
            let mut unsound = vec![json!([]), json!({ "a": 1 })];
            unsound.extend(property["minimum"].as_i64().map(|least| json!(least - 1)));
            unsound.extend(property["maximum"].as_i64().map(|most| json!(most + 1)));
            unsound.extend(property["enum"].as_array().map(|_| json!("sctp")));
            unsound.extend((property["format"] == "uri").then(|| json!("no uri")));
            for value in unsound {
                let mut options = options(&alternative);
                options.insert(name.clone(), value.clone());
                let answer = Vendor::new().post(body(type_name, &options)).await;
                let code = format!("invalid_option_{name}");
                assert_eq!(
                    (answer.status, answer.error()),
                    (400, code.as_str()),
                    "{type_name}.{name}: {value}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_declared_types_are_the_known_ones() {
    let declared = request_schema()["properties"]["type"]["enum"].clone();
    let mut declared =
        declared.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>();
    declared.sort_unstable();
    let mut tested = TYPES.map(|(name, _)| name).to_vec();
    tested.sort_unstable();
    assert_eq!(declared, tested);
    let beta = json!({ "name": "beta", "type": "mqtt", "options": {} });
    let answer = Vendor::new().post(beta).await;
    assert_eq!((answer.status, answer.error()), (400, "invalid_type"));
}

#[tokio::test]
async fn names_follow_the_declared_pattern() {
    assert_eq!(request_schema()["properties"]["name"]["pattern"], "^[-_a-zA-Z0-9]{3,255}$");
    let (longest, too_long) = ("a".repeat(255), "a".repeat(256));
    for sound in ["abc", "-_9", &longest] {
        assert_eq!(Vendor::new().post(https(sound)).await.status, 200, "{sound}");
    }
    for unsound in ["ab", "a.b", "a b", "grün", "", &too_long] {
        let answer = Vendor::new().post(https(unsound)).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_name"), "{unsound}");
    }
    for (name, code) in [(json!(null), "invalid_name"), (json!(7), "invalid_name")] {
        let mut body = https("abc");
        body["name"] = name;
        assert_eq!(Vendor::new().post(body).await.error(), code);
    }
    let mut nameless = https("abc");
    nameless.as_object_mut().unwrap().remove("name");
    assert_eq!(Vendor::new().post(nameless).await.error(), "missing_name");
}

#[tokio::test]
async fn passthrough_takes_its_declared_shapes_and_no_other() {
    let with = |rules: Value| {
        let mut body = https("abc");
        body["passthrough"] = rules;
        body
    };
    let sound = json!([
        { "protocol": "icmp" },
        { "protocol": "icmp", "ip": "1.1.1.1" },
        { "protocol": "tcp", "ip": "1.1.1.1", "port": 0 },
        { "protocol": "udp", "port": 65535 },
    ]);
    let reply = Vendor::new().has(with(sound.clone())).await;
    assert_eq!(reply["passthrough"], sound, "port 0 and an absent port are distinct");
    let further = json!([{ "protocol": "icmp", "port": 53, "comment": "x" }]);
    let reply = Vendor::new().has(with(further)).await;
    assert_eq!(reply["passthrough"], json!([{ "protocol": "icmp" }]), "icmp has no port");
    let nulls = json!([{ "protocol": "tcp", "ip": null, "port": null }]);
    assert_eq!(Vendor::new().post(with(nulls)).await.status, 200);
    assert_eq!(Vendor::new().post(with(json!(null))).await.status, 200);
    for unsound in [
        json!({}),
        json!([{}]),
        json!(["udp"]),
        json!([{ "protocol": "sctp" }]),
        json!([{ "protocol": "tcp", "port": 65536 }]),
        json!([{ "protocol": "tcp", "port": -1 }]),
        json!([{ "protocol": "tcp", "port": "53" }]),
        json!([{ "protocol": "tcp", "ip": 1 }]),
    ] {
        let answer = Vendor::new().post(with(unsound.clone())).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_passthrough"), "{unsound}");
    }
}

#[tokio::test]
async fn replies_hold_no_member_that_is_not_declared() {
    let vendor = Vendor::new();
    let created = vendor.has(tls("abc")).await;
    let updated = vendor.patch("abc", json!({ "name": "abd" })).await.body;
    let schema = |path, method| {
        operation(path, method)["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
            .clone()
    };
    let undeclared = |reply: &Value, declared: &Value| {
        let members = reply.as_object().unwrap().keys();
        members.filter(|name| declared.get(name.as_str()).is_none()).cloned().collect::<Vec<_>>()
    };
    assert_eq!(undeclared(&created, &schema("/connectors", "post")), Vec::<String>::new());
    // The schema of this reply lacks what its example shows.
    let identifiers = ["id", "organization_id", "uuid"];
    assert_eq!(undeclared(&updated, &schema("/connectors/{connector_name}", "patch")), identifiers);
}

#[tokio::test]
async fn a_type_change_needs_the_whole_new_options() {
    let vendor = Vendor::new();
    vendor.has(tls("abc")).await;
    let bare = vendor.patch("abc", json!({ "type": "https" })).await;
    assert_eq!((bare.status, bare.error()), (400, "missing_options"));
    let partial =
        vendor.patch("abc", json!({ "type": "https", "options": { "shouldReturnBody": true } })).await;
    assert_eq!((partial.status, partial.error()), (400, "missing_option_host"));
    let whole = json!({ "type": "https", "options": { "host": "https://ingest.example.com" } });
    let changed = vendor.patch("abc", whole).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let expected = json!({ "host": "https://ingest.example.com", "shouldReturnBody": false });
    assert_eq!(changed.body["options"], expected, "nothing of the old type is left");
    assert_eq!(changed.body.get("meta"), None, "the old type's secrets are gone");
}

#[tokio::test]
async fn there_is_no_read_of_one_connector() {
    let vendor = Vendor::new();
    vendor.has(https("abc")).await;
    let answer = vendor.get("/connectors/abc").await;
    assert_eq!((answer.status, answer.error()), (404, "not_found"));
}

#[tokio::test]
async fn tags_are_nullable_in_a_post_and_not_in_a_patch() {
    let mut body = https("abc");
    body["tags"] = json!(null);
    let vendor = Vendor::new();
    assert_eq!(vendor.post(body).await.status, 200);
    let answer = vendor.patch("abc", json!({ "tags": null })).await;
    assert_eq!((answer.status, answer.error()), (400, "invalid_tags"));
}

#[tokio::test]
async fn a_body_has_to_be_json_and_to_say_so() {
    let vendor = Vendor::new();
    let send = |content_type: &'static str, body: &'static str| {
        let request = http::Request::post("/connectors")
            .header("Authorization", &vendor.authorization)
            .header("Content-Type", content_type)
            .body(axum::body::Body::from(body));
        vendor.try_request(request.unwrap())
    };
    assert_eq!(send("text/plain", "{}").await.unwrap().error(), "invalid_content_type");
    assert_eq!(send("application/json", "{").await.unwrap().error(), "invalid_json");
    assert_eq!(send("application/json", "[]").await.unwrap().error(), "invalid_json");
    assert_eq!(send("application/json; charset=utf-8", "{}").await.unwrap().error(), "missing_name");
}

#[tokio::test]
async fn a_secret_of_another_type_never_reads_back() {
    let vendor = Vendor::new();
    let mut body = https("abc");
    body["options"]["key"] = json!("canary");
    body["options"]["connectionString"] = json!("canary");
    let answer = vendor.post(body).await;
    assert_eq!(answer.status, 200);
    let told = answer.text
        + &vendor.list().await.to_string()
        + &vendor.control("GET", "/state", None).await.to_string();
    assert!(!told.contains("canary"), "{told}");
}

#[tokio::test]
async fn a_required_secret_cannot_be_cleared() {
    let vendor = Vendor::new();
    let options = json!({ "connectionString": "HostName=example" });
    vendor.has(json!({ "name": "abc", "type": "microsoft_azure_iot", "options": options })).await;
    let answer = vendor.patch("abc", json!({ "options": { "connectionString": null } })).await;
    assert_eq!((answer.status, answer.error()), (400, "missing_option_connectionString"));
    assert_eq!(vendor.listed("abc").await["meta"]["connectionString"]["is_set"], true);
}
