//! What the program says of itself: version, help, exit codes, completions and manual pages.

use harness::program::{command, run, stderr};
use harness::repository;

fn stdout(args: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(args, folder.path());
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_version_names_the_commit_where_there_is_one() {
    let version = stdout(&["--version"]);
    let rest = version.strip_prefix("forebay 0.1.0").expect("name and version").trim();
    if !repository().join(".git").exists() {
        return;
    }
    let inside = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let (commit, date) = inside
        .and_then(|inside| inside.split_once(' '))
        .expect("commit and date");
    assert!(
        commit.len() >= 12 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
        "{version}"
    );
    assert!(date.len() == 10 && date.starts_with("20"), "{version}");
}

#[test]
fn every_shell_has_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(&["completion", shell]);
        assert!(
            script.contains("dead-letters") && script.contains("normalize"),
            "{shell}"
        );
    }
}

#[test]
fn every_command_has_a_manual_page() {
    assert!(stdout(&["man"]).starts_with(".ie") || stdout(&["man"]).contains(".TH forebay 1"));
    let folder = tempfile::tempdir().expect("a folder");
    let made = run(&["man", "."], folder.path());
    assert!(made.status.success(), "{}", stderr(&made));
    for page in [
        "forebay.1",
        "forebay-tail.1",
        "forebay-sources-connect.1",
        "forebay-progress-set.1",
        "forebay-smoke-test.1",
        "forebay-state-fill.1",
    ] {
        let text = std::fs::read_to_string(folder.path().join(page)).expect(page);
        assert!(text.contains(".SH EXAMPLES"), "{page}");
    }
    let page = std::fs::read_to_string(folder.path().join("forebay-verify.1")).expect("a page");
    for section in [".SH EXAMPLES\n.nf\n  forebay verify", ".SH EXIT STATUS\n.nf\n  0"] {
        assert!(page.contains(section), "{page}");
    }
    assert!(!page.contains("EXTRA"), "{page}");

    let missing = run(&["man", "no/such/folder"], folder.path());
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        stderr(&missing).contains("there is no folder `no/such/folder`"),
        "{}",
        stderr(&missing)
    );
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    let help = stdout(&["--help"]);
    for line in [
        "0  done",
        "1  failed",
        "2  wrong usage or configuration",
        "3  `rules import`",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
}

#[test]
fn the_variables_of_connect_are_indented_at_80_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut connect = command(&["sources", "connect", "--help"], folder.path());
    let output = connect.env("COLUMNS", "80").output().expect("starts");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let (_, variables) = help.split_once("Environment:\n").expect("a block of variables");
    assert!(variables.lines().all(|line| line.starts_with("  ")), "{variables}");
}

#[test]
fn the_demo_fits_a_terminal_and_ends_with_the_good_news() {
    let demo = stdout(&["demo"]);
    assert!(demo.lines().all(|line| line.chars().count() <= 80), "{demo}");
    assert!(demo.lines().count() <= 40, "{demo}");
    assert!(
        demo.contains("  chatwoot       3 accepted, 1 forgery refused"),
        "{demo}"
    );
    let (_, summary) = demo.split_once("all as promised: ").expect("the good news");
    assert_eq!(summary.lines().count(), 4, "{summary}");
}
