//! `helm` and `kubectl`, which `deploy/local/cluster/cluster run` puts on the path together with the cluster's address.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) succeeded: bool,
    /// Standard output, then standard error.
    pub(crate) said: String,
    pub(crate) seconds: f64,
    out: String,
    shown: String,
}

impl Done {
    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub(crate) fn expected(self) -> Self {
        assert!(self.succeeded, "`{}` failed:\n{}", self.shown, self.said);
        self
    }

    /// Fails the test unless the command failed, and said `why`.
    #[track_caller]
    pub(crate) fn refused(self, why: &str) -> Self {
        assert!(!self.succeeded, "`{}` succeeded:\n{}", self.shown, self.said);
        assert!(
            self.said.contains(why),
            "`{}` does not say `{why}`:\n{}",
            self.shown,
            self.said
        );
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let done = self.expected();
        serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("`{}` printed no JSON: {e}", done.shown))
    }

    /// The line of what was said that has `word` in it.
    pub(crate) fn line(&self, word: &str) -> String {
        let line = self.said.lines().find(|line| line.contains(word));
        line.unwrap_or_default().trim().to_owned()
    }
}

/// Runs a command to its end with `input`.
pub(crate) fn run(program: &str, args: &[&str], input: &str) -> Done {
    tokio::task::block_in_place(|| {
        let began = Instant::now();
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}: run `./run cluster-test`"));
        let mut stdin = child.stdin.take().expect("piped");
        // One that ends without reading is judged by its exit code.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("its end");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        Done {
            succeeded: output.status.success(),
            said: format!("{out}{}", String::from_utf8_lossy(&output.stderr)),
            seconds: began.elapsed().as_secs_f64(),
            out,
            shown: format!("{program} {}", args.join(" ")),
        }
    })
}

pub(crate) fn kubectl(args: &[&str]) -> Done {
    run("kubectl", args, "")
}

pub(crate) fn helm(args: &[&str]) -> Done {
    run("helm", args, "")
}
