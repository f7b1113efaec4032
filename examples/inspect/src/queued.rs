//! Which commands wait for `EXEC`, by connection.

use std::collections::HashMap;

use zresp::{Decoded, Kind, ReplyRef, Token};

/// How many commands of all connections are remembered. Those of transactions that never end are forgotten then.
const MOST: usize = 1024 * 1024;

/// The commands that were queued, each by a number of the caller.
#[derive(Debug, Default)]
pub(crate) struct Queued {
    numbers: HashMap<String, Vec<usize>>,
    count: usize,
}

impl Queued {
    /// Takes note of a command that was queued.
    pub(crate) fn queue(&mut self, connection: &str, number: usize) {
        if self.count >= MOST {
            *self = Self::default();
        }
        self.count += 1;
        match self.numbers.get_mut(connection) {
            Some(numbers) => numbers.push(number),
            None => _ = self.numbers.insert(connection.to_owned(), vec![number]),
        }
    }

    /// Ends the transaction of a connection, and returns its commands.
    pub(crate) fn end(&mut self, connection: &str) -> Vec<usize> {
        let numbers = self.numbers.remove(connection).unwrap_or_default();
        self.count -= numbers.len();
        numbers
    }
}

/// Calls a function for each error in a reply, with the number of the command that failed: `exec` for the reply itself, and
/// that of the queued command for an error in one of its elements. If not all of the commands are known, all are `exec`.
pub(crate) fn each_error(
    reply: &Decoded<'_>,
    queued: &[usize],
    exec: usize,
    mut take: impl FnMut(usize),
) {
    let is_known = matches!(reply.reply(), ReplyRef::Array(all) if all.len() == Some(queued.len()));
    // Values in attributes are not elements.
    let (mut attributes, mut depth, mut begun) = (0_usize, 0_usize, 0_usize);
    for token in reply.tokens() {
        match token {
            Token::Open { kind: Kind::Attribute, .. } => attributes += 1,
            Token::Close(Kind::Attribute) => attributes = attributes.saturating_sub(1),
            Token::Close(_) if attributes == 0 => depth = depth.saturating_sub(1),
            Token::Open { .. } if attributes == 0 => {
                begun += usize::from(depth == 1);
                depth += 1;
            }
            Token::Scalar(scalar) => {
                begun += usize::from(depth == 1 && attributes == 0);
                if matches!(scalar.kind(), Kind::Error | Kind::BulkError) {
                    let command = queued.get(begun.wrapping_sub(1)).filter(|_| is_known);
                    take(command.copied().unwrap_or(exec));
                }
            }
            _ => {}
        }
    }
}
