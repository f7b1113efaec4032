//! Makes `src/table/generated.rs` from `commands.txt`, which has a line for each command.
//!
//! ```sh
//! cargo run -p zresp-command-table                                  # from the text alone
//! cargo run -p zresp-command-table -- 127.0.0.1:6379 127.0.0.1:6380 # first adds what these servers say
//! ```
//!
//! Lines of commands that no free server knows are written by hand. The line of a command that is there already keeps
//! its tips and the places of its keys; a server that has others is reported.

mod merge;
mod source;
mod text;

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use clap::Parser;
use zresp::commands::CommandTable;

/// Makes the command table of zresp from a text, and from the answers of servers to COMMAND.
#[derive(Parser)]
struct Options {
    /// Servers to ask first, as HOST:PORT.
    servers: Vec<String>,
    /// The text.
    #[arg(long, default_value = "tools/command-table/commands.txt")]
    text: PathBuf,
    /// Where to write the table.
    #[arg(long, default_value = "src/table/generated.rs")]
    table: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { servers, text, table } = Options::parse();
    let mut commands = text::parse(&fs::read_to_string(&text)?)?;
    for server in servers {
        let answer = ask(&server).map_err(|error| format!("{server}: {error}"))?;
        let frame = zresp::decode(&answer)?.ok_or("the answer is cut short")?;
        for info in CommandTable::from_reply(frame.reply())?.commands() {
            if let Some(difference) = merge::add(&mut commands, info) {
                eprintln!("{server}: {difference}");
            }
        }
    }
    fs::write(&text, text::print(&commands))?;
    fs::write(&table, source::print(&commands))?;
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
