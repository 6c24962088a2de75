//! The ground the stories stand on, tested by itself.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};

use crate::support::control_plane::ControlPlane;

#[tokio::test]
async fn the_control_plane_answers() {
    let plane = ControlPlane::shared().await;
    let namespaces: Api<Namespace> = Api::all(plane.client().await);
    let names: Vec<_> = namespaces
        .list(&ListParams::default())
        .await
        .expect("list namespaces")
        .into_iter()
        .filter_map(|namespace| namespace.metadata.name)
        .collect();
    assert!(names.contains(&"default".to_owned()), "{names:?}");
}
