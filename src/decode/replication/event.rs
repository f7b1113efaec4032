//! What a synchronisation consists of: [`Event`].

use core::fmt;

use crate::escape;

use super::ID;
use super::state::SyncLine;

/// A step of a synchronisation.
///
/// The first event says which answer the primary has given. It decides which events follow; see the
/// [module](crate::replication).
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// `+FULLRESYNC`: a payload follows, then commands.
    FullResync {
        /// The primary's replication id: 40 hexadecimal digits.
        id: &'a [u8; 40],
        /// The replication offset before the first command, in bytes. To continue after `n` bytes
        /// of commands, send `PSYNC` with `offset + n + 1`.
        offset: u64,
    },
    /// `+CONTINUE`: commands follow, without a payload.
    Continue {
        /// The primary's new replication id, if it sent one.
        id: Option<&'a [u8; 40]>,
    },
    /// `+DUALCHANNELSYNC`, from Valkey 8 on: a full synchronisation over two connections.
    ///
    /// The answer ends here, and the decoder expects the answer to another `PSYNC`. Send `SYNC` over a
    /// second connection. Its answer begins with [`EndOffset`](Self::EndOffset), and what it says is
    /// needed to send `PSYNC` over this connection again.
    #[doc(alias = "dual-channel")]
    DualChannelSync,
    /// `+RDBCHANNELSYNC`, from Redis 8 on: a full synchronisation over two connections.
    ///
    /// Commands follow on this connection. `PSYNC` over a second connection, which names this client
    /// id in a `REPLCONF`, is answered with `+FULLRESYNC` and the payload.
    #[doc(alias = "repl-rdb-channel")]
    RdbChannelSync {
        /// The primary's number for the client of this connection.
        client_id: u64,
    },
    /// `$ENDOFF:`, from Valkey 8 on, over the second connection of a full synchronisation: a payload
    /// follows.
    ///
    /// The commands after the snapshot come over the first connection: send `REPLCONF
    /// set-rdb-client-id` with the client id there, then `PSYNC` with the replication id and
    /// `offset + 1`.
    EndOffset {
        /// The replication offset at which the snapshot ends, in bytes.
        offset: u64,
        /// The primary's replication id: 40 hexadecimal digits.
        id: &'a [u8; 40],
        /// The number of the database that is selected at that offset; `None` (`-1`) if the commands
        /// select one first.
        database: Option<u64>,
        /// The primary's number for the client of the second connection.
        client_id: u64,
    },
    /// The header of the payload has been read.
    PayloadStart {
        /// The length of the payload in bytes; `None` if a mark ends it.
        len: Option<u64>,
    },
    /// The next bytes of the payload, never empty.
    ///
    /// They are not always the bytes that this call has taken. Bytes that may be the beginning of
    /// the mark are held back, and are returned by a later call if they turn out to be payload.
    #[doc(alias = "rdb")]
    #[doc(alias = "snapshot")]
    Payload(&'a [u8]),
    /// The payload is complete.
    PayloadEnd,
    /// The commands begin, after the bytes taken so far. Each further call returns this event
    /// again.
    ///
    /// Between commands there may be bare LF bytes, which keep the connection alive. A
    /// [`CommandDecoder`](crate::CommandDecoder) skips them; a [`Decoder`](crate::Decoder) refuses
    /// them.
    Commands,
    /// The next bytes of an error message, never empty. It begins after the `-`, with a code such as
    /// `ERR`, `LOADING` or `NOMASTERLINK`.
    Refusal(&'a [u8]),
    /// The error message is complete. The primary has refused: no payload and no commands follow.
    ///
    /// The answer ends here, and the decoder expects the answer to another `PSYNC` or `SYNC`. A
    /// primary that refuses in place of the payload closes the connection.
    RefusalEnd,
}

/// An [`Event`] that does not borrow from the chunk or the decoder, so that the decoder can still be
/// changed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happened {
    Line(SyncLine),
    /// The bytes that were taken are payload.
    Payload,
    /// This many bytes that were held back are payload. They equal the first bytes of the mark.
    Held(usize),
    PayloadEnd,
    Commands,
    /// The bytes that were taken are part of an error message.
    Refusal,
}

impl Happened {
    pub(super) fn event<'a>(self, mark: &'a [u8; ID], taken: &'a [u8]) -> Event<'a> {
        match self {
            Self::Line(line) => line.event(mark),
            Self::Payload => Event::Payload(taken),
            Self::Held(length) => Event::Payload(mark.get(..length).unwrap_or_default()),
            Self::PayloadEnd => Event::PayloadEnd,
            Self::Commands => Event::Commands,
            Self::Refusal => Event::Refusal(taken),
        }
    }
}

impl SyncLine {
    const fn event(self, id: &[u8; ID]) -> Event<'_> {
        match self {
            Self::Full { offset } => Event::FullResync { id, offset },
            Self::Continue { has_id: true } => Event::Continue { id: Some(id) },
            Self::Continue { has_id: false } => Event::Continue { id: None },
            Self::DualChannel => Event::DualChannelSync,
            Self::RdbChannel { client_id } => Event::RdbChannelSync { client_id },
            Self::EndOffset { offset, database, client_id } => {
                Event::EndOffset { offset, id, database, client_id }
            }
            Self::Length(len) => Event::PayloadStart { len: Some(len) },
            Self::Mark => Event::PayloadStart { len: None },
            Self::Refusal => Event::RefusalEnd,
        }
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullResync { id, offset } => {
                write!(f, "FullResync {{ id: {}, offset: {offset} }}", id.escape_ascii())
            }
            Self::Continue { id: Some(id) } => {
                write!(f, "Continue {{ id: {} }}", id.escape_ascii())
            }
            Self::Continue { id: None } => f.write_str("Continue"),
            Self::DualChannelSync => f.write_str("DualChannelSync"),
            Self::RdbChannelSync { client_id } => {
                f.debug_struct("RdbChannelSync").field("client_id", client_id).finish()
            }
            Self::EndOffset { offset, id, database, client_id } => write!(
                f,
                "EndOffset {{ offset: {offset}, id: {}, database: {database:?}, client_id: {client_id} }}",
                id.escape_ascii()
            ),
            Self::PayloadStart { len } => f.debug_struct("PayloadStart").field("len", len).finish(),
            Self::Payload(bytes) => write!(f, "Payload({} bytes)", bytes.len()),
            Self::PayloadEnd => f.write_str("PayloadEnd"),
            Self::Commands => f.write_str("Commands"),
            Self::Refusal(text) => {
                f.write_str("Refusal(")?;
                escape::bytes(text, f)?;
                f.write_str(")")
            }
            Self::RefusalEnd => f.write_str("RefusalEnd"),
        }
    }
}
