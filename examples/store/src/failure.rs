//! Error replies, in the words of Redis.

use std::borrow::Cow;

use zresp::Reply;

#[derive(Debug)]
pub(crate) enum Failure {
    /// An error with this text, which may quote the client.
    Text(Cow<'static, [u8]>),
    /// The command does not exist.
    Unknown,
}

/// The result of a command.
pub(crate) type Answer = Result<Reply, Failure>;

pub(crate) const INTEGER: Failure = Failure::of("ERR value is not an integer or out of range");
pub(crate) const NO_KEY: Failure = Failure::of("ERR no such key");
pub(crate) const OVERFLOW: Failure = Failure::of("ERR increment or decrement would overflow");
pub(crate) const SYNTAX: Failure = Failure::of("ERR syntax error");
pub(crate) const TOO_LONG: Failure =
    Failure::of("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
pub(crate) const WRONG_TYPE: Failure =
    Failure::of("WRONGTYPE Operation against a key holding the wrong kind of value");

impl Failure {
    pub(crate) const fn of(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    pub(crate) fn arity(command: &str) -> Self {
        format!("ERR wrong number of arguments for '{command}' command").into_bytes().into()
    }

    pub(crate) fn expiry(command: &str) -> Self {
        format!("ERR invalid expire time in '{command}' command").into_bytes().into()
    }
}

impl From<Vec<u8>> for Failure {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text.into())
    }
}
