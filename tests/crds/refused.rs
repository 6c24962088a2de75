//! Every rule of every schema refuses a mistake that no other rule refuses, on the real API server, and says what to write
//! instead.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::mechanical;
use crate::schema::{CEL, Rule, rules};
use crate::server::{Complaint, Server};
use crate::spoil::{as_answered, good_object, good_objects, merge, set};

/// An entry of mistakes.yaml; the file explains the fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: Vec<String>,
    says: String,
    #[serde(default)]
    merge: bool,
    #[serde(default)]
    update: bool,
    refuses: Vec<Value>,
    #[serde(default)]
    accepts: Vec<Value>,
}

fn entries() -> Vec<Entry> {
    serde_yaml::from_str(include_str!("mistakes.yaml")).expect("mistakes.yaml is well-formed")
}

impl Entry {
    fn is_about(&self, rule: &Rule) -> bool {
        rule.keyword == CEL && self.at.contains(&rule.path) && rule.message.contains(&self.says)
    }

    /// The good object that has the rule's field, with this value in it.
    fn object(&self, rule: &Rule, value: &Value) -> Value {
        let mut object = good_object(&rule.kind, &rule.path);
        if self.merge {
            merge(&mut object, &rule.path, value);
        } else {
            set(&mut object, &rule.path, value.clone());
        }
        object
    }
}

/// Whether the answer is this rule's and nothing else.
fn is_only(answer: &[Complaint], field: &str, says: &str) -> bool {
    matches!(answer, [only] if only.field == field && only.message.contains(says))
}

fn described(what: &Rule, object: &Value, answer: &[Complaint]) -> String {
    let said: Vec<String> = answer.iter().map(|it| format!("      {}: {}", it.field, it.message)).collect();
    let said = if said.is_empty() { "      nothing: it accepts".to_owned() } else { said.join("\n") };
    let object = object["spec"].to_string();
    let object: String = object.chars().take(600).collect();
    format!("{what}\n    to {object}\n    the API server says\n{said}")
}

#[test]
fn every_rule_has_a_mistake_and_every_mistake_a_rule() {
    let rules = rules();
    assert!(rules.len() > 200, "only {} rules were found", rules.len());
    let entries = entries();
    for rule in &rules {
        let about = entries.iter().filter(|entry| entry.is_about(rule)).count();
        let expected = usize::from(mechanical::mistake(rule).is_none());
        assert_eq!(about, expected, "entries of mistakes.yaml about: {rule}");
    }
    for entry in &entries {
        for path in &entry.at {
            let known = rules.iter().any(|rule| entry.is_about(rule) && &rule.path == path);
            assert!(known, "no rule at {path:?} says {:?}", entry.says);
        }
        assert!(!entry.refuses.is_empty(), "{:?} refuses nothing", entry.says);
    }
}

#[tokio::test]
async fn the_good_objects_are_accepted() {
    let server = Server::new().await;
    for object in good_objects() {
        assert_eq!(server.complaints_on_create(object).await, [], "{object}");
    }
}

#[tokio::test]
async fn the_schema_refuses_one_beyond_each_bound() {
    let server = Server::new().await;
    let mut wrong = Vec::new();
    for rule in rules() {
        let Some((object, says)) = mechanical::mistake(&rule) else { continue };
        let answer = server.complaints_on_create(&object).await;
        let field = as_answered(&object, &rule.path);
        if !is_only(&answer, &field, &says) {
            wrong.push(described(&rule, &object, &answer));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn each_rule_refuses_its_mistakes_alone_and_says_what_to_write() {
    let server = Server::new().await;
    let mut wrong = Vec::new();
    let mut refused = BTreeSet::new();
    for entry in entries() {
        for rule in rules().iter().filter(|rule| entry.is_about(rule)) {
            for value in &entry.refuses {
                let object = entry.object(rule, value);
                let answer = if entry.update {
                    server.complaints_on_update(&good_object(&rule.kind, &rule.path), &object).await
                } else {
                    server.complaints_on_create(&object).await
                };
                let field = format!("{}{}", as_answered(&object, &rule.path), rule.field_path);
                if is_only(&answer, field.trim_start_matches('.'), &rule.message) {
                    refused.insert(rule.clone());
                } else {
                    wrong.push(described(rule, &object, &answer));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(refused.len(), rules().iter().filter(|rule| rule.keyword == CEL).count());
}

#[tokio::test]
async fn each_rule_accepts_what_is_fine() {
    let server = Server::new().await;
    let mut wrong = Vec::new();
    for entry in entries() {
        for rule in rules().iter().filter(|rule| entry.is_about(rule)) {
            for value in &entry.accepts {
                let object = entry.object(rule, value);
                let answer = server.complaints_on_create(&object).await;
                if !answer.is_empty() {
                    wrong.push(described(rule, &object, &answer));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
