//! Names, labels and versions, which other objects and people rely on.

use crate::helm::{Render, chart, rendered};
use crate::objects::title;
use crate::yaml;

#[test]
fn the_version_of_the_chart_is_that_of_the_program() {
    let text = std::fs::read_to_string(chart().join("Chart.yaml")).expect("Chart.yaml");
    let chart = yaml::document(&text).expect("YAML");
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    // Unquoted, a version such as 1.10 would be the number 1.1.
    assert!(chart["appVersion"].is_string());
}

#[test]
fn objects_have_the_names_that_the_documents_say() {
    let rendering = Render::defaults().expect();
    for (kind, name) in [
        ("Deployment", "forebay-ingest"),
        ("Service", "forebay-ingest"),
        ("PodDisruptionBudget", "forebay-ingest"),
        ("NetworkPolicy", "forebay-ingest"),
        ("ConfigMap", "forebay-ingest"),
        ("Deployment", "forebay-worker-postgres"),
        ("ConfigMap", "forebay-worker-postgres"),
        ("NetworkPolicy", "forebay-worker-postgres"),
        ("Deployment", "forebay-worker-http"),
        ("ConfigMap", "forebay-worker-http"),
        ("Job", "forebay-migrate"),
        ("ConfigMap", "forebay-migrate"),
        ("ServiceAccount", "forebay"),
        ("Pod", "forebay-test"),
        ("Service", "forebay-test"),
    ] {
        assert_eq!(rendering.get(kind, name)["kind"], kind);
    }
}

#[test]
fn names_follow_the_release_and_what_values_say() {
    let name = |render: Render| {
        let rendering = render.expect();
        let deployment = rendering
            .kind("Deployment")
            .find(|one| title(one).ends_with("-ingest"))
            .cloned();
        title(&deployment.expect("ingest"))
    };
    assert_eq!(
        name(Render::defaults().release("hooks")),
        "Deployment hooks-forebay-ingest"
    );
    assert_eq!(
        name(Render::defaults().release("my-forebay")),
        "Deployment my-forebay-ingest"
    );
    assert_eq!(
        name(Render::defaults().with("fullnameOverride: basin")),
        "Deployment basin-ingest"
    );
    let long = Render::defaults()
        .release("a-release-with-a-name-as-long-as-helm-allows-it-53-ch")
        .expect();
    for object in &long.objects {
        let name = object["metadata"]["name"].as_str().expect("a name");
        assert!(name.len() <= 63, "{name}");
    }
}

#[test]
fn every_object_has_the_labels_of_the_release() {
    for (set, rendering) in rendered() {
        for object in &rendering.objects {
            if title(object).contains("extra") {
                continue;
            }
            let labels = &object["metadata"]["labels"];
            assert_eq!(
                labels["app.kubernetes.io/instance"],
                "forebay",
                "{set}: {}",
                title(object)
            );
            assert_eq!(
                labels["app.kubernetes.io/managed-by"],
                "Helm",
                "{set}: {}",
                title(object)
            );
            assert_eq!(
                labels["app.kubernetes.io/part-of"],
                "forebay",
                "{set}: {}",
                title(object)
            );
            assert_eq!(
                labels["helm.sh/chart"],
                concat!("forebay-", env!("CARGO_PKG_VERSION")),
                "{set}: {}",
                title(object)
            );
        }
    }
}

#[test]
fn an_image_by_digest_is_taken_by_digest() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let rendering = Render::defaults()
        .with(&format!(
            "image: {{repository: r.example.com/forebay, digest: '{digest}'}}"
        ))
        .expect();
    for pod in rendering.pods() {
        for container in pod.containers() {
            let image = container["image"].as_str().expect("an image");
            assert!(
                image.starts_with("r.example.com/forebay") && image.ends_with(&format!("@{digest}")),
                "{image}"
            );
        }
    }
    let rendering = Render::defaults().expect();
    let image = &rendering.pod("forebay-ingest")["containers"][0]["image"];
    assert_eq!(*image, concat!("forebay:", env!("CARGO_PKG_VERSION")));
}

#[test]
fn notes_say_where_webhooks_go_and_what_comes_next() {
    let notes = Render::defaults()
        .with("config: {sources: [{id: shop, platform: standard, secrets: ['${SHOP_SECRET}']}]}")
        .with("secrets: {SHOP_SECRET: {name: forebay-webhooks, key: shop}}")
        .notes();
    for part in ["/in/shop", "helm test forebay", "kubectl"] {
        assert!(notes.contains(part), "{part} is not in {notes}");
    }
}
