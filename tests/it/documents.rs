//! The documents for operators show commands that exist: every `forebay …` in their code is understood by the program.

use std::fs;
use std::path::{Path, PathBuf};

use harness::program::{run, stderr};
use harness::repository;

/// The documents whose commands are held to the program.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![repository().join("docs/upgrade.md")];
    for folder in ["docs/operate", "docs/runbooks"] {
        let entries = fs::read_dir(repository().join(folder)).expect("a folder of the repository");
        found.extend(entries.map(|entry| entry.expect("an entry of it").path()));
    }
    found.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    found
}

/// The lines of its blocks of shell commands.
fn shell_lines(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .filter_map(|rest| rest.split("\n```").next())
        .flat_map(str::lines)
}

/// The arguments of `forebay` in a line of shell: where it begins the line, or follows `-- ` or `$(`.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let (code, _comment) = line.split_once("  #").unwrap_or((line, ""));
    let begins = code.strip_prefix("forebay ");
    let rest = begins.or_else(|| {
        ["-- forebay ", "$(forebay "]
            .iter()
            .find_map(|before| code.split_once(before))
            .map(|(_, rest)| rest)
    })?;
    let end = rest.find([')', '|', '>', ';', '&', '\\']).unwrap_or(rest.len());
    Some(
        rest[..end]
            .split_whitespace()
            .map(|word| word.trim_matches(['\'', '"']))
            .collect(),
    )
}

#[test]
fn the_search_for_commands_works() {
    for (line, expected) in [
        (
            "forebay migrate --dry-run   # says which",
            Some(vec!["migrate", "--dry-run"]),
        ),
        (
            "kubectl exec deploy/a -- forebay health --ready",
            Some(vec!["health", "--ready"]),
        ),
        ("--from-literal=a=\"$(forebay secret)\" --b", Some(vec!["secret"])),
        ("forebay tail --end | jq .id", Some(vec!["tail", "--end"])),
        ("helm install forebay deploy/helm/forebay", None),
    ] {
        assert_eq!(arguments(line), expected, "{line}");
    }
}

#[test]
fn the_commands_in_the_documents_exist() {
    let (folder, mut commands) = (tempfile::tempdir().expect("a folder"), 0);
    let mut wrong = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).expect("a readable document");
        for mut words in shell_lines(&text).filter_map(arguments) {
            commands += 1;
            let name = Path::new(path.file_name().expect("a name")).display();
            let shown = format!("{name}: forebay {}", words.join(" "));
            // Everything before it has to be understood; then it is help that is printed, and nothing is done.
            words.push("--help");
            let output = run(&words, folder.path());
            if !output.status.success() {
                wrong.push(format!("{shown}: {}", stderr(&output)));
            }
        }
    }
    assert!(
        commands > 20,
        "only {commands} commands were found: the search is broken"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
