//! Runs the programs: servers of this workspace until they are dropped, others to their end.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::{env, fs, io};

use super::live_server::PATIENCE;

/// A server on a free port. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Daemon {
    /// Starts a server, and waits for the line in which it says where it listens.
    pub(crate) fn start(program: &str, options: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let address = address_in_line(&mut output);
        Self { child, output, address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address in the next line of its output.
    pub(crate) fn next_address(&mut self) -> SocketAddr {
        address_in_line(&mut self.output)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream.set_nodelay(true).expect("every TCP socket has this option");
        stream
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.id());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the exit status")
    }

    /// Returns the memory that it uses now, in KiB.
    pub(crate) fn resident_kib(&self) -> usize {
        self.memory_kib("VmRSS:")
    }

    /// Returns the most memory that it has used, in KiB.
    pub(crate) fn peak_kib(&self) -> usize {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, name: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }
}

/// Sends a signal, such as `STOP`, to a process.
pub(crate) fn signal(name: &str, id: u32) {
    let script = format!("kill -{name} {id}");
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("a shell").success(), "{script}");
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Errors are ignored: a panic during another panic would hide the first.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn address_in_line(output: &mut impl BufRead) -> SocketAddr {
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let words = line.split([' ', ',', '/', '\n']);
    let address = words.map(|word| word.trim_end_matches(':')).find_map(|word| word.parse().ok());
    address.unwrap_or_else(|| panic!("no address in {line:?}"))
}

/// Returns the path of a program, or `None` if it is missing.
///
/// # Panics
/// If it is missing and `ZRESP_REQUIRE_REDIS` is set.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(env::var_os("ZRESP_REQUIRE_REDIS").is_none(), "{name} is not on the PATH");
        writeln!(io::stderr(), "skipped: {name} is not on the PATH").expect("stderr is writable");
    }
    found
}

/// Runs a program with `input` on its standard input; returns what it prints.
pub(crate) fn run(program: &Path, options: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
