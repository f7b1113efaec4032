//! A `redis-server` for one test, on a free loopback port and in its own folder. Dropping it ends the server
//! and removes the folder. Nothing here waits for ever.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use zresp::{Decoder, Frame};

/// The longest time for a start, a read or a write.
pub const PATIENCE: Duration = Duration::from_secs(10);

const PROGRAM: &str = "redis-server";

/// The number of ports that are tried, because another program may take a free port before the server does.
const PORTS: usize = 5;

#[derive(Debug)]
pub struct Server {
    child: Child,
    command: Command,
    folder: PathBuf,
    address: SocketAddr,
}

impl Server {
    /// Returns a server that answers, or `None` if the program is missing. Panics instead if
    /// `ZRESP_REQUIRE_REDIS` is set.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Like [`start`](Self::start), with further options.
    pub fn start_with(options: &[&str]) -> Option<Self> {
        let program = program()?;
        let server = (0..PORTS).find_map(|_| Self::start_on_a_port(&program, options));
        Some(server.expect("a server that keeps running"))
    }

    /// Returns a server of each program at hand: the one on the `PATH`, and those in `ZRESP_SERVERS`, which names
    /// programs as `PATH` names folders.
    pub fn all() -> Vec<Self> {
        let others = env::var_os("ZRESP_SERVERS").unwrap_or_default();
        let others = env::split_paths(&others).filter(|path| !path.as_os_str().is_empty());
        let programs: Vec<_> = program().into_iter().chain(others).collect();
        let start = |program: &PathBuf| {
            (0..PORTS)
                .find_map(|_| Self::start_on_a_port(program, &[]))
                .unwrap_or_else(|| panic!("{}: no server that keeps running", program.display()))
        };
        programs.iter().map(start).collect()
    }

    /// Returns a server that answers; `None` if it ended by itself.
    fn start_on_a_port(program: &Path, options: &[&str]) -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PROGRAM}-{}-{number}", process::id());
        let folder = env::temp_dir().join(&name);
        fs::create_dir_all(&folder).expect("a folder for the server");
        let address = free_address();
        let mut command = Command::new(program);
        command
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"])
            .args(options)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("log")).expect("a file for the log"))
            .stderr(Stdio::null());
        let child = command.spawn().expect("the server starts");
        let mut server = Self { child, command, folder, address };
        server.wait_until_it_answers(&name).then_some(server)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of this process");
        self.child.wait().expect("its end");
    }

    /// Starts it again after its end: on the same port, in the same folder.
    pub fn restart(&mut self) {
        self.child = self.command.spawn().expect("the server starts");
        let name = self.folder.file_name().and_then(|name| name.to_str()).expect("its name");
        let name = name.to_owned();
        assert!(self.wait_until_it_answers(&name), "it ended by itself");
    }

    /// Returns whether it answers; `false` if it ended by itself.
    fn wait_until_it_answers(&mut self, name: &str) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                eprintln!("{PROGRAM} ended with {status}:\n{}", self.log());
                return false;
            }
            if self.is_in_folder(name).unwrap_or(false) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{PROGRAM} does not answer after {PATIENCE:?}:\n{}", self.log());
    }

    /// Asks for the server's folder, since another server could answer on this port.
    fn is_in_folder(&self, name: &str) -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"CONFIG GET dir\r\nQUIT\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.contains(name))
    }

    /// Sends requests on a connection of their own, and returns the replies.
    pub fn replies(&self, requests: &[Vec<u8>]) -> Vec<Frame> {
        let mut stream = self.connect();
        for request in requests {
            stream.write_all(request).expect("a server that reads");
        }
        let (mut decoder, mut buffer, mut frames) = (Decoder::new(), Vec::new(), Vec::new());
        while frames.len() < requests.len() {
            if let Some(frame) = decoder.decode(&buffer).expect("a reply") {
                let frame = frame.to_frame();
                buffer.drain(..frame.wire().len());
                frames.push(frame);
                continue;
            }
            let mut chunk = [0; 16 * 1024];
            let size = stream.read(&mut chunk).expect("a server that answers");
            assert!(size > 0, "the server closed the connection");
            buffer.extend_from_slice(&chunk[..size]);
        }
        frames
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Returns a new connection, where no read or write takes longer than [`PATIENCE`].
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option of every TCP socket");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not `expect`: a panic during another panic would hide the first one.
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the program on the `PATH`. Panics if it is missing and `ZRESP_REQUIRE_REDIS` is set.
fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|at| at.is_file());
    if found.is_none() {
        let is_required = env::var_os("ZRESP_REQUIRE_REDIS").is_some();
        assert!(!is_required, "{PROGRAM} is not on the PATH, but required");
        // Not `eprintln!`, whose output is only shown for failed tests.
        writeln!(io::stderr(), "skipped: {PROGRAM} is not on the PATH").expect("stderr");
    }
    found
}

pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the address of a listener")
}
