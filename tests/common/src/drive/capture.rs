//! A recorded file of `tests/captures`, and the frames in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use zresp::Decoded;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures");

pub struct Capture {
    /// The file's name, `NAME.replies`.
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Capture {
    pub fn read(name: &str) -> Self {
        let path = Path::new(FOLDER).join(name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: name.to_owned(), bytes }
    }

    /// The captures whose names end in one of the suffixes, in order.
    pub fn all(suffixes: &[&str]) -> Vec<Self> {
        let folder = fs::read_dir(FOLDER).expect("the folder of captures");
        let names = folder.map(|file| file.expect("a file").file_name().into_string().unwrap());
        let wanted = |name: &String| suffixes.iter().any(|suffix| name.ends_with(suffix));
        let names: BTreeSet<_> = names.filter(wanted).collect();
        for suffix in suffixes {
            assert!(names.iter().any(|name| name.ends_with(suffix)), "no {suffix} in {names:?}");
        }
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The name up to the dot.
    pub fn stem(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    pub fn frames(&self) -> Vec<Decoded<'_>> {
        let mut frames = Vec::new();
        for frame in zresp::replies(&self.bytes) {
            let number = frames.len();
            frames.push(frame.unwrap_or_else(|e| panic!("{}: frame {number}: {e}", self.name)));
        }
        frames
    }
}
