//! Lists the samples in `schemas/samples`, so that `forebay send` and the demo know all of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=schemas/samples");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("schemas/samples");
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
