//! Rules about the repository itself that no compiler checks: what every module opens with, how long a file may be, that the
//! documents name files that exist and show configurations that work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Above this, a file contains more than one idea. A module of tests at its end does not count.
const MAX_LINES: usize = 550;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all text files of the repository, except build output and data of running services.
fn files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository is readable") {
            let path = entry.expect("an entry of it, too").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let ours = !["target", ".git", ".forebay", "forebay-data", "samples", "LICENSE"].contains(&name.as_str());
            if path.is_dir() && ours {
                folders.push(path);
            } else if ours && let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).expect("below the root").to_path_buf(), text));
            }
        }
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn check(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "rs")
}

#[test]
fn every_module_opens_by_saying_what_it_is_for() {
    let violations: Vec<String> = files()
        .into_iter()
        .filter(|(path, text)| is_rust(path) && !text.starts_with("//! "))
        .map(|(path, _)| path.display().to_string())
        .collect();
    check("these modules do not open with `//! `", &violations);
}

#[test]
fn no_source_file_is_too_long() {
    let lines = |text: &str| text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    let violations: Vec<String> = files()
        .into_iter()
        .filter(|(path, text)| is_rust(path) && lines(text) > MAX_LINES)
        .map(|(path, text)| format!("{}: {} lines", path.display(), lines(&text)))
        .collect();
    check(
        &format!("these files have more than {MAX_LINES} lines; split them by idea"),
        &violations,
    );
}

#[test]
fn nothing_is_postponed_in_a_comment_and_no_machine_is_named() {
    // Put together here, so that this file does not break its own rule.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("/wo", "rk/"),
    ];
    let is_word = |line: &str, word: &str| {
        line.match_indices(word).any(|(at, _)| {
            let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            word.starts_with('/')
                || !inside(line[..at].chars().next_back()) && !inside(line[at + word.len()..].chars().next())
        })
    };
    let mut violations = Vec::new();
    for (path, text) in files() {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| is_word(line, word)) {
                violations.push(format!("{}:{}: `{word}`", path.display(), number + 1));
            }
        }
    }
    check(
        "file an issue instead, and name no path outside the repository",
        &violations,
    );
}

/// The folders of the repository that paths in documents and comments begin with.
const FOLDERS: [&str; 18] = [
    "schemas/",
    "net/",
    "stream/",
    "ingest/",
    "rules/",
    "settings/",
    "examples/",
    "processor/",
    "database/",
    "store/",
    "sinks/",
    "control/",
    "src/",
    "deploy/",
    "docs/",
    "tests/",
    "bench/",
    ".ci/",
];

/// Returns the paths in backticks that begin with one of our folders.
fn quoted_paths(text: &str) -> impl Iterator<Item = &str> {
    let is_path = |q: &&str| FOLDERS.iter().any(|f| q.starts_with(f)) && !q.contains([' ', '*', '<', '{']);
    text.split('`').skip(1).step_by(2).filter(is_path)
}

/// Returns the targets of Markdown links, and the paths in backticks that begin with one of our folders.
fn paths_named_in(text: &str) -> Vec<String> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|l| !l.contains("://"));
    links
        .chain(quoted_paths(text))
        .map(|path| path.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_documents_name_only_files_that_exist() {
    let mut named = 0;
    let mut violations = Vec::new();
    for (document, text) in files()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "md"))
    {
        let folder = root().join(document.parent().unwrap_or(Path::new("")));
        for path in paths_named_in(&text) {
            named += 1;
            if !folder.join(&path).exists() {
                violations.push(format!("{}: `{path}`", document.display()));
            }
        }
    }
    assert!(named > 20, "only {named} paths were found: the search is broken");
    check("these documents name files that do not exist", &violations);
}

/// A path in a comment counts from the root of the repository.
#[test]
fn the_comments_name_only_files_that_exist() {
    let mut named = 0;
    let mut violations = Vec::new();
    for (file, text) in files().into_iter().filter(|(path, _)| is_rust(path)) {
        let comments = text.lines().map(str::trim_start).filter(|line| line.starts_with("//"));
        for path in comments.flat_map(quoted_paths) {
            named += 1;
            if !root().join(path).exists() {
                violations.push(format!("{}: `{path}`", file.display()));
            }
        }
    }
    assert!(named > 10, "only {named} paths were found: the search is broken");
    check("these comments name files that do not exist", &violations);
}

#[test]
fn the_map_stays_a_map() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md exists");
    assert!(
        map.lines().count() <= 150,
        "ARCHITECTURE.md has {} lines; at most 150",
        map.lines().count()
    );
}

#[cfg(unix)]
#[test]
fn what_people_run_is_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let violations: Vec<String> = files()
        .into_iter()
        .filter(|(_, text)| text.starts_with("#!/"))
        .filter(|(path, _)| fs::metadata(root().join(path)).is_ok_and(|m| m.permissions().mode() & 0o111 == 0))
        .map(|(path, _)| path.display().to_string())
        .collect();
    check("these scripts are not executable", &violations);
}

/// Runs `forebay check`, which must succeed.
fn check_configuration(folder: &Path, file: &str) {
    let key = "whsec_Zm9yZWJheS1jb21wb3NlLXRyaWFsLWtleS0wMQ==";
    let output = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["check", "--config", file])
        .current_dir(folder)
        .env("DATABASE_URL", "postgres://forebay@postgres/forebay")
        .envs(["SENDER_SECRET", "RECEIVER_SECRET", "CHATWOOT_SECRET", "CRM_SECRET"].map(|name| (name, key)))
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{file}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_configuration_of_the_compose_file_is_valid() {
    check_configuration(&root().join("deploy/compose"), "forebay.yaml");
}

/// Returns what stands in a file between two texts, the first time.
fn between(file: &str, before: &str, after: &str) -> String {
    let text = fs::read_to_string(root().join(file)).expect(file);
    let (_, rest) = text.split_once(before).expect(before);
    rest.split_once(after).expect(after).0.to_owned()
}

#[test]
fn the_compose_file_starts_the_kafka_that_the_tests_run_on() {
    let tested = between("deploy/local/kafka/pom.xml", "<kafka.version>", "<");
    let composed = between("deploy/compose/compose.yaml", "image: apache/kafka:", "\n");
    assert_eq!(composed, tested);
}

#[test]
fn the_compose_file_starts_the_postgresql_that_the_readme_says_was_tested() {
    let tested = between("README.md", "PostgreSQL (14 or later; tested on ", ")");
    let composed = between("deploy/compose/compose.yaml", "image: postgres:", "\n");
    assert_eq!(composed, tested);
}

#[test]
fn the_image_is_made_with_the_toolchain_and_from_bases_that_cannot_change() {
    let of_image = |before: &str| between("deploy/image/Dockerfile", before, "\n");
    let channel = between("rust-toolchain.toml", "channel = \"", "\"");
    assert_eq!(of_image("ENV RUSTUP_TOOLCHAIN="), channel);
    assert_eq!(of_image("ARG VERSION="), env!("CARGO_PKG_VERSION"));
    for (argument, image) in [
        ("ARG RUST=", format!("docker.io/library/rust:{channel}-slim-bookworm")),
        ("ARG DEBIAN=", "docker.io/library/debian:bookworm-".to_owned()),
    ] {
        let base = of_image(argument);
        let (name, digest) = base.split_once("@sha256:").expect("a digest");
        assert!(name.starts_with(&image), "{base}");
        assert!(
            digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{base}"
        );
    }
}

#[test]
fn what_the_compose_file_mounts_exists() {
    let folder = root().join("deploy/compose");
    let text = fs::read_to_string(folder.join("compose.yaml")).expect("the compose file");
    let mounts: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ")?.split_once(":/"))
        .map(|(here, _)| here)
        .filter(|here| here.starts_with('.'))
        .collect();
    assert!(mounts.len() > 4, "{mounts:?}");
    for mount in mounts {
        assert!(folder.join(mount).exists(), "{mount}");
    }
}

#[test]
fn the_configuration_and_the_rules_in_the_readme_are_valid() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md exists");
    let blocks: Vec<&str> = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    for (block, first_line, file) in [(0, "event_log:", "forebay.yaml"), (1, "rules:", "rules.yaml")] {
        assert!(blocks[block].starts_with(first_line), "{}", blocks[block]);
        fs::write(folder.path().join(file), blocks[block]).expect("written");
    }
    check_configuration(folder.path(), "forebay.yaml");
}

/// The members that `tracing` writes into every line of JSON itself (`flatten_event`).
const RESERVED: [&str; 5] = ["timestamp", "level", "target", "span", "spans"];

/// Returns the field names of each log line in a text, each as the text of its first line: `name = …`, `%name`, `name,`.
fn logged_fields(text: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for level in ["error", "warn", "info", "debug", "trace"] {
        let opening = format!("{level}!(");
        for (at, _) in text.match_indices(&opening) {
            lines.push(fields(&text[at + opening.len()..]));
        }
    }
    lines
}

/// The names of the fields of a macro of `tracing`, from the text after its opening bracket.
fn fields(arguments: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let mut quoted = false;
    let mut previous = ' ';
    let mut argument = String::new();
    let mut all = Vec::new();
    for c in arguments.chars() {
        match c {
            '"' if previous != '\\' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => break,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                all.push(std::mem::take(&mut argument));
                previous = c;
                continue;
            }
            _ => {}
        }
        argument.push(c);
        previous = if previous == '\\' { ' ' } else { c };
    }
    all.push(argument);
    let name = |argument: String| {
        let argument = argument.trim();
        let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
        let name = name.trim().trim_start_matches(['%', '?']);
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        // `target: "…"` is an argument of the macro; `value = …` of a comparison does not occur at its top level.
        (is_name && !value.starts_with('=')).then(|| name.rsplit('.').next().unwrap_or(name).to_owned())
    };
    all.into_iter().filter_map(name).collect()
}

#[test]
fn no_log_line_has_a_key_twice() {
    let sample = r#"tracing::warn!(sink = %a.b(), %target, partition, error = "a, \"b\" = c)", "text {x}");
        info!(target: "librdkafka", facility, "{message}");"#;
    assert_eq!(
        logged_fields(sample),
        [vec!["sink", "target", "partition", "error"], vec!["facility"]],
        "the search works"
    );
    let mut lines = 0;
    let mut violations = Vec::new();
    for (path, text) in files().into_iter().filter(|(path, _)| is_rust(path)) {
        if path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for fields in logged_fields(&text) {
            lines += 1;
            for (place, name) in fields.iter().enumerate() {
                if RESERVED.contains(&name.as_str()) || name == "message" || fields[..place].contains(name) {
                    violations.push(format!("{}: `{name}` of {fields:?}", path.display()));
                }
            }
        }
    }
    assert!(lines > 50, "only {lines} log lines were found: the search is broken");
    check(
        "these keys stand twice in a line of JSON; name the fields otherwise",
        &violations,
    );
}
