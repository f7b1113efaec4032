//! Redis Cluster, for clients and proxies: the slots of keys, and redirections.
//!
//! Available with the feature `cluster`.

use core::fmt;

use crate::crc16::{self, Block};

/// The number of slots in a cluster.
pub const SLOTS: u16 = 16_384;

/// Returns the slot of a key: the CRC-16 (XMODEM) of its [hash tag](hash_tag), modulo [`SLOTS`].
///
/// ```
/// use zresp::cluster::key_slot;
///
/// assert_eq!(key_slot(b"foo"), 12_182);
/// assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"{user1000}.followers"));
/// ```
#[doc(alias = "crc16")]
#[doc(alias = "hash slot")]
#[doc(alias = "keyslot")]
#[must_use]
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    let short = Block::new(key).filter(|block| !block.has_brace());
    short.map_or_else(|| crc16::of(hash_tag(key)), Block::checksum) % SLOTS
}

/// Returns the part of a key that decides its slot: the text between the first `{` and the next `}`.
///
/// Returns the whole key if it has no such text, or if the text is empty.
#[must_use]
#[inline]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    // Few keys contain a brace. As the loop has no early exit, it is compiled to steps of sixteen bytes.
    let braces = key.iter().fold(0, |braces, byte| braces | u8::from(*byte == b'{'));
    if braces == 0 {
        return key;
    }
    let tag = memchr::memchr(b'{', key).and_then(|open| {
        let after = key.get(open + 1..)?;
        after.get(..memchr::memchr(b'}', after)?)
    });
    tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
}

/// A redirection: the node that a cluster names for a slot.
///
/// ```
/// use zresp::cluster::{Redirect, RedirectKind};
///
/// let redirect = Redirect::parse(b"MOVED 3999 127.0.0.1:6381").expect("a redirection");
/// assert_eq!(redirect.kind, RedirectKind::Moved);
/// assert_eq!((redirect.slot, redirect.host, redirect.port), (3999, Some("127.0.0.1"), 6381));
/// assert!(Redirect::parse(b"ERR no such key").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "MOVED")]
#[doc(alias = "ASK")]
#[non_exhaustive]
pub struct Redirect<'a> {
    /// Whether the slot has moved, or is moving.
    pub kind: RedirectKind,
    /// The slot, below [`SLOTS`].
    pub slot: u16,
    /// An IPv4 address, an IPv6 address without brackets, or a host name. `None` means the host that sent the
    /// redirection.
    ///
    /// A server that is set to announce its host name, but has none, sends `?`; this is then `Some("?")`.
    pub host: Option<&'a str>,
    /// The port.
    pub port: u16,
}

/// The kinds of redirection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RedirectKind {
    /// `MOVED`: the slot belongs to that node now. Send all commands for it there.
    Moved,
    /// `ASK`: send `ASKING` and this one command to that node.
    Ask,
}

impl<'a> Redirect<'a> {
    /// Returns the redirection in the message of an error reply, or `None` if it is another error or malformed.
    #[must_use]
    pub fn parse(error: &'a [u8]) -> Option<Self> {
        let mut words = core::str::from_utf8(error).ok()?.split(' ');
        let kind = match words.next()? {
            "MOVED" => RedirectKind::Moved,
            "ASK" => RedirectKind::Ask,
            _ => return None,
        };
        let slot = number(words.next()?).filter(|slot| *slot < SLOTS)?;
        // An IPv6 address also contains colons: the port follows the last one.
        let (host, port) = words.next()?.rsplit_once(':')?;
        let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = unbracketed.unwrap_or(host);
        let is_forbidden =
            |char: char| matches!(char, '[' | ']') || char.is_control() || char.is_whitespace();
        if host.contains(is_forbidden) {
            return None;
        }
        let host = (!host.is_empty()).then_some(host);
        Some(Self { kind, slot, host, port: number(port).filter(|port| *port > 0)? })
    }
}

impl fmt::Display for Redirect<'_> {
    /// Writes the error message, as a server does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, slot, host, port } = self;
        let kind = match kind {
            RedirectKind::Moved => "MOVED",
            RedirectKind::Ask => "ASK",
        };
        write!(f, "{kind} {slot} {}:{port}", host.unwrap_or_default())
    }
}

/// Returns the number, if the text consists of digits only.
fn number(digits: &str) -> Option<u16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_have_all_kinds_of_hosts() {
        for (text, host, port) in [
            ("MOVED 3999 127.0.0.1:6381", Some("127.0.0.1"), 6381),
            ("MOVED 0 ::1:7000", Some("::1"), 7000),
            ("MOVED 16383 [2001:db8::1]:6379", Some("2001:db8::1"), 6379),
            ("ASK 866 node-1.example.com:6379", Some("node-1.example.com"), 6379),
            ("ASK 866 :6379", None, 6379),
        ] {
            let redirect = Redirect::parse(text.as_bytes()).unwrap();
            assert_eq!((redirect.host, redirect.port), (host, port), "{text}");
            assert_eq!(Redirect::parse(format!("{redirect}").as_bytes()), Some(redirect));
        }
    }

    #[test]
    fn other_texts_are_not_redirections() {
        for text in [
            "",
            "MOVED",
            "MOVED 1",
            "MOVED x a:1",
            "MOVED 16384 a:1",
            "MOVED 1 a",
            "MOVED 1 a:",
            "MOVED 1 a:0",
            "MOVED 1 a:65536",
            "MOVED 1 a:+1",
            "MOVED -1 a:1",
            "moved 1 a:1",
            "MOVEDX 1 a:1",
            "MOVED  1 a:1",
            "MOVED 1 [[a]]]:8",
            "MOVED 1 [a:8",
            "MOVED 1 a\r\n+OK:1",
            "MOVED 1 a\tb:1",
            "MOVED 1 a\u{a0}b:1",
            "MOVED 1 \0:1",
            "ERR x",
            "MOVED 1 \u{ff}",
        ] {
            assert_eq!(Redirect::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Redirect::parse(b"MOVED 1 \xff:1"), None);
    }

    #[test]
    fn a_hash_tag_is_the_first_one_and_not_empty() {
        for (key, tag) in [
            ("foo", "foo"),
            ("", ""),
            ("{a}b", "a"),
            ("x{a}b{c}", "a"),
            ("{}a", "{}a"),
            ("a{}b{c}", "a{}b{c}"),
            ("{{a}}", "{a"),
            ("a{b", "a{b"),
            ("a}b{c}", "c"),
            ("{", "{"),
            ("}{", "}{"),
        ] {
            assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }
}
