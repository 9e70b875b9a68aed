//! What `./run package` makes: a tarball and a Debian package whose program runs, checksums that hold, an SBOM that names the crates.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command, and returns what it prints.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn the_packages_hold_a_program_that_runs_and_say_what_is_in_it() {
    let target = tempfile::tempdir().expect("a folder");
    run(Command::new(root().join("deploy/package/build"))
        .args(["--fast", "--binary", env!("CARGO_BIN_EXE_forebay")])
        .env("CARGO_TARGET_DIR", target.path()));
    let folder = target.path().join("package");
    let names: Vec<String> = fs::read_dir(&folder)
        .expect("the packages")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    let one = |end: &str| {
        let found: Vec<_> = names
            .iter()
            .filter(|name| name.ends_with(end) && !name.contains(".debug."))
            .collect();
        let [name] = found.as_slice() else {
            panic!("{end}: {names:?}")
        };
        folder.join(name)
    };
    run(Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&folder));
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).expect("checksums");
    assert_eq!(sums.lines().count(), names.len() - 1, "{sums}");

    let unpacked = target.path().join("unpacked");
    fs::create_dir(&unpacked).expect("a folder");
    run(Command::new("tar")
        .arg("-xzf")
        .arg(one(".tar.gz"))
        .arg("-C")
        .arg(&unpacked));
    let inner = fs::read_dir(&unpacked)
        .expect("a folder")
        .next()
        .expect("one")
        .expect("readable")
        .path();
    let version = run(Command::new(inner.join("forebay")).arg("--version"));
    assert!(
        version.starts_with(concat!("forebay ", env!("CARGO_PKG_VERSION"))),
        "{version}"
    );
    for file in [
        "LICENSE",
        "README.md",
        "forebay.example.yaml",
        "completions/forebay.bash",
        "man/forebay.1",
    ] {
        assert!(inner.join(file).exists(), "{file} is not in the tarball");
    }

    let installed = target.path().join("installed");
    run(Command::new("dpkg-deb").arg("-x").arg(one(".deb")).arg(&installed));
    let from_package = run(Command::new(installed.join("usr/bin/forebay")).arg("--version"));
    assert_eq!(from_package, version);
    let depends = run(Command::new("dpkg-deb").arg("-f").arg(one(".deb")).arg("Depends"));
    assert!(
        depends.contains("libc6") && depends.contains("libssl3") && depends.contains("ca-certificates"),
        "{depends}"
    );
    for role in ["ingest", "process"] {
        let unit = installed.join(format!("usr/lib/systemd/system/forebay-{role}.service"));
        let unit = fs::read_to_string(unit).expect("a unit");
        assert!(
            unit.contains(&format!("/usr/bin/forebay {role} --config /etc/forebay/forebay.yaml")),
            "{unit}"
        );
    }
    let control = target.path().join("control");
    run(Command::new("dpkg-deb").arg("-e").arg(one(".deb")).arg(&control));
    for (script, line) in [
        ("postinst", "systemctl daemon-reload"),
        ("prerm", "systemctl stop forebay-ingest.service forebay-process.service"),
        ("postrm", "systemctl daemon-reload"),
    ] {
        let script = control.join(script);
        let text = fs::read_to_string(&script).expect("a script");
        assert!(text.contains(line), "{text}");
        // Called so, none has anything to do.
        run(Command::new(&script).args(["upgrade", "2.0"]));
    }

    let text = fs::read_to_string(one(".cdx.json")).expect("an SBOM");
    let sbom: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(sbom["bomFormat"], "CycloneDX");
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let component = |name: &str| {
        sbom["components"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|c| c["name"] == name)
    };
    for name in ["rdkafka", "sqlx", "axum", "schemas"] {
        let found = component(name).unwrap_or_else(|| panic!("{name} is not in the SBOM"));
        let version = found["version"].as_str().expect("a version");
        assert!(
            lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")),
            "{name} {version}"
        );
    }
    let purl = |name: &str| component(name).and_then(|found| found["purl"].as_str());
    assert!(purl("axum").is_some_and(|purl| purl.starts_with("pkg:cargo/axum@")));
    assert_eq!(
        purl("schemas"),
        None,
        "a crate of ours is not the one of that name on crates.io"
    );
    assert!(
        component("tempfile").is_none(),
        "what only tests use is not in the program"
    );
    assert!(
        !text.contains(&root().display().to_string()),
        "the SBOM holds a path of this machine"
    );
}
