//! The files of a directory.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zresp::aof::Manifest;

use crate::input::{self, Input};
use crate::kind::InputKind;

/// How deep directories are looked through.
const DEPTH: usize = 16;
/// The most bytes of a manifest: more than ten thousand files.
const MANIFEST: u64 = 1024 * 1024;

/// Adds the files of a directory to the inputs: those that its manifest lists, or if it has none, all files, in the order
/// of their names, and those of the directories in it. What is not a regular file is an error when it is opened.
pub(crate) fn list(directory: &Path, inputs: &mut Vec<Result<Input, String>>) {
    let before = inputs.len();
    list_to_depth(directory, DEPTH, inputs);
    if inputs.len() == before {
        inputs.push(Err(format!("{}: no files in this directory", directory.display())));
    }
}

fn list_to_depth(directory: &Path, depth: usize, inputs: &mut Vec<Result<Input, String>>) {
    let failed = |error: io::Error| Err(format!("{}: {error}", directory.display()));
    let mut paths = match paths(directory) {
        Ok(paths) => paths,
        Err(error) => return inputs.push(failed(error)),
    };
    paths.sort();
    let mut manifests = paths.iter().filter(|path| is_manifest(path));
    match (manifests.next(), manifests.next()) {
        (Some(manifest), None) => return list_manifest(manifest, inputs),
        (Some(_), Some(_)) => {
            let error = "more than one manifest, so name one of them";
            return inputs.push(Err(format!("{}: {error}", directory.display())));
        }
        _ => {}
    }
    for path in paths {
        // A link to a directory could lead around in a circle.
        if path.is_dir() && !path.is_symlink() && depth > 0 {
            list_to_depth(&path, depth - 1, inputs);
        } else if !path.is_dir() {
            inputs.push(Ok(Input::Listed(path, None)));
        }
    }
}

/// Adds the files that a server with this manifest would load.
fn list_manifest(path: &Path, inputs: &mut Vec<Result<Input, String>>) {
    match read_manifest(path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| Manifest::parse(&bytes).map_err(|error| error.to_string()))
    {
        Ok(manifest) => {
            inputs.extend(manifest.current().map(|file| {
                Ok(Input::Listed(path.with_file_name(&file.name), Some(InputKind::Aof)))
            }));
        }
        Err(error) => inputs.push(Err(format!("{}: {error}", path.display()))),
    }
}

/// Reads a manifest.
///
/// # Errors
/// Errors of the file, and [`io::ErrorKind::InvalidData`] if it has more than [`MANIFEST`] bytes.
fn read_manifest(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input::open_regular(path)?.take(MANIFEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MANIFEST {
        let error = format!("a manifest of more than {MANIFEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    Ok(bytes)
}

fn paths(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

/// Returns whether a file is a manifest that a server has finished.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".manifest") && !name.starts_with("temp-")
}
