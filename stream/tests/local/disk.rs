//! A failing disk: it is full, or it loses what was written.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use schemas::log::{LogError, Membership, Publish, PublishError, Start};
use schemas::record::Position;
use stream::journal::Config;

use super::{asked, child, close, events, eventually, everything, number, open, sized};
use crate::conformance::{group, join, read, text, within};

const BYTES: usize = 2300;

/// The disk is full, publishing is refused, reading still works; then there is room, records are taken again, and in
/// the end the journal holds exactly what was acknowledged.
async fn survives_a_full_disk(config: &Config, fill: impl Fn(), free: impl Fn()) {
    let journal = open(config).await;
    let topic = events(&journal, 1).await;
    let mut acknowledged = Vec::new();
    for n in 0..100 {
        journal.publish(&topic, sized(n, BYTES)).await.expect("acknowledged");
        acknowledged.push(n);
    }
    fill();
    let mut next = 100;
    let reason = loop {
        let began = Instant::now();
        let result = journal.publish(&topic, sized(next, BYTES)).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        match result {
            Ok(_) => acknowledged.push(next),
            Err(PublishError::Unavailable { reason }) => break reason,
            Err(other) => panic!("{other}"),
        }
        next += 1;
        assert!(next < 20_000, "the disk is full, and yet it takes everything");
    };
    for part in ["`events`", "full", config.path.to_str().expect("text")] {
        assert!(reason.contains(part), "`{part}` is missing in: {reason}");
    }
    assert!(journal.ready(&topic).await.is_err(), "a full disk is not ready");
    let mut member = join(&journal, &topic, &Membership::Alone, Start::Earliest).await;
    assert_eq!(
        read(member.reader(), acknowledged.len()).await.len(),
        acknowledged.len(),
        "reading continues"
    );
    member.close().await;

    free();
    eventually("it is ready again on its own", async || {
        journal.ready(&topic).await.is_ok()
    })
    .await;
    let mut last: Option<Position> = None;
    for n in 30_000..30_100 {
        last = Some(journal.publish(&topic, sized(n, BYTES)).await.expect("acknowledged"));
        acknowledged.push(n);
    }
    close(journal).await;

    let journal = open(config).await;
    let found = everything(&journal, &topic, &last.expect("published")).await;
    let offsets: Vec<i64> = found.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(
        offsets,
        (0..i64::try_from(found.len()).expect("few")).collect::<Vec<_>>(),
        "dense"
    );
    let numbers: Vec<usize> = found.iter().map(|(_, record)| number(record, BYTES)).collect();
    assert_eq!(
        numbers, acknowledged,
        "what was refused is missing, what was acknowledged is not"
    );
    close(journal).await;
}

/// A separate file system of 12 MB.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        let mount = |program: &str, before: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(before)
                .args(["-t", "tmpfs", "-o", "size=12m,mode=0777", "tmpfs"])
                .arg(at);
            command.output().is_ok_and(|output| output.status.success())
        };
        (mount("mount", &[]) || mount("sudo", &["-n", "mount"])).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmount = |program: &str, before: &[&str]| {
            let output = Command::new(program).args(before).args(["-l"]).arg(&self.0).output();
            output.is_ok_and(|output| output.status.success())
        };
        let unmounted = unmount("umount", &[]) || unmount("sudo", &["-n", "umount"]);
        assert!(
            unmounted || std::thread::panicking(),
            "{} is still mounted",
            self.0.display()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_refused_and_survived() {
    let folder = tempfile::tempdir().expect("a folder");
    in_a_process_with_a_bad_disk("local::disk::simulated_full_disk", folder.path()).await;

    // And a real one, where this user may mount.
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        return;
    };
    let ballast = folder.path().join("ballast");
    let config = super::config(folder.path());
    let fill = || {
        // Writing ends with the intended error.
        let mut file = std::fs::File::create(&ballast).expect("created");
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    };
    let free = || std::fs::remove_file(&ballast).expect("removed");
    survives_a_full_disk(&config, fill, free).await;
    drop(disk);
}

/// Runs in a process whose disk behaves as in `bad_disk.c`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_full_disk() {
    let Some(folder) = asked() else { return };
    let full = folder.join("full");
    let fill = || std::fs::write(&full, "").expect("written");
    let free = || std::fs::remove_file(&full).expect("removed");
    survives_a_full_disk(&super::config(&folder), fill, free).await;
}

/// Runs in a process whose disk behaves as in `bad_disk.c`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetful_disk() {
    let Some(folder) = asked() else { return };
    let config = super::config(&folder);
    let journal = open(&config).await;
    let topic = events(&journal, 1).await;
    for n in 0..10 {
        journal.publish(&topic, sized(n, BYTES)).await.expect("acknowledged");
    }
    let mut member = join(&journal, &topic, &group(), Start::Earliest).await;

    let forgets = folder.join("forgets");
    std::fs::write(&forgets, "").expect("written");
    let first = journal.publish(&topic, sized(10, BYTES)).await;
    std::fs::remove_file(&forgets).expect("removed");
    // The disk reports success again. It is not trusted.
    let second = journal.publish(&topic, sized(11, BYTES)).await;
    for result in [first, second] {
        let Err(PublishError::Unavailable { reason }) = result else {
            panic!("not acknowledged: {result:?}")
        };
        assert!(
            reason.contains("SQLite code 1034") && reason.contains("restart"),
            "{reason}"
        );
    }
    assert!(matches!(journal.ready(&topic).await, Err(LogError::Unavailable(_))));
    let stored = member.reader().store(schemas::record::Offset(5));
    assert!(matches!(stored, Err(LogError::Unavailable(_))), "{stored:?}");
    assert!(
        within("the close", member.consumer.close()).await.is_err(),
        "it is unknown what is stored"
    );
    assert!(
        within("the close", journal.close()).await.is_err(),
        "a broken journal does not close cleanly"
    );

    let journal = open(&config).await;
    let last = journal
        .publish(&topic, sized(12, BYTES))
        .await
        .expect("it is trusted after it is opened again");
    let found: Vec<usize> = everything(&journal, &topic, &last)
        .await
        .iter()
        .map(|(_, r)| number(r, BYTES))
        .collect();
    assert_eq!(found[..10], (0..10).collect::<Vec<_>>());
    assert_eq!(found.last(), Some(&12));
    close(journal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_fsync_nothing_is_acknowledged_until_it_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    in_a_process_with_a_bad_disk("local::disk::forgetful_disk", folder.path()).await;
}

/// Compiles `bad_disk.c`, loads it before libc, and expects `test` to pass in that process.
async fn in_a_process_with_a_bad_disk(test: &str, folder: &Path) {
    let library = folder.join("bad_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/local/bad_disk.c");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .args([source, "-ldl"]);
    let mut command = child(test, folder);
    command.env("LD_PRELOAD", &library).env("BAD_DISK", folder);
    let output = tokio::task::spawn_blocking(move || {
        let compiled = compiler.output().expect("a C compiler `cc`");
        assert!(compiled.status.success(), "{}", text(&compiled.stderr));
        command.output().expect("a child process")
    });
    let output = within("the child", output).await.expect("no panic");
    let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
