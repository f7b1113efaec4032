//! A store of one's own, and clients of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{env, fs, io};

use zresp::io::ReplyReader;

use crate::live_server::PATIENCE;

/// A server on a free port that is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Store {
    child: Child,
    address: SocketAddr,
}

impl Store {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zresp-store"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the store starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address =
            line.split([' ', ',']).find_map(|word| word.trim_end_matches(':').parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        Self { child, address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option of every TCP socket");
        stream
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        let id = self.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status();
        assert!(status.expect("a shell").success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the end of a child")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // A panic here, while another is under way, would hide that one.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    replies: ReplyReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { replies: ReplyReader::new(stream) }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.replies.get_mut()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).expect("the server takes it");
    }

    /// The bytes of the next reply.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let frame = self.replies.read().expect("a frame").expect("a frame before the end");
        frame.wire.to_vec()
    }

    pub(crate) fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.send(bytes);
        self.receive()
    }
}

/// Returns a command that is written as one types it in the form in which clients send it.
pub(crate) fn array(line: &str) -> Vec<u8> {
    let line = format!("{line}\n");
    let request = zresp::commands(line.as_bytes()).next().expect("a command").expect("no error");
    request.command.to_array(&mut Vec::new()).wire().to_vec()
}

/// Returns where a program is; `None` if it is missing, but that panics with `ZRESP_REQUIRE_REDIS`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(env::var_os("ZRESP_REQUIRE_REDIS").is_none(), "{name} is not on the PATH");
        writeln!(io::stderr(), "skipped: {name} is not on the PATH").expect("stderr");
    }
    found
}

/// Returns what a program prints that is given an input.
pub(crate) fn run(program: &Path, options: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns how much memory a process has, in KiB.
pub(crate) fn resident_kib(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
