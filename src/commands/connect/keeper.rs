//! A file for what a platform shows only once.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use control::connect::KeptSecret;

use crate::config::ConfigError;
use crate::output;

/// A file for a secret: readable by its owner only, and there at its name only when it is whole.
pub(super) struct Keeper {
    file: File,
    part: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl Keeper {
    /// Makes the file, under another name until [`keep`](Self::keep).
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&part);
        let file = file.map_err(|e| ConfigError(format!("--secret-out: cannot write `{}`: {e}", part.display())))?;
        Ok(Self {
            file,
            part,
            path: path.to_owned(),
            kept: false,
        })
    }

    /// Writes it and gives the file its name. The line feed is one that `${NAME_FILE}` in the configuration takes off.
    pub(super) fn keep(mut self, keep: &KeptSecret) -> anyhow::Result<PathBuf> {
        let (KeptSecret::SigningSecret(secret) | KeptSecret::Url(secret)) = keep;
        let written = self
            .file
            .write_all(secret.expose())
            .and_then(|()| self.file.write_all(b"\n"))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| std::fs::rename(&self.part, &self.path));
        written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        self.kept = true;
        Ok(self.path.clone())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = std::fs::remove_file(&self.part)
        {
            output::remark(&format!("cannot remove `{}`: {error}", self.part.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use schemas::secret::Secret;

    use super::*;

    #[test]
    fn a_secret_is_kept_in_a_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "an old one, readable by all").expect("written");
        let keeper = Keeper::open(&path).expect("it can be written");
        let kept = keeper
            .keep(&KeptSecret::SigningSecret(Secret::new("s3cret")))
            .expect("kept");
        assert_eq!(std::fs::read_to_string(&kept).expect("readable"), "s3cret\n");
        assert_eq!(
            std::fs::metadata(&kept).expect("there").permissions().mode() & 0o777,
            0o600
        );

        drop(Keeper::open(&path).expect("it can be written again"));
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
        assert_eq!(left.len(), 1, "nothing is left of a secret that never came: {left:?}");
        assert!(Keeper::open(&folder.path().join("no/such/folder")).is_err());
    }
}
