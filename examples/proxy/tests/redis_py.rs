//! Runs `session.py`, a session of `redis-py`, in a virtual environment.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use support::{Server, program, proxy_of, say};

const PACKAGE: &str = "redis==8.1.0";

/// Returns the path of a Python with the package, or `None` if one of them is missing.
///
/// # Panics
/// If one is missing and `ZRESP_REQUIRE_REDIS` is set.
fn python_with_redis() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGE.replace("==", "-"));
    let (python, mark) = (folder.join("bin/python"), folder.join("is-complete"));
    if mark.is_file() {
        return Some(python);
    }
    let system = program("python3")?;
    _ = fs::remove_dir_all(&folder);
    let steps = [
        Command::new(system).args(["-m", "venv"]).arg(&folder).output(),
        Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]).output(),
    ];
    let failure = |step: std::io::Result<Output>| match step {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    };
    let failures = steps.into_iter().filter_map(failure).fold(String::new(), |mut all, failure| {
        _ = writeln!(all, "{failure}");
        all
    });
    if failures.is_empty() {
        fs::write(mark, PACKAGE).expect("a file");
        return Some(python);
    }
    assert!(env::var_os("ZRESP_REQUIRE_REDIS").is_none(), "{PACKAGE}: {failures}");
    say(&format!("skipped: {PACKAGE} cannot be installed: {failures}"));
    None
}

#[test]
fn redis_py_works_in_both_protocols() {
    let Some(redis) = Server::start() else { return };
    let Some(python) = python_with_redis() else { return };
    let proxy = proxy_of([&redis]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/session.py");
    let port = proxy.address().port().to_string();
    let output = Command::new(python).arg("-B").arg(script).arg(port).output();
    let output = output.expect("Python starts");
    let [text, errors] = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(text, "RESP2: 9 parts\nRESP3: 9 parts\n");
}
