//! Lists the samples in `schemas/samples`, so that `forebay send` and the demo know all of them; and says which commit the
//! program is built from, for `forebay --version`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=schemas/samples");
    let repository = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    version(&repository);
    let root = repository.join("schemas/samples");
    let mut list = String::from("&[\n");
    for platform in sorted(&root)?.into_iter().filter(|path| path.is_dir()) {
        let samples: Vec<_> = sorted(&platform)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension != "headers"))
            .filter_map(|body| sample(&body))
            .collect();
        let platform = platform.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Writing to a string cannot fail.
        let _written = writeln!(list, "({platform:?}, &[{}]),", samples.join(", "));
    }
    list.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("samples.rs"), list)
}

/// Sets `FOREBAY_VERSION`, for example `0.1.0 (abcdef123456 2026-11-29)`, and `FOREBAY_BUILT_FROM`, the commit alone. Without git,
/// or outside of its repository, there is only the version. `FOREBAY_COMMIT` takes git's place, for builds in a container:
/// the commit, and after a blank its date.
fn version(repository: &Path) {
    println!("cargo::rerun-if-env-changed=FOREBAY_COMMIT");
    let given = env::var_os("FOREBAY_COMMIT").and_then(|commit| commit.into_string().ok());
    let given = given
        .map(|commit| commit.trim().to_owned())
        .filter(|commit| !commit.is_empty());
    let commit = given.or_else(|| head(repository));
    let version = env::var_os("CARGO_PKG_VERSION").unwrap_or_default();
    let version = version.to_string_lossy();
    let Some(commit) = commit else {
        println!("cargo::rustc-env=FOREBAY_VERSION={version}");
        return;
    };
    println!("cargo::rustc-env=FOREBAY_VERSION={version} ({commit})");
    println!(
        "cargo::rustc-env=FOREBAY_BUILT_FROM={}",
        commit.split(' ').next().unwrap_or_default()
    );
}

/// The commit that is checked out, 12 digits, and its date.
fn head(repository: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(repository)
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    // An unpacked archive inside of another repository is not that repository's commit.
    let top = fs::canonicalize(git(&["rev-parse", "--show-toplevel"])?).ok()?;
    if top != fs::canonicalize(repository).ok()? {
        return None;
    }
    // Where a commit or another branch shows. A file that is missing is left out: it would count as changed in every build.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD", "packed-refs"]
        .into_iter()
        .chain(branch.as_deref())
    {
        let path = repository.join(git(&["rev-parse", "--git-path", name])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["show", "--no-patch", "--abbrev=12", "--format=%h %cs", "HEAD"])
}

fn sample(body: &Path) -> Option<String> {
    let headers = body.with_extension("headers");
    let headers = if headers.exists() {
        format!("include_str!({:?})", headers.to_str()?)
    } else {
        "\"\"".to_owned()
    };
    Some(format!(
        "Sample {{ name: {:?}, body: include_bytes!({:?}), headers: {headers} }}",
        body.file_stem()?.to_str()?,
        body.to_str()?
    ))
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
