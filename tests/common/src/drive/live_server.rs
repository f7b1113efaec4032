//! A server for one test, on a free loopback port and in its own folder. Dropping it ends the server
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
    bus: u16,
}

impl Server {
    /// Returns a server that answers, or `None` if the program is missing. Panics instead if
    /// `ZRESP_REQUIRE_REDIS` is set.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Like [`start`](Self::start), with further options.
    pub fn start_with(options: &[&str]) -> Option<Self> {
        let Some(program) = on_the_path(PROGRAM) else {
            assert!(
                env::var_os("ZRESP_REQUIRE_REDIS").is_none(),
                "{PROGRAM} is not on the PATH, but required"
            );
            // Not `eprintln!`, whose output is only shown for failed tests.
            writeln!(io::stderr(), "skipped: {PROGRAM} is not on the PATH").expect("stderr");
            return None;
        };
        let options = [&["--enable-debug-command", "yes"], options].concat();
        Some(Self::start_program(&program, &options))
    }

    fn start_program(program: &Path, options: &[&str]) -> Self {
        let server = (0..PORTS).find_map(|_| Self::start_on_a_port(program, options));
        server.expect("a server that keeps running")
    }

    /// Returns a server of each program at hand: the one on the `PATH`, and those in `ZRESP_SERVERS`, which names
    /// programs as `PATH` names folders.
    pub fn all() -> Vec<Self> {
        let start = |program: PathBuf| Self::start_program(&program, &[]);
        programs(PROGRAM, "ZRESP_SERVERS").into_iter().map(start).collect()
    }

    /// Returns a server that answers; `None` if it ended by itself.
    fn start_on_a_port(program: &Path, options: &[&str]) -> Option<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PROGRAM}-{}-{number}", process::id());
        let folder = env::temp_dir().join(&name);
        fs::create_dir_all(&folder).expect("a folder for the server");
        let (address, bus) = (free_address(), free_address().port());
        let mut command = Command::new(program);
        command
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(options)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("log")).expect("a file for the log"))
            .stderr(Stdio::null());
        if options.contains(&"--cluster-enabled") {
            command.args(["--cluster-port", &bus.to_string()]);
        }
        let child = command.spawn().expect("the server starts");
        let mut server = Self { child, command, folder, address, bus };
        server.wait_until_it_answers(&name).then_some(server)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port for other nodes, if it is one of a cluster.
    pub fn bus(&self) -> u16 {
        self.bus
    }

    /// The number of its process, which a restart changes.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder that it writes to.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends inline commands over a new connection, and returns all replies.
    pub fn ask(&self, commands: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(format!("{commands}\r\nQUIT\r\n").as_bytes()).expect("room for it");
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).expect("replies");
        String::from_utf8_lossy(&answers).into_owned()
    }

    /// Waits until the replies to inline commands contain a text.
    pub fn wait_for(&self, commands: &str, text: &str) {
        let start = Instant::now();
        while !self.ask(commands).contains(text) {
            assert!(start.elapsed() < PATIENCE, "{commands}: {}", self.ask(commands));
            thread::sleep(Duration::from_millis(20));
        }
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

/// A server program.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    pub is_valkey: bool,
    /// The major and the minor version.
    pub version: (u32, u32),
}

impl Program {
    /// Returns the `redis-server` on the `PATH`, and the programs that `ZRESP_SERVERS` lists, which is written like
    /// `PATH`. What is not there is printed, or a panic if `ZRESP_REQUIRE_REDIS` is set.
    pub fn all() -> Vec<Self> {
        programs(PROGRAM, "ZRESP_SERVERS").into_iter().map(Self::new).collect()
    }

    fn new(path: PathBuf) -> Self {
        let output = Command::new(&path).arg("--version").output().expect("a server program");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split(" v=").nth(1).expect("a version").split(['.', ' ']);
        let numbers: Vec<_> = version.take(2).map(|part| part.parse().expect("a number")).collect();
        let version = (numbers[0], numbers[1]);
        Self { path, is_valkey: text.starts_with("Valkey"), version }
    }

    pub fn start(&self, options: &[&str]) -> Server {
        Server::start_program(&self.path, options)
    }
}

/// Returns the program on the `PATH`, and those that a variable lists, which is written like `PATH`.
pub fn programs(name: &str, variable: &str) -> Vec<PathBuf> {
    let found = on_the_path(name);
    let listed = env::var_os(variable);
    let listed =
        listed.iter().flat_map(env::split_paths).filter(|path| !path.as_os_str().is_empty());
    let programs: Vec<_> = found.clone().into_iter().chain(listed).collect();
    if found.is_none() {
        assert!(
            env::var_os("ZRESP_REQUIRE_REDIS").is_none(),
            "{name} is not on the PATH, but required"
        );
    }
    if programs.is_empty() {
        let message = "is not on the PATH, and no other programs are in";
        writeln!(io::stderr(), "skipped: {name} {message} {variable}").expect("stderr");
    } else if programs.len() == 1 {
        writeln!(io::stderr(), "only one program: list others in {variable}").expect("stderr");
    }
    programs
}

/// Returns a program on the `PATH`.
pub fn on_the_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the address of a listener")
}
