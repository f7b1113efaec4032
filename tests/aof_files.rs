//! The append-only files of a server are found by their manifest, and read in its order.
#![cfg(feature = "aof")]

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use zresp::aof::{
    AofContent, AofError, AofErrorKind, AofFiles, Manifest, ManifestFileKind, SnapshotMagic,
};
use zresp_testing::drive::aof::part;

/// What the recorded servers were sent after the rewrite, as they write it.
const COMMANDS: [&str; 9] = [
    "SELECT 0",
    "SET key *3\\r\\n$3\\r\\nSET\\r\\n",
    "MULTI",
    "INCR n",
    "INCR n",
    "EXEC",
    "SELECT 3",
    "HSET hash field \\xff\\x00",
    "SET empty ",
];

fn recorded(name: &str) -> PathBuf {
    Path::new("tests/append_only").join(name)
}

/// The arguments of a command, escaped, with spaces between them.
fn shown(texts: &[Vec<u8>]) -> String {
    texts.iter().map(|text| text.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_directory_is_read_in_the_order_of_its_manifest() {
    for (directory, magic, version) in [
        ("redis-7.0", SnapshotMagic::Redis, 10),
        ("redis-8.6", SnapshotMagic::Redis, 13),
        ("valkey-9.1", SnapshotMagic::Valkey, 80),
    ] {
        let directory = recorded(directory);
        for path in [directory.clone(), directory.join("appendonly.aof.manifest")] {
            let mut files = AofFiles::open(path).unwrap();
            let kinds: Vec<_> =
                files.manifest().unwrap().files().iter().map(|file| file.kind).collect();
            let (base, history) = (ManifestFileKind::Base, ManifestFileKind::History);
            assert_eq!(kinds, [base, history, history, ManifestFileKind::Incremental]);

            let (mut commands, mut sizes, mut times) = (Vec::new(), [0, 0], 0);
            while let Some((file, entry)) = files.read().unwrap() {
                let name = file.file_name().unwrap().to_str().unwrap();
                let index = usize::from(name == "appendonly.aof.2.incr.aof");
                assert_eq!(name, ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"][index]);
                assert_eq!(entry.offset, sizes[index], "no gap before an entry");
                sizes[index] += entry.size;
                match entry.content {
                    AofContent::Snapshot(snapshot) => {
                        assert_eq!((snapshot.magic, snapshot.version), (magic, version));
                        assert!(snapshot.checksum.is_some());
                    }
                    AofContent::Annotation(annotation) => {
                        assert!(annotation.timestamp().unwrap() > 1_700_000_000, "{annotation:?}");
                        times += 1;
                    }
                    AofContent::Command(command) => {
                        assert_eq!(command.wire().len() as u64, entry.size);
                        commands.push(shown(&part(&entry).texts));
                    }
                    other => panic!("{other:?}"),
                }
            }
            let (last, first) = commands.split_last().unwrap();
            assert_eq!(first, COMMANDS, "{}", directory.display());
            assert!(last.starts_with("PEXPIREAT hash "), "{last}");
            assert!(times > 0, "{}", directory.display());
            for (name, size) in
                ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof"].iter().zip(sizes)
            {
                assert_eq!(fs::metadata(directory.join(name)).unwrap().len(), size);
            }
            assert_eq!(files.current().unwrap().ok_up_to(), sizes[1]);
            assert!(files.read().unwrap().is_none(), "and stays so");
        }
    }
}

#[test]
fn a_path_without_a_manifest_is_an_error_that_says_where_to_look() {
    let folder = Folder::new();
    let message = |path: &Path| AofFiles::open(path).unwrap_err().to_string();
    let expected = "no manifest: open the directory that `appenddirname` sets, or a single file";
    assert!(message(&folder.0).contains(expected), "{}", message(&folder.0));
    fs::create_dir(folder.0.join("appendonlydir")).unwrap();
    let expected = "no manifest: it is in the directory `appendonlydir` inside";
    assert!(message(&folder.0).contains(expected), "{}", message(&folder.0));
    folder.write("a.manifest", b"");
    folder.write("b.manifest", b"");
    let expected = "more than one manifest: open one by its own path";
    assert!(message(&folder.0).contains(expected), "{}", message(&folder.0));
}

#[test]
fn only_the_last_file_may_be_cut() {
    let folder = Folder::new();
    folder.write("a.manifest", b"file 1 seq 1 type b\nfile 2 seq 1 type i\nfile 3 seq 2 type i\n");
    let (whole, cut) = (b"*1\r\n$4\r\nPING\r\n".as_slice(), b"*1\r\n$4\r\nPI".as_slice());
    for broken in 1..=3 {
        for number in 1..=3 {
            folder.write(&number.to_string(), if number == broken { cut } else { whole });
        }
        let mut files = AofFiles::open(&folder.0).unwrap();
        for _ in 1..broken {
            assert!(files.read().unwrap().is_some(), "{broken}");
        }
        let error = files.read().unwrap_err();
        assert!(error.kind.is_truncated(), "{error}");
        assert_eq!(error.is_last_file, broken == 3, "{error}");
        // Or it is not there at all.
        fs::remove_file(folder.0.join(broken.to_string())).unwrap();
        let mut files = AofFiles::open(&folder.0).unwrap();
        let error = (1..=broken).find_map(|_| files.read().err()).expect("a missing file");
        assert!(matches!(error.kind, AofErrorKind::Io(_)), "{error}");
        assert_eq!(error.is_last_file, broken == 3, "{error}");
    }
}

#[test]
fn a_single_file_begins_with_a_snapshot() {
    let path = recorded("redis-6.2.aof");
    let mut files = AofFiles::open(&path).unwrap();
    assert!(files.manifest().is_none());
    let (_, first) = files.read().unwrap().unwrap();
    let AofContent::Snapshot(snapshot) = first.content else { panic!("{first:?}") };
    assert_eq!((snapshot.magic, snapshot.version), (SnapshotMagic::Redis, 9));
    let mut at = first.size;
    let mut commands = Vec::new();
    while let Some((file, entry)) = files.read().unwrap() {
        assert_eq!((file, entry.offset), (path.as_path(), at));
        at += entry.size;
        commands.push(shown(&part(&entry).texts));
    }
    assert_eq!(commands[..COMMANDS.len()], COMMANDS);
    assert_eq!(commands.len(), COMMANDS.len() + 1);
    assert_eq!(at, fs::metadata(path).unwrap().len());
}

#[test]
fn an_error_names_the_file_and_the_line() {
    let manifest = "appendonly.aof.manifest";
    for (lines, message) in [
        ("", "empty manifest in line 1 of the manifest"),
        (
            "file a seq 1 type b",
            "line without LF or longer than 1024 bytes in line 1 of the manifest",
        ),
        ("#\n\n", "line without a file, a sequence number and a type in line 2 of the manifest"),
        (
            "file a seq 1\n",
            "line without a file, a sequence number and a type in line 1 of the manifest",
        ),
        (
            "file a seq 1 type\n",
            "line without a file, a sequence number and a type in line 1 of the manifest",
        ),
        (
            "file \"a seq 1 type b\n",
            "line without a file, a sequence number and a type in line 1 of the manifest",
        ),
        (
            "file ../a seq 1 type b\n",
            "file name with a slash, or not UTF-8 in line 1 of the manifest",
        ),
        (
            "file \"\\xff\" seq 1 type b\n",
            "file name with a slash, or not UTF-8 in line 1 of the manifest",
        ),
        (
            "file a seq 0 type b\n",
            "sequence number is not a number from 1 on in line 1 of the manifest",
        ),
        (
            "file a seq x type b\n",
            "sequence number is not a number from 1 on in line 1 of the manifest",
        ),
        ("file a seq 1 type x\n", "type is not `b`, `i` or `h` in line 1 of the manifest"),
        (
            "file a seq 1 type b\n# b\nfile c seq 2 type b\n",
            "second base file in line 3 of the manifest",
        ),
        (
            "file a seq 2 type i\nfile b seq 2 type i\n",
            "sequence number is not higher than the one before in line 2 of the manifest",
        ),
    ] {
        let error = Manifest::parse(lines.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), message, "{lines:?}");
        let folder = Folder::new();
        folder.write(manifest, lines.as_bytes());
        let error = AofFiles::open(&folder.0).unwrap_err();
        let path = folder.0.join(manifest);
        let offset = lines
            .lines()
            .take(lines.lines().count().saturating_sub(1))
            .map(|line| line.len() + 1)
            .sum::<usize>();
        assert_eq!(
            error.to_string(),
            format!("{}: {message} at offset {offset} (ok up to {offset})", path.display())
        );
    }
    let manifest =
        Manifest::parse(b"TYPE base other x SEQ 7 file \"a \\x41\" \nfile b seq 1 type i\n")
            .unwrap();
    let names: Vec<_> = manifest.current().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["a A", "b"]);
    assert_eq!(manifest.files()[0].sequence, 7);
}

#[test]
fn a_directory_has_one_manifest_and_its_files() {
    let folder = Folder::new();
    let error = |path: &Path| AofFiles::open(path).unwrap_err();
    let kind = |error: AofError| match error.kind {
        AofErrorKind::Io(error) => error.kind(),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(error(&folder.0)), ErrorKind::NotFound);
    folder.write("temp-a.manifest", b"");
    folder.write("a.manifest", b"file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\n");
    folder.write("a.1.base.aof", b"*1\r\n$4\r\nPI");
    let mut files = AofFiles::open(&folder.0).unwrap();
    let cut = files.read().unwrap_err();
    assert!(cut.kind.is_truncated());
    assert_eq!(cut.file.as_deref(), Some(&*folder.0.join("a.1.base.aof")));
    assert_eq!(io::Error::from(cut).kind(), ErrorKind::UnexpectedEof);

    folder.write("a.1.base.aof", b"*1\r\n$4\r\nPING\r\n");
    let mut files = AofFiles::open(&folder.0).unwrap();
    assert!(files.read().unwrap().is_some());
    let missing = files.read().unwrap_err();
    assert_eq!(missing.file.as_deref(), Some(&*folder.0.join("a.1.incr.aof")));
    assert_eq!(kind(missing), ErrorKind::NotFound);

    folder.write("b.manifest", b"file a seq 1 type b\n");
    assert_eq!(kind(error(&folder.0)), ErrorKind::InvalidInput);
}

/// A folder that is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("zresp-aof-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}
