//! The operator is uninstalled, and a person takes its finalizers off: nothing waits for it any more, and the vendor keeps what it has.

use std::process::{Command, Output};

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST, in_sync};
use crate::support::control_plane::ControlPlane;
use crate::support::story::Story;

/// Runs the command as the cluster's administrator.
async fn release(arguments: &[&str]) -> Output {
    let plane = ControlPlane::shared().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_connector-operator"));
    command.arg("release").args(arguments).env_clear().env("KUBECONFIG", plane.kubeconfig());
    tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs")
}

fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}{err}", output.status);
    out.into_owned()
}

async fn finalizers(story: &Story, object: &str) -> usize {
    story.get(object).await["metadata"]["finalizers"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn after_an_uninstall_the_objects_of_a_namespace_can_be_released_and_deleted() {
    let mut story = in_sync("release", HTTPS).await;
    story.operator().terminate().await;
    story.delete(PLANT_A).await;
    assert_eq!(finalizers(&story, PLANT_A).await, 1, "nobody is there to take it off");

    let dry_run = said(&release(&["-n", "release", "--dry-run"]).await);
    let would = "OnomondoConnector release/plant-a would be released\n\
                 OnomondoAccount release/default would be released\n\
                 2 objects in namespace release would be released. Nothing was changed: this was a dry run.\n";
    assert_eq!(dry_run, would);
    assert_eq!(finalizers(&story, PLANT_A).await, 1, "a dry run changes nothing");

    let done = said(&release(&["--namespace", "release"]).await);
    let released = "OnomondoConnector release/plant-a released\nOnomondoAccount release/default released\n\
                    2 of 2 objects in namespace release released. Nothing was changed at the vendors.\n";
    assert_eq!(done, released);
    story.gone(PLANT_A).await;
    assert_eq!(finalizers(&story, ACCOUNT).await, 0);
    assert!(story.vendor.connector("plant-a").await.is_some(), "the vendor keeps what it has");

    let nothing = said(&release(&["-n", "release"]).await);
    assert_eq!(
        nothing,
        "No object in namespace release carries the finalizer connector-operator.io/finalizer: there is nothing to release.\n"
    );
    // The operator's own writes: those of the create.
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn it_wants_to_be_told_where() {
    let output = release(&[]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("<--namespace <NAMESPACE>|--all>"), "{said}");
}
