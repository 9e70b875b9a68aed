//! Examples, exit codes and variables of the environment: what stands after the options in the help of a command.
//!
//! No line is longer than 80 characters. A line that begins with two blanks and `forebay` is a command that can be typed.

pub(super) const FOREBAY: &str = "\
Examples:
  forebay demo                    # the main job once, with nothing to set up
  forebay dev                     # a pipeline on this machine
  forebay send chatwoot           # in another terminal: post a signed sample
  forebay tail --from-beginning   # and see what came of it

Exit codes:
  0  done
  1  failed; of `verify`: the request does not pass
  2  wrong usage or configuration; of `verify`: the request cannot be judged
  3  `rules import`: something of the rules was lost";

pub(super) const DEV: &str = "\
Examples:
  forebay dev
  forebay dev --forward-to http://localhost:3000/hook
  forebay dev --forward-to http://localhost:3000/hook --events 'message.*'
  forebay dev --config forebay.yaml --data /var/tmp/forebay

On a terminal: r and Enter sends the last event again, r N that of line N;
? says more.";

pub(super) const INGEST: &str = "\
Examples:
  forebay ingest --config forebay.yaml";

pub(super) const PROCESS: &str = "\
Examples:
  forebay process --config forebay.yaml
  forebay process --sink postgres --sink http";

pub(super) const CHECK: &str = "\
Examples:
  forebay check
  forebay check --connect --config forebay.yaml
  forebay check --sink postgres";

pub(super) const MIGRATE: &str = "\
Examples:
  forebay migrate --config forebay.yaml
  forebay migrate --dry-run
  forebay migrate --wait 10m --lock-wait 1s
  forebay migrate --print > tables.sql && psql -X -f tables.sql
  forebay migrate --grants forebay_process
  forebay migrate --grants analyst --for reader --only postgres";

pub(super) const SEND: &str = "\
Examples:
  forebay send chatwoot
  forebay send chatwoot --list
  forebay send digisac --sample message.created.full
  forebay send standard --body body.json --url https://hooks.example.com
  forebay send chatwoot --forge";

pub(super) const SECRET: &str = "\
Examples:
  forebay secret
  forebay secret --hex -n 3";

pub(super) const NORMALIZE: &str = "\
Examples:
  forebay normalize chatwoot body.json
  forebay normalize github --header 'X-GitHub-Event: push' < body.json
  forebay normalize digisac *.json --output json | jq -r .type";

pub(super) const VERIFY: &str = "\
Examples:
  forebay verify request.http
  forebay verify request.json --source chatwoot --at 2026-03-10T13:36:50Z
  forebay verify request.http --config forebay.yaml --output json | jq .reasons

Exit codes:
  0  the request passes
  1  it does not
  2  it cannot be judged: no request that can be read, or no such source";

pub(super) const TAIL: &str = "\
Examples:
  forebay tail
  forebay tail --from-beginning --type message --type ticket.closed
  forebay tail --since 2h --end --output json | jq -r .type | sort | uniq -c
  forebay tail --dead-letters --end --config forebay.yaml
  forebay tail --operations --since 1d --end";

pub(super) const DEMO: &str = "\
Examples:
  forebay demo
  forebay demo --verbose
  forebay demo --keep";

pub(super) const SOURCES_LIST: &str = "\
Examples:
  forebay sources list
  forebay sources list --config forebay.yaml --output json | jq -r .path";

pub(super) const SOURCES_CONNECT: &str = "\
Examples:
  forebay sources connect chatwoot --url https://hooks.example.com --dry-run
  forebay sources connect github --url https://hooks.example.com \\
    --account acme/shop --secret-out github-secret

Environment:
  FOREBAY_PLATFORM_TOKEN       The credentials for the platform's API; never
                               taken from the command line
  FOREBAY_PLATFORM_TOKEN_FILE  A file that holds them, in its place";

pub(super) const ENDPOINTS_LIST: &str = "\
Examples:
  forebay endpoints list
  forebay endpoints list --tenant acme --output json | jq -r .state";

pub(super) const ENDPOINTS_TEST: &str = "\
Examples:
  forebay endpoints test crm
  forebay endpoints test crm --type ticket.closed --output json | jq .status

Exit codes:
  0  the endpoint took it
  1  it did not
  2  wrong usage or configuration";

pub(super) const ENDPOINTS_RESEND: &str = "\
Examples:
  forebay endpoints resend crm 019cd7f8-77d8-8df2-9f00-b7c961202156
  forebay endpoints resend crm --position forebay.events:3:1200 --wait

Exit codes:
  0  it is to be sent; with --wait, it was delivered
  1  failed; with --wait, it was not delivered in time
  2  wrong usage or configuration";

pub(super) const ENDPOINTS_RECOVER: &str = "\
Examples:
  forebay endpoints recover crm --since 2h --dry-run
  forebay endpoints recover crm --since 2026-03-10T13:00:00Z --until 1h";

pub(super) const ENDPOINTS_ENABLE: &str = "\
Examples:
  forebay endpoints enable crm
  forebay endpoints enable crm --config forebay.yaml";

pub(super) const RULES_IMPORT: &str = "\
Examples:
  forebay rules import --from chatwoot automation_rules.json
  forebay rules import --from web1on1 workflows.json --output rules.yaml
  forebay rules import --from chatwoot rules.json --report json 2> lost.json

Exit codes:
  0  every rule was carried over in full
  3  the rules are written, and something was lost";

pub(super) const PROGRESS_SHOW: &str = "\
Examples:
  forebay progress show --config forebay.yaml
  forebay progress show --sink postgres --output json | jq .lag";

pub(super) const PROGRESS_SET: &str = "\
Examples:
  forebay progress set --sink postgres --to earliest
  forebay progress set --sink http --partition 3 --to 1200 --yes";

pub(super) const STATE_FILL: &str = "\
Examples:
  forebay state fill --config forebay.yaml
  forebay state fill --sink postgres --from 30d --rate 5000
  forebay state fill --from 2026-03-01T00:00:00Z --to 2026-03-08T00:00:00Z

What was filled stays when it is stopped; it says from where to go on.";

pub(super) const SMOKE_TEST: &str = "\
Examples:
  forebay smoke-test --source helm-test --url https://hooks.example.com
  forebay smoke-test --source helm-test --receive 0.0.0.0:9000 \\
    --endpoint helm-test --wait 2m

Exit codes:
  0  everything has arrived
  1  something has not
  2  wrong usage or configuration";

pub(super) const HEALTH: &str = "\
Examples:
  forebay health --config forebay.yaml
  forebay health --ready --url http://127.0.0.1:9464

Exit codes:
  0  alive, or with --ready also ready
  1  not, or no answer";

pub(super) const CONFIG_SCHEMA: &str = "\
Examples:
  forebay config schema > forebay.schema.json

An editor that speaks YAML's language server uses it after this first line:
  # yaml-language-server: $schema=forebay.schema.json";

pub(super) const COMPLETION: &str = "\
Examples:
  forebay completion bash > ~/.local/share/bash-completion/completions/forebay
  forebay completion zsh > ~/.zfunc/_forebay
  forebay completion fish > ~/.config/fish/completions/forebay.fish";

pub(super) const MAN: &str = "\
Examples:
  forebay man | man -l -
  forebay man ~/.local/share/man/man1";

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _, Parser as _};

    use super::super::Cli;

    /// Every command that does something.
    fn commands() -> Vec<Command> {
        fn leaves(command: &Command, found: &mut Vec<Command>) {
            if !command.has_subcommands() {
                found.push(command.clone());
            }
            for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
                leaves(one, found);
            }
        }
        let (mut cli, mut found) = (Cli::command(), Vec::new());
        cli.build();
        leaves(&cli, &mut found);
        found
    }

    fn after_help(command: &Command) -> String {
        command.get_after_help().map(ToString::to_string).unwrap_or_default()
    }

    /// The words of the command on a line, as a shell splits them; what comes after it (a pipe, a file, a remark) is left out.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut quoted) = (vec![String::new()], false);
        let end = [" | ", " > ", " 2> ", " < ", " # "]
            .iter()
            .filter_map(|mark| line.find(mark))
            .min();
        for c in line[..end.unwrap_or(line.len())].chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().expect("there is one").push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_each_is_a_command_that_is_understood() {
        let mut all = commands();
        all.push(Cli::command());
        for command in all {
            let (name, help) = (command.get_name().to_owned(), after_help(&command));
            assert!(help.starts_with("Examples:\n  forebay "), "{name}: {help}");
            let joined = help.replace("\\\n", "");
            for line in joined.lines().filter_map(|line| line.strip_prefix("  forebay ")) {
                let words = words(&format!("forebay {line}"));
                let parsed = Cli::try_parse_from(&words);
                assert!(parsed.is_ok(), "{name}: {words:?}: {}", parsed.expect_err("refused"));
            }
        }
    }

    #[test]
    fn what_stands_after_the_options_fits_80_columns() {
        let mut all = commands();
        all.push(Cli::command());
        for line in all
            .iter()
            .flat_map(|c| after_help(c).lines().map(str::to_owned).collect::<Vec<_>>())
        {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
