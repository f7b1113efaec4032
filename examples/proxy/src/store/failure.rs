//! Error replies, in the words of Redis.

use std::borrow::Cow;

use zresp::Reply;

#[derive(Debug)]
pub(super) enum Failure {
    /// An error with this text, which may have bytes that a client has sent.
    Text(Cow<'static, [u8]>),
    /// There is no such command.
    Unknown,
}

/// What a command comes to.
pub(super) type Answer = Result<Reply, Failure>;

pub(super) const INTEGER: Failure = Failure::of("ERR value is not an integer or out of range");
pub(super) const NO_KEY: Failure = Failure::of("ERR no such key");
pub(super) const OVERFLOW: Failure = Failure::of("ERR increment or decrement would overflow");
pub(super) const SYNTAX: Failure = Failure::of("ERR syntax error");
pub(super) const TOO_LONG: Failure =
    Failure::of("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
pub(super) const WRONG_TYPE: Failure =
    Failure::of("WRONGTYPE Operation against a key holding the wrong kind of value");

impl Failure {
    pub(super) const fn of(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    pub(super) fn arity(command: &str) -> Self {
        format!("ERR wrong number of arguments for '{command}' command").into_bytes().into()
    }

    pub(super) fn expiry(command: &str) -> Self {
        format!("ERR invalid expire time in '{command}' command").into_bytes().into()
    }
}

impl From<Vec<u8>> for Failure {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(text.into())
    }
}
