//! Servers' append-only files are read as the servers write and read them.
//!
//! The servers are the `redis-server` on the `PATH` and those in `ZRESP_SERVERS`. Without any, these tests are skipped, or
//! fail if `ZRESP_REQUIRE_REDIS` is set.
#![cfg(feature = "aof")]

use std::fs;
use std::path::{Path, PathBuf};

use zresp::aof::{AofContent, AofErrorKind, AofFiles, ManifestFileKind};
use zresp_testing::drive::aof::part;
use zresp_testing::drive::live_server::{Program, Server};

/// Starts a server that writes append-only files.
fn start(program: &Program, options: &[&str]) -> Server {
    let mut all = vec!["--appendonly", "yes", "--appendfsync", "always"];
    if program.version >= (7, 0) {
        // History files are kept.
        all.extend(["--aof-timestamp-enabled", "yes", "--aof-disable-auto-gc", "yes"]);
    }
    all.extend(options);
    program.start(&all)
}

/// Where the server writes.
fn place(program: &Program, server: &Server) -> PathBuf {
    let is_directory = program.version >= (7, 0);
    server.folder().join(if is_directory { "appendonlydir" } else { "appendonly.aof" })
}

/// The commands of all files except for `SELECT`, as text, and whether each file begins with a snapshot that has a
/// checksum.
fn read(path: &Path) -> (Vec<String>, Vec<bool>) {
    let mut files = AofFiles::open(path).expect("files");
    let (mut commands, mut checksums) = (Vec::new(), Vec::new());
    while let Some((_, entry)) = files.read().expect("an entry") {
        match entry.content {
            AofContent::Snapshot(snapshot) => checksums.push(snapshot.checksum.is_some()),
            AofContent::Command(command) if !command.is("SELECT") => {
                let texts = part(&entry).texts;
                let texts = texts.iter().map(|text| text.escape_ascii().to_string());
                commands.push(texts.collect::<Vec<_>>().join(" "));
            }
            _ => {}
        }
    }
    (commands, checksums)
}

fn rewrite(server: &Server) {
    server.ask("BGREWRITEAOF");
    server.wait_for("INFO persistence", "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0");
}

#[test]
fn a_server_writes_what_is_read() {
    for program in Program::all() {
        let server = start(&program, &[]);
        let path = place(&program, &server);
        let (mut sent, mut rng) = (Vec::new(), fastrand::Rng::with_seed(7));
        for round in 0..3 {
            for number in 0..50 {
                let value: String = (0..rng.usize(..40))
                    .map(|_| {
                        rng.choice(["a", "\\xff", "\\x00", "\\r", "\\n", "*", "$"]).expect("a byte")
                    })
                    .collect();
                let command = format!("SET key:{round}:{number} \"{value}\"");
                server.ask(&command);
                sent.push(command.replace('"', ""));
            }
            server.ask("MULTI\r\nINCR n\r\nINCR n\r\nEXEC");
            sent.extend(["MULTI", "INCR n", "INCR n", "EXEC"].map(str::to_owned));
            let (commands, checksums) = read(&path);
            let unescape = |text: &String| text.replace("\\r", "\\x0d").replace("\\n", "\\x0a");
            let written: Vec<_> = commands.iter().map(unescape).collect();
            assert_eq!(
                written,
                sent.iter().map(unescape).collect::<Vec<_>>(),
                "{program:?}, {round}"
            );
            assert!(checksums.iter().all(|has| *has), "{program:?}");
            assert_eq!(checksums.len(), usize::from(round > 0 || program.version >= (7, 0)));
            rewrite(&server);
            sent.clear();
        }
        if let Some(manifest) = AofFiles::open(&path).expect("files").manifest() {
            let history =
                manifest.files().iter().filter(|file| file.kind == ManifestFileKind::History);
            assert_eq!(history.count(), 6, "{program:?}");
        }
    }
}

#[test]
fn a_snapshot_without_a_checksum_ends_only_with_its_file() {
    for program in Program::all() {
        let server = start(&program, &["--rdbchecksum", "no"]);
        let path = place(&program, &server);
        server.ask("SET a 1");
        rewrite(&server);
        server.ask("SET b 2");
        if program.version >= (7, 0) {
            assert_eq!(read(&path), (vec!["SET b 2".to_owned()], vec![false]), "{program:?}");
        } else {
            let error = AofFiles::open(&path).expect("a file").read().expect_err("an unknown end");
            let AofErrorKind::SnapshotWithoutChecksum { candidate } = error.kind else {
                panic!("{error}")
            };
            let rest = fs::read(&path)
                .expect("a file")
                .split_off(usize::try_from(candidate).expect("an offset"));
            assert!(rest.starts_with(b"*2\r\n$6\r\nSELECT\r\n"), "{}", rest.escape_ascii());
        }
    }
}

#[test]
fn a_server_cuts_a_file_where_it_is_sound() {
    for program in Program::all() {
        let mut server = start(&program, &[]);
        rewrite(&server);
        server.ask("SET a 1\r\nMULTI\r\nSET b 2\r\nSET c 3\r\nEXEC\r\nSET d 4");
        server.kill();
        let path = place(&program, &server);
        let mut files = AofFiles::open(&path).expect("files");
        let mut last = path.clone();
        while let Some((path, _)) = files.read().expect("an entry") {
            last = path.to_owned();
        }
        let whole = fs::read(&last).expect("a file");
        for cut in [1, 20, 30, 45, 60, 90] {
            let file = &whole[..whole.len() - cut];
            fs::write(&last, file).expect("a file");
            let mut files = AofFiles::open(&path).expect("files");
            let error = loop {
                match files.read() {
                    Ok(entry) => assert!(entry.is_some(), "{program:?} cut by {cut}"),
                    Err(error) => break error,
                }
            };
            assert!(error.kind.is_truncated(), "{error}");
            // Of a transaction that ends inside a command, a server first cuts the command, then the transaction.
            for _ in 0..2 {
                server.restart();
                // Before all is loaded, the reply is an error.
                server.wait_for("GET nothing", "$-1\r\n");
                server.kill();
            }
            let left = fs::read(&last).expect("a file");
            let ok_up_to = usize::try_from(error.ok_up_to).expect("an offset");
            assert_eq!(&left[..ok_up_to], &file[..ok_up_to]);
            // A new timestamp may follow.
            assert!(
                left.len() == ok_up_to || left[ok_up_to..].starts_with(b"#"),
                "{program:?} cut by {cut}: {}",
                left.escape_ascii()
            );
        }
    }
}
