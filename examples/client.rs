//! Sends commands to a server through `tokio_util::codec::Framed`, and prints the replies.
//!
//! ```text
//! cargo run --features codec --example client                    # connects to 127.0.0.1:6379
//! cargo run --features codec --example client -- example.org:6380
//! ```

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;
use zresp::codec::ReplyCodec;
use zresp::{CommandBuf, Frame};

/// How long the server may take to accept a connection, or to reply.
const TIMEOUT: Duration = Duration::from_secs(5);

type Connection = Framed<TcpStream, ReplyCodec>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let mut connection = match connect(&address).await {
        Ok(connection) => connection,
        Err(error) => {
            eprintln!("cannot connect to {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match talk(&mut connection).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn connect(address: &str) -> io::Result<Connection> {
    let stream = timeout(TIMEOUT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(Framed::new(stream, ReplyCodec::new()))
}

async fn talk(connection: &mut Connection) -> io::Result<()> {
    ask(connection, &[CommandBuf::new("HELLO").arg(3)]).await?;
    // A pipeline: the second command is sent before the reply to the first arrives.
    let set = CommandBuf::new("SET").arg("zresp:example").arg("a\r\nvalue").arg("EX").arg(60);
    let get = CommandBuf::new("GET").arg("zresp:example");
    ask(connection, &[set, get]).await
}

/// Sends the commands in one write, and prints the reply to each.
async fn ask(connection: &mut Connection, commands: &[CommandBuf]) -> io::Result<()> {
    for command in commands {
        connection.feed(command).await?;
    }
    SinkExt::<&CommandBuf>::flush(connection).await?;
    for command in commands {
        println!("{command:?}\n    {:?}", next_reply(connection).await?);
    }
    Ok(())
}

async fn next_reply(connection: &mut Connection) -> io::Result<Frame> {
    match timeout(TIMEOUT, connection.next()).await? {
        Some(frame) => Ok(frame?),
        None => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
    }
}
