//! Runs Helm on the chart.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::objects::Rendering;
use crate::yaml;

/// The folder of the repository.
pub(crate) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("two folders down").to_path_buf()
}

/// The folder of the chart.
pub(crate) fn chart() -> PathBuf {
    repository().join("deploy/helm/forebay")
}

/// The value sets of the chart: names and files.
pub(crate) fn value_sets() -> Vec<(String, PathBuf)> {
    let folder = chart().join("ci");
    let mut sets: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a file").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix("-values.yaml")?.to_owned();
            Some((name, path))
        })
        .collect();
    sets.sort();
    sets
}

/// What the chart makes of each value set: names and objects. Rendered once.
pub(crate) fn rendered() -> &'static [(String, Rendering)] {
    static ALL: OnceLock<Vec<(String, Rendering)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let sets = value_sets().into_iter();
        sets.map(|(name, file)| (name, Render::defaults().file(&file).expect()))
            .collect()
    })
}

/// One call of Helm.
#[derive(Clone, Default)]
pub(crate) struct Render {
    values: Vec<PathBuf>,
    overlays: Vec<Value>,
    arguments: Vec<OsString>,
    release: Option<String>,
}

impl Render {
    /// The chart with its defaults.
    pub(crate) fn defaults() -> Self {
        Self::default()
    }

    /// With a file of values, over what was there before.
    pub(crate) fn file(mut self, path: &Path) -> Self {
        self.values.push(path.to_path_buf());
        self
    }

    /// With values written as YAML, over all files.
    pub(crate) fn with(mut self, values: &str) -> Self {
        let values = yaml::document(values).unwrap_or_else(|error| panic!("{error}: {values}"));
        self.overlays.push(values);
        self
    }

    /// With arguments of Helm.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(Into::into));
        self
    }

    /// As another release than `forebay`.
    pub(crate) fn release(mut self, name: &str) -> Self {
        self.release = Some(name.to_owned());
        self
    }

    /// What the chart makes, or what Helm says against it.
    pub(crate) fn objects(&self) -> Result<Rendering, String> {
        let output = self.call(&["template"], true);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let objects = yaml::documents(&text).map_err(|error| format!("{error}\n{text}"))?;
        Ok(Rendering { objects })
    }

    /// What the chart makes.
    pub(crate) fn expect(&self) -> Rendering {
        self.objects().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The text that an installation ends with.
    pub(crate) fn notes(&self) -> String {
        let output = self.call(&["install", "--dry-run=client"], true);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (_, notes) = text
            .split_once("NOTES:")
            .unwrap_or_else(|| panic!("no NOTES in {text}"));
        notes.to_owned()
    }

    /// What `helm lint --strict` says against it.
    pub(crate) fn lint(&self) -> Result<(), String> {
        let output = self.call(&["lint", "--strict"], false);
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    }

    fn call(&self, command: &[&str], named: bool) -> Output {
        let folder = tempfile::tempdir().expect("a folder");
        let mut helm = tool("helm");
        helm.args(command);
        if named {
            helm.arg(self.release.as_deref().unwrap_or("forebay"));
        }
        helm.arg(chart()).args(["--namespace", "hooks"]).args(&self.arguments);
        // Helm keeps plug-ins and caches in the user's folders: none of them is ours.
        for variable in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
            helm.env(variable, folder.path());
        }
        helm.env("KUBECONFIG", folder.path().join("none"));
        for path in &self.values {
            helm.arg("--values").arg(path);
        }
        for (nth, values) in self.overlays.iter().enumerate() {
            let path = folder.path().join(format!("{nth}.yaml"));
            fs::write(&path, yaml::write(values)).expect("written");
            helm.arg("--values").arg(path);
        }
        helm.output().expect("helm starts")
    }
}

/// A tool that `deploy/local/helm` fetches.
fn tool(name: &str) -> Command {
    let path = target().join("tools/bin").join(name);
    assert!(
        path.exists(),
        "{} is missing: run `deploy/local/helm` first, as `./run test` does",
        path.display()
    );
    Command::new(path)
}

/// The folder that Cargo builds into: this test runs in `target/<profile>/deps`.
pub(crate) fn target() -> PathBuf {
    profile().parent().expect("a folder above").to_path_buf()
}

/// The folder that holds the built program.
pub(crate) fn profile() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    this.ancestors().nth(2).expect("two folders up").to_path_buf()
}
