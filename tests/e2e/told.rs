//! The list of the stories, and how they are told: one after the other on one node, up to the first that fails.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Instant;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::node::Node;
use crate::shell::{heading, say, seconds};
use crate::support::process::Run;
use crate::vendors::Vendors;
use crate::{helm, kustomize, leaving, machine, the_image, upgrade};

/// What the stories have in common.
pub(crate) struct Cluster {
    /// The node and its control plane.
    pub(crate) node: Node,
    /// The vendors, a pod.
    pub(crate) vendors: Vendors,
}

/// A story: its name, by which it can be chosen (`make e2e STORY=…`), and how it is told.
pub(crate) struct Told {
    name: &'static str,
    tell: for<'a> fn(&'a Cluster) -> LocalBoxFuture<'a, ()>,
}

/// All of them, in their order. Each leaves the cluster as it found it.
pub(crate) const STORIES: &[Told] = &[
    Told { name: "the image", tell: |cluster| Box::pin(async { the_image::is_what_it_promises(cluster) }) },
    Told {
        name: "Helm 4 installs, upgrades, rolls and uninstalls",
        tell: |cluster| Box::pin(helm::helm_4(cluster)),
    },
    Told { name: "Helm 3, as the README says", tell: |cluster| Box::pin(helm::helm_3(cluster)) },
    Told {
        name: "Helm upgrades from the chart before",
        tell: |cluster| Box::pin(upgrade::from_the_chart_before(cluster)),
    },
    Told {
        name: "kustomize, for the whole cluster",
        tell: |cluster| Box::pin(kustomize::the_whole_cluster(cluster)),
    },
    Told {
        name: "kustomize, for one namespace, which is deleted",
        tell: |cluster| Box::pin(kustomize::one_namespace(cluster)),
    },
    Told { name: "plain manifests", tell: |cluster| Box::pin(kustomize::plain_manifests(cluster)) },
    Told {
        name: "leaving: the operator goes first",
        tell: |cluster| Box::pin(leaving::the_operator_first(cluster)),
    },
    Told {
        name: "leaving: what it works on goes first",
        tell: |cluster| Box::pin(leaving::what_it_works_on_first(cluster)),
    },
];

/// Tells those whose name holds one of the arguments; all, where there is none.
pub(crate) fn tell_all(stories: &[Told]) -> ExitCode {
    machine::settle_in();
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |story: &&Told| chosen.is_empty() || chosen.iter().any(|part| story.name.contains(part));
    let chosen: Vec<&Told> = stories.iter().filter(is_chosen).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the stories");
    runtime.block_on(tell_in_order(&chosen))
}

async fn tell_in_order(stories: &[&Told]) -> ExitCode {
    let started = Instant::now();
    heading("A node");
    let node = Node::start().await;
    let Ok(vendors) = AssertUnwindSafe(Vendors::start(&node)).catch_unwind().await else {
        return failed(&node);
    };
    let cluster = Cluster { node, vendors };
    for (passed, story) in stories.iter().enumerate() {
        heading(story.name);
        let begun = Instant::now();
        if AssertUnwindSafe((story.tell)(&cluster)).catch_unwind().await.is_err() {
            let code = failed(&cluster.node);
            say(&format!("\n{passed} passed, 1 failed, {} skipped", stories.len() - passed - 1));
            return code;
        }
        cluster.vendors.forget().await;
        say(&format!("── told in {}", seconds(begun.elapsed())));
    }
    say(&format!("\n{} passed, 0 failed", stories.len()));
    say(&format!("on the node for {}", seconds(started.elapsed())));
    if stories.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows and keeps what there is to see.
fn failed(node: &Node) -> ExitCode {
    node.autopsy();
    Run::current().keep();
    ExitCode::FAILURE
}
