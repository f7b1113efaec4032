//! A file or a directory for one test.

use std::path::{Path, PathBuf};
use std::{fs, process};

/// A file or a directory that is removed when the value is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Returns a file with this content.
    pub(crate) fn new(name: &str, content: &[u8]) -> Self {
        let path = path(name);
        fs::write(&path, content).expect("the folder for tests is writable");
        Self(path)
    }

    /// Returns an empty directory.
    pub(crate) fn directory(name: &str) -> Self {
        let path = path(name);
        fs::create_dir_all(&path).expect("the folder for tests is writable");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }
}

fn path(name: &str) -> PathBuf {
    let name = format!("inspect-{}-{name}", process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
        _ = fs::remove_dir_all(&self.0);
    }
}
