//! Runs a command: finds its function, and writes the reply.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use zresp::commands::{self, Categories, CommandInfo};
use zresp::{CommandRef, Protocol, Reply, ReplyWriter};

use crate::failure::{Answer, Failure};
use crate::keyspace::Keyspace;
use crate::{collections, keys, server, strings};

/// The state that all connections share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) keys: Keyspace,
    /// A line about each client, by its id.
    pub(crate) clients: BTreeMap<i64, String>,
    /// The id of the newest client.
    pub(crate) last_id: i64,
}

/// A command to run: its name and arguments, the data, and the client that sent it.
pub(crate) struct Call<'c> {
    /// The full name in lower case: `client|setname`.
    pub(crate) name: &'static str,
    /// The arguments after the full name.
    pub(crate) args: &'c [&'c [u8]],
    pub(crate) keys: &'c mut Keyspace,
    pub(crate) client: &'c mut Client,
    pub(crate) clients: &'c BTreeMap<i64, String>,
}

/// The state of one client.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) id: i64,
    pub(crate) name: Bytes,
    pub(crate) protocol: Protocol,
    /// Replies that have yet to be sent.
    pub(crate) out: BytesMut,
    /// Whether the connection ends after them.
    pub(crate) is_leaving: bool,
}

impl Client {
    /// Writes a reply, in the client's current protocol.
    pub(crate) fn reply(&mut self, reply: &Reply) {
        let mut writer = ReplyWriter::new(&mut self.out, self.protocol);
        let written = writer.value(reply).map(drop);
        debug_assert_eq!(written, Ok(()), "{reply:?}");
    }

    /// Writes an error. A line break in the text becomes a space, because it would end the reply.
    pub(crate) fn fail(&mut self, text: &[u8]) {
        self.reply(&Reply::error_lossy(text));
    }
}

/// Runs a command, and appends its reply to the client's output.
pub(crate) fn execute(command: &CommandRef<'_>, shared: &mut Shared, client: &mut Client) {
    let args = command.index();
    let answer = match commands::of(command) {
        None => Err(Failure::Unknown),
        Some(info) if !info.accepts(args.len()) => Err(Failure::arity(&info.name)),
        Some(info) => run(info, &args, shared, client),
    };
    match answer {
        Ok(reply) => client.reply(&reply),
        Err(Failure::Text(text)) => client.fail(&text),
        Err(Failure::Unknown) => client.fail(&unknown(&args)),
    }
}

/// Runs a command in the module for its category.
fn run(
    info: &'static CommandInfo,
    args: &[&[u8]],
    Shared { keys, clients, .. }: &mut Shared,
    client: &mut Client,
) -> Answer {
    let args = args.get(1 + usize::from(info.name.contains('|'))..).unwrap_or_default();
    let call = Call { name: &info.name, args, keys, client, clients };
    let is_in = |category| info.categories.contains(category);
    if is_in(Categories::STRING) {
        strings::run(call)
    } else if is_in(Categories::HASH) {
        collections::run_hash(call)
    } else if is_in(Categories::LIST) {
        collections::run_list(call)
    } else if is_in(Categories::SET) || is_in(Categories::SORTEDSET) {
        collections::run_set(call)
    } else if is_in(Categories::KEYSPACE) {
        keys::run(call)
    } else {
        server::run(call)
    }
}

/// How many bytes of a command an error quotes.
const QUOTED: usize = 128;

fn unknown(args: &[&[u8]]) -> Vec<u8> {
    let (name, rest) =
        args.split_first().map_or((b"".as_slice(), args), |(name, rest)| (name, rest));
    // Redis prints C strings, which end at a NUL.
    let quote = |text: &[u8], most| {
        let end = text.iter().take(most).position(|byte| *byte == 0).unwrap_or(most);
        [b"'", &text[..end.min(text.len())], b"'"].concat()
    };
    let is_container = commands::lookup(name).is_some_and(|info| info.is_container);
    if let ([subcommand, ..], true) = (rest, is_container) {
        let (quoted, name) = (quote(subcommand, QUOTED), name.to_ascii_uppercase());
        let text = [b"ERR unknown subcommand ", &*quoted, b". Try ", &name, b" HELP."];
        return text.concat();
    }
    let mut text = [b"ERR unknown command ", &*quote(name, QUOTED)].concat();
    text.extend_from_slice(b", with args beginning with: ");
    let mut room = QUOTED;
    for arg in rest {
        let quoted = quote(arg, room);
        text.extend([&*quoted, b" "].concat());
        room = room.saturating_sub(quoted.len() + 1);
        if room == 0 {
            break;
        }
    }
    text
}

/// Returns the arguments in pairs.
pub(crate) fn in_pairs<'a>(
    name: &str,
    args: &'a [&'a [u8]],
) -> Result<&'a [[&'a [u8]; 2]], Failure> {
    let (pairs, rest) = args.as_chunks();
    if rest.is_empty() { Ok(pairs) } else { Err(Failure::arity(name)) }
}
