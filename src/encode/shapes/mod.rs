//! Replies whose form differs between the protocols: [`ReplyShape`] is what a command says about its reply, and
//! [`Shaped`] a reply with its shape.

mod form;
mod level;
mod source;
mod table;
mod translator;
mod undecided;

use core::fmt;

use crate::command::Command;
use crate::escape::First;
use crate::sink::{ByteCount, Sink};

use super::sealed::{Tokenize, Writable};
use super::{Encode, EncodeError, Protocol};
use form::{Body, Form};

pub(super) use translator::Translator;

/// What a command says about the form of its reply in the two protocols.
///
/// Some replies differ by more than the kinds of their values. In RESP3, the reply to `ZRANGE` with `WITHSCORES` is an
/// array of pairs, in RESP2 a flat array; and the null of `BLPOP` is `*-1` in RESP2, but that of `GET` is `$-1`. Only
/// the command and its arguments tell. A shape is made from the command when it is sent, and used when the reply comes:
/// by [`Shaped`] for a whole reply, and by [`Downgrader::expect`](super::Downgrader::expect) for one that is arriving.
/// It has the size of a pointer, and is made without an allocation.
///
/// The table covers the commands of Redis up to 8.6 and Valkey up to 9.1, the newest servers that were at hand. The live
/// tests compare the replies to all of
/// them, in both directions. Commands that are not in it have the shape [`UNKNOWN`](Self::UNKNOWN).
///
/// ```
/// use zresp::encode::{ReplyShape, Shaped};
/// use zresp::{Encode, Protocol};
///
/// let request = zresp::requests(b"ZRANGE key 0 -1 WITHSCORES\r\n").next().expect("one")?;
/// let shape = ReplyShape::of(request.command());
///
/// let frame = zresp::decode(b"*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n")?.expect("a whole frame");
/// let resp2 = Shaped::new(frame, shape).to_wire(Protocol::Resp2)?;
/// assert_eq!(resp2, b"*2\r\n$1\r\na\r\n$3\r\n1.5\r\n".as_slice());
///
/// let frame = zresp::decode(&resp2)?.expect("a whole frame");
/// assert_eq!(
///     Shaped::new(frame, shape).to_wire(Protocol::Resp3)?,
///     b"*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n".as_slice(),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[doc(alias = "resp2")]
pub struct ReplyShape(&'static Form);

impl ReplyShape {
    /// The shape of a reply that differs only by the kinds of its values: see the table of [`Encode`].
    pub const UNKNOWN: Self = Self(&form::ANY);

    /// The shape of a push that is not the reply to a command.
    ///
    /// In RESP2, an invalidation is a message of the channel `__redis__:invalidate`.
    pub const PUSH: Self = Self(&form::PUSH);

    pub(super) const EXEC: Self = Self(&form::EXEC);

    /// Returns the shape of the reply to a command.
    ///
    /// It holds for the errors too with which a server answers a command, and for the `QUEUED` of a transaction.
    #[must_use]
    pub fn of<'a>(command: impl Into<Command<'a>>) -> Self {
        match command.into() {
            Command::Array(command) => Self::of_words(command.args()),
            Command::Inline(line) => Self::of_words(line.args()),
        }
    }

    /// Returns the shape of the reply to the command that has this name and these arguments.
    ///
    /// ```
    /// use zresp::encode::ReplyShape;
    ///
    /// let shape = ReplyShape::of_words(["blpop", "queue", "10"]);
    /// assert!(shape.is_translatable());
    /// assert!(!ReplyShape::of_words(["FT.SEARCH", "index", "hello"]).is_translatable());
    /// ```
    #[must_use]
    pub fn of_words<W: AsRef<[u8]>>(words: impl IntoIterator<Item = W, IntoIter: Clone>) -> Self {
        Self(table::find(words.into_iter()))
    }

    /// Returns the shape of the reply to a command of a client that is subscribed to a channel.
    ///
    /// In RESP2, such a client gets an array as the reply to `PING`.
    #[must_use]
    pub fn of_subscribed<'a>(command: impl Into<Command<'a>>) -> Self {
        let command = command.into();
        let has_argument = match command {
            Command::Array(command) => command.args().nth(1).is_some(),
            Command::Inline(line) => line.args().nth(1).is_some(),
        };
        match (command.is("PING"), has_argument) {
            (false, _) => Self::of(command),
            (true, false) => Self(&form::PONG),
            (true, true) => Self(&form::PONG_WITH),
        }
    }

    /// Returns whether a reply to the command can be translated.
    ///
    /// If not, what the server answers depends on the protocol of the connection: other values, other units or another
    /// meaning. This is so for the commands of a few modules: all that begin with `FT.`, most that begin with `JSON.`,
    /// and some that begin with `TS.`. A proxy must send these on a connection in the client's protocol. Errors and
    /// simple strings, such as `QUEUED`, can be translated all the same.
    #[must_use]
    pub const fn is_translatable(self) -> bool {
        !matches!(self.0.body, Body::Untranslatable)
    }

    /// Whether the plain downgrade to RESP2 is right for the reply.
    pub(super) const fn is_plain_in_resp2(self) -> bool {
        self.0.is_plain
    }

    /// Whether every reply can be translated to RESP2.
    const fn fits_every_reply(self) -> bool {
        use Body::{Exec, KeyedRows, Rows, Untranslatable};
        !matches!(self.0.body, Exec | KeyedRows(_) | Rows(_) | Untranslatable)
    }

    const fn form(self) -> &'static Form {
        self.0
    }
}

impl fmt::Debug for ReplyShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyShape")
            .field("is_translatable", &self.is_translatable())
            .finish_non_exhaustive()
    }
}

/// A reply with the shape that its command gives it, to be written in the other protocol.
///
/// Written with [`Encode`], it becomes byte for byte what the server would have sent in that protocol: in RESP2 a reply
/// that came in RESP3, and in RESP3 a reply that came in RESP2. If it already has the form of the protocol, it stays as
/// it is. In RESP3, attributes are kept, and nulls of RESP2 become `_`.
///
/// The reply must be whole. While a reply arrives, only RESP3 can be turned into RESP2, by
/// [`Downgrader`](super::Downgrader).
///
/// Some replies cannot be made equal:
/// - `HELLO` says which protocol the connection speaks.
/// - RESP2 does not say which null a script returned, or which kind of number or list: the reply to `EVAL` and `FCALL`
///   becomes RESP2 exactly, but RESP3 only with the kinds that RESP2 has.
/// - `VSIM` with scores answers with an empty map in RESP3 if a filter leaves nothing, but with an empty array if the key
///   is missing. RESP2 has an empty array for both, and so has its translation to RESP3.
/// - Redis lists no subcommands in `COMMAND` as an empty set, Valkey 9 as an empty array. In RESP3 it becomes an array.
///
/// # Errors
/// [`EncodeError::UnexpectedShape`] if an aggregate has to be rewritten and does not fit the command, and [`EncodeError::CannotTranslate`] if it
/// [is not translatable](ReplyShape::is_translatable). Nothing is written then.
///
/// Other replies are not checked against the command: an integer as the reply to `HGETALL` is written as it is. So this
/// does not detect replies that are matched with the wrong commands.
#[derive(Clone, Copy)]
pub struct Shaped<'q, T> {
    reply: T,
    shape: ReplyShape,
    queued: &'q [ReplyShape],
}

impl<T> Shaped<'static, T> {
    /// Returns a reply with a shape. `reply` may be a view, a frame, a tree, or a reference to one.
    #[must_use]
    pub const fn new(reply: T, shape: ReplyShape) -> Self {
        Self { reply, shape, queued: &[] }
    }
}

impl<'q, T> Shaped<'q, T> {
    /// Returns the reply to `EXEC` with the shapes of the commands that were queued, in order.
    ///
    /// ```
    /// use zresp::encode::{ReplyShape, Shaped};
    /// use zresp::{Encode, Protocol};
    ///
    /// let queued = [ReplyShape::of_words(["GET", "a"]), ReplyShape::of_words(["LPOP", "b", "2"])];
    /// let frame = zresp::decode(b"*2\r\n_\r\n_\r\n")?.expect("a whole frame");
    /// let resp2 = Shaped::exec(frame, &queued).to_wire(Protocol::Resp2)?;
    /// assert_eq!(resp2, b"*2\r\n$-1\r\n*-1\r\n".as_slice());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn exec(reply: T, queued: &'q [ReplyShape]) -> Self {
        Self { reply, shape: ReplyShape::EXEC, queued }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shaped<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shaped")
            .field("reply", &self.reply)
            .field("shape", &self.shape)
            .field("queued", &First(self.queued))
            .finish()
    }
}

impl<T: Tokenize> Shaped<'_, T> {
    /// Whether the shape makes no difference.
    fn is_plain(&self, protocol: Protocol) -> bool {
        protocol == Protocol::Resp2 && self.shape.is_plain_in_resp2()
    }

    fn translate(&self, protocol: Protocol, sink: &mut impl Sink) -> Result<(), EncodeError> {
        let mut translator = Translator::new(protocol, self.shape, self.queued);
        source::translate(&self.reply, protocol, &mut translator, sink)
    }
}

impl<T: Tokenize> Encode for Shaped<'_, T> {}

impl<T: Tokenize> Writable<Protocol> for Shaped<'_, T> {
    fn check(&self, protocol: Protocol) -> Result<(), EncodeError> {
        self.reply.check(protocol)?;
        if protocol == Protocol::Resp2 && self.shape.fits_every_reply() {
            return Ok(());
        }
        self.translate(protocol, &mut ByteCount::default())
    }

    fn write(&self, protocol: Protocol, sink: &mut impl Sink) {
        if self.is_plain(protocol) {
            return self.reply.write(protocol, sink);
        }
        // `check` has returned any error.
        _ = self.translate(protocol, sink);
    }
}
