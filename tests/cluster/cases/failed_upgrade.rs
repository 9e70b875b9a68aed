//! Upgrades that cannot succeed.

use serde_json::{Value, json};

use crate::command::{Done, helm};
use crate::pods;
use crate::site::{RELEASE, image};
use crate::trial::Trial;

/// Upgrades that cannot succeed, under load: a configuration that the schema refuses, one that only the program can refuse, a
/// database that refuses the migration, an image whose pods never get ready. Each time the old pods serve on, and one is
/// told why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn after_an_upgrade_that_failed_the_old_pods_serve_on() {
    let mut trial = Trial::begin("failed-upgrade").await;
    let good = trial.values();
    trial.install(&good);
    trial.load().await;
    let before = pods::names(&trial.site.namespace);

    let mut values = good.clone();
    values["config"]["ingest"]["lisen"] = json!("0.0.0.0:8080");
    let done = trial.site.helm_and_wait("upgrade", &values).refused("lisen");
    trial.step("refused by the schema", &done);
    trial.note(format!("helm says: {}", done.line("lisen")));
    assert_eq!(
        revisions(&trial),
        1,
        "an upgrade that the schema refuses is no revision"
    );

    let mut values = good.clone();
    values["rules"] = json!({ "rules": [{ "name": "broken", "when": "event.nope == 1", "to": ["postgres"] }] });
    let done = refused_by_the_hook(&trial, &values);
    trial.step("refused by the check", &done);
    log_of_the_hook_says(&mut trial, "nope");

    sqlx::raw_sql("DO $$ BEGIN CREATE ROLE without_rights LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        .execute(&trial.site.database.pool)
        .await
        .expect("a role");
    trial.site.secret(
        "without-rights",
        &json!({ "url": trial.site.url_for("without_rights", "") }),
    );
    let mut values = good.clone();
    values["secrets"]["DATABASE_URL"] = json!({ "name": "without-rights", "key": "url" });
    let done = refused_by_the_hook(&trial, &values);
    trial.step("migration refused by the database", &done);
    log_of_the_hook_says(&mut trial, "permission denied");
    trial.accept_more(600).await;
    assert_eq!(
        pods::names(&trial.site.namespace),
        before,
        "nothing that runs was touched"
    );

    let mut values = good.clone();
    values["image"] = image("BROKEN");
    let done = trial
        .site
        .helm("upgrade", &values, &["--wait", "--timeout", "40s"])
        .refused("");
    trial.step("pods that never get ready", &done);
    trial.note(format!("helm says: {}", done.line("rror")));
    let ready = |pod: &pods::Pod| pod.ready && !pod.leaving && before[&pod.component].contains(&pod.name);
    let old = pods::of(&trial.site.namespace).into_iter().filter(ready).count();
    assert_eq!(
        old,
        before.values().map(Vec::len).sum::<usize>(),
        "every old pod serves on"
    );
    trial.accept_more(600).await;
    trial.rollback("1").await;
    trial.ready(2).await;
    assert_eq!(
        pods::names(&trial.site.namespace),
        before,
        "the rollback restores without replacing what still ran"
    );
    trial.finish(true).await;
}

/// Helm says that the hook failed.
fn refused_by_the_hook(trial: &Trial, values: &Value) -> Done {
    trial.site.helm_and_wait("upgrade", values).refused("forebay-migrate")
}

/// Notes the line that says why, in the log that an operator is told to look into.
fn log_of_the_hook_says(trial: &mut Trial, why: &str) {
    let command = ["logs", "job/forebay-migrate", "--all-containers", "--ignore-errors"];
    let said = trial.site.kubectl(&command).said;
    let line = said.lines().find(|line| line.contains(why));
    trial.note(format!(
        "kubectl {}: {}",
        command.join(" "),
        line.unwrap_or_else(|| panic!("{said}"))
    ));
}

fn revisions(trial: &Trial) -> usize {
    let history = helm(&["-n", &trial.site.namespace, "history", RELEASE, "-o", "json"]).json();
    history.as_array().map_or(0, Vec::len)
}
