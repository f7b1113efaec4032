//! A table by client: commands, bytes and errors.

use std::collections::HashMap;
use std::io::{self, Write};

use indicatif::HumanCount;

use crate::safe;
use crate::table::Table;

/// How many clients are shown.
const SHOWN: usize = 10;
/// How many are counted. A capture may have any number.
const MOST: usize = 64 * 1024;
/// The longest name, in bytes; longer ones are cut. A text of `MONITOR` may have any.
const NAME: usize = 128;
/// The name that stands for all others.
const OTHERS: &str = "(others)";

/// Counts by the address of the client.
#[derive(Debug, Default)]
pub(crate) struct Clients(HashMap<String, Client>);

/// What is counted for a client.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) commands: u64,
    /// The bytes of its commands and of the replies.
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
}

impl Clients {
    /// Adds what was counted for a connection: `client > server`, or only the client.
    pub(crate) fn add(&mut self, connection: &str, more: Client) {
        let name = connection.split_once(" > ").map_or(connection, |(client, _)| client);
        let end = (0..=NAME.min(name.len()))
            .rev()
            .find(|end| name.is_char_boundary(*end))
            .unwrap_or_default();
        let name = name.get(..end).unwrap_or_default();
        let name = if self.0.len() < MOST || self.0.contains_key(name) { name } else { OTHERS };
        if let Some(client) = self.0.get_mut(name) {
            client.commands += more.commands;
            client.bytes += more.bytes;
            client.errors += more.errors;
        } else {
            self.0.insert(name.to_owned(), more);
        }
    }

    /// Writes those with most bytes.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut clients: Vec<_> = self.0.iter().collect();
        clients.sort_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(b.0)));
        let title = match clients.len() {
            ..=SHOWN => "clients".to_owned(),
            count => format!("clients ({SHOWN} of {})", HumanCount(count as u64)),
        };
        let heading = [&title, "commands", "bytes", "errors"].map(str::to_owned);
        let row = |(name, client): (&String, &Client)| {
            let counts = [client.commands, client.bytes, client.errors];
            let counts = counts.map(|count| HumanCount(count).to_string());
            [vec![safe::line(name)], counts.to_vec()].concat()
        };
        let rows = clients.into_iter().take(SHOWN).map(row);
        Table([heading.to_vec()].into_iter().chain(rows).collect()).write(out, "")
    }
}
