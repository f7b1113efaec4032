//! Makes `src/table/generated.rs` from a server's answer to `COMMAND`.
//!
//! ```sh
//! cargo run -p zresp-command-table                              # from the recorded answer
//! cargo run -p zresp-command-table -- --server 127.0.0.1:6379   # from the answer of another server
//! ```

mod source;

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::{fs, str};

use clap::Parser;

/// Makes the command table of zresp from a server's answer to COMMAND.
#[derive(Parser)]
struct Options {
    /// The file of the recorded answer. With --server, it is recorded first.
    #[arg(long, default_value = "tools/command-table/redis-7.0.15.reply")]
    recording: PathBuf,
    /// A server to ask, as HOST:PORT.
    #[arg(long)]
    server: Option<String>,
    /// Where to write the table.
    #[arg(long, default_value = "src/table/generated.rs")]
    table: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { recording, server, table } = Options::parse();
    if let Some(server) = server {
        fs::write(&recording, ask(&server)?)?;
    }
    let bytes = fs::read(&recording)?;
    let frame = zresp::decode(&bytes)?.ok_or("the recorded answer is cut short")?;
    let name = recording.file_stem().unwrap_or_default().to_string_lossy();
    fs::write(&table, source::of(frame.reply(), &name)?)?;
    Ok(())
}

/// Returns the server's answer to `COMMAND`.
fn ask(server: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"*1\r\n$7\r\nCOMMAND\r\n")?;
    let mut decoder = zresp::Decoder::new();
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 16 * 1024];
        let size = stream.read(&mut chunk)?;
        if size == 0 {
            return Err("the server closed the connection".into());
        }
        answer.extend_from_slice(&chunk[..size]);
        if decoder.decode(&answer)?.is_some() {
            return Ok(answer);
        }
    }
}
