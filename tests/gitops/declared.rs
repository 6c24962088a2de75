//! What a team keeps in its repository in these stories: an account, and connectors.

use crate::repository::Repository;
use crate::support::story::Story;

/// The folder of the repository that is applied.
pub(crate) const FOLDER: &str = "connectors";
/// The account's file.
pub(crate) const ACCOUNT_FILE: &str = "connectors/account.yaml";
/// The connector's file.
pub(crate) const PLANT_A_FILE: &str = "connectors/plant-a.yaml";

pub(crate) const ACCOUNT: &str = "OnomondoAccount/default";
pub(crate) const PLANT_A: &str = "OnomondoConnector/plant-a";
pub(crate) const PLANT_B: &str = "OnomondoConnector/plant-b";

/// An account at the story's vendor, whose key is in the Secret `onomondo`.
pub(crate) fn account(story: &Story) -> String {
    format!(
        "apiVersion: connector-operator.io/v1alpha1\nkind: OnomondoAccount\nmetadata: {{name: default}}\n\
         spec:\n  endpoint: {}\n  apiKeySecretRef: {{name: onomondo}}\n",
        story.vendor.url()
    )
}

/// A connector that sends what it gets to this host.
pub(crate) fn connector(name: &str, host: &str) -> String {
    format!(
        "apiVersion: connector-operator.io/v1alpha1\nkind: OnomondoConnector\nmetadata: {{name: {name}}}\n\
         spec:\n  type: https\n  https: {{host: '{host}'}}\n"
    )
}

/// A repository in the story's folder with the account and `plant-a`, not yet committed.
pub(crate) fn repository(story: &Story) -> Repository {
    let repository = Repository::new(story.folder.join("repository"));
    repository.write(ACCOUNT_FILE, &account(story));
    repository.write(PLANT_A_FILE, &connector("plant-a", "https://ingest.example.com/v1"));
    repository
}

/// The Secret with the account's key, for a repository that has it after all.
pub(crate) fn key(story: &Story) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: onomondo}}\nstringData: {{apiKey: '{}'}}\n",
        story.api_key
    )
}

/// The Secret with the account's key, which is not in the repository.
pub(crate) async fn key_arrives(story: &mut Story) {
    let key = story.api_key.clone();
    story.secret("onomondo", &[("apiKey", &key)]).await;
}
