//! Golden tests: the requests that the vendor's page prints get the replies that it prints.

use serde_json::{Value, json};

use super::support::Hub;

fn examples() -> Value {
    serde_json::from_str(include_str!("../fixtures/omf.examples.json")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_create_example_gets_its_reply() {
    let example = &examples()["create"];
    let hub = Hub::with_switches(&[("omf.create-reply", "active")]);
    hub.at("2021-03-18T23:57:44.6109361Z");
    let answer = hub.post(example["request"].clone()).await;
    let mut expected = example["reply"].clone();
    expected["Id"] = answer.body["Id"].clone();
    assert_eq!(
        (answer.status, &answer.body),
        (202, &expected),
        "but for the Id, which is the vendor's to choose"
    );
    let id = answer.body["Id"].as_str().unwrap();
    assert_eq!((id.len(), id.to_lowercase()), (36, id.to_owned()), "a GUID");
    let members = answer.text.split('"').skip(1).step_by(2).filter(|word| expected.get(word).is_some());
    let order = ["Id", "Name", "State", "Description", "CreatedDate", "ClientIds"];
    assert_eq!(members.collect::<Vec<_>>(), order, "in the order that is printed");
}

#[tokio::test(start_paused = true)]
async fn the_get_update_and_delete_examples_get_their_replies() {
    let examples = examples();
    let hub = Hub::new();
    hub.at("2021-03-18T23:57:44.6109361Z");
    let id = hub.has_active("to be replaced", &["d6b178a4-0de5-4c30-8ba7-0a84751be854"]).await;
    let wanted = examples["create"]["reply"].clone();
    hub.control("PATCH", &format!("/omf/connections/{id}"), Some(wanted.clone())).await;
    let id = wanted["Id"].as_str().unwrap();
    let got = hub.read(id).await;
    assert_eq!((got.status, &got.body), (200, &wanted));

    let put = hub.put(id, examples["update"]["request"].clone()).await;
    let mut updated = wanted.clone();
    updated["ClientIds"] = examples["update"]["request"]["ClientIds"].clone();
    assert_eq!((put.status, &put.body), (200, &updated));
    let deleted = hub.remove(id).await;
    updated["State"] = json!("Deleting");
    assert_eq!((deleted.status, &deleted.body), (202, &updated));
}

#[tokio::test(start_paused = true)]
async fn the_list_example_is_what_its_history_leaves() {
    let list = &examples()["list"]["reply"];
    let hub = Hub::new();
    for row in list["Results"].as_array().unwrap() {
        hub.control("POST", "/omf/settle", None).await;
        hub.at(row["CreatedDate"].as_str().unwrap());
        let body = json!({
            "Name": row["Name"],
            "Description": row["Description"],
            "ClientIds": row["ClientIds"],
        });
        let created = hub.post(body).await.body;
        let path = format!("/omf/connections/{}", created["Id"].as_str().unwrap());
        hub.control("PATCH", &path, Some(json!({ "Id": row["Id"] }))).await;
    }
    assert_eq!(hub.get(&hub.base).await.body, *list);
}

#[tokio::test]
async fn a_refusal_has_the_members_that_are_printed() {
    let documented = examples()["error"].clone();
    let refused = Hub::new().read("nowhere").await;
    let names = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&refused.body), names(&documented));
    for (name, value) in documented.as_object().unwrap() {
        let same = refused.body[name].is_string() == value.is_string();
        assert!(same && refused.body[name].is_object() == value.is_object(), "{name} in {refused:?}");
    }
}
