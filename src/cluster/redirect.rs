//! Errors that name another node.

use core::fmt;

use crate::endpoint::{Endpoint, decimal};

use super::SLOTS;

/// A redirection: an error that names the node to ask instead.
///
/// ```
/// use zresp::cluster::{Redirect, RedirectKind};
///
/// let redirect = Redirect::parse(b"MOVED 3999 127.0.0.1:6381").expect("a redirection");
/// assert_eq!(redirect.kind, RedirectKind::Moved { slot: 3999 });
/// assert_eq!((redirect.endpoint.host, redirect.endpoint.port), (Some("127.0.0.1"), 6381));
/// assert!(Redirect::parse(b"ERR no such key").is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "MOVED")]
#[doc(alias = "ASK")]
#[doc(alias = "REDIRECT")]
#[non_exhaustive]
pub struct Redirect<'a> {
    /// What to send to the other node.
    pub kind: RedirectKind,
    /// The other node. A host of `None` means the host that sent the redirection.
    pub endpoint: Endpoint<'a>,
}

/// The kinds of redirection. A slot is below [`SLOTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedirectKind {
    /// `MOVED`: the slot belongs to that node now. Send all commands for it there.
    Moved {
        /// The slot of the command's keys.
        slot: u16,
    },
    /// `ASK`: the slot is moving. Send `ASKING` and this one command to that node.
    Ask {
        /// The slot of the command's keys.
        slot: u16,
    },
    /// `REDIRECT`: the sender is a replica, outside a cluster, and that node is its primary. Send all commands there.
    ///
    /// Valkey sends this to clients that have sent `CLIENT CAPA redirect`.
    Primary,
}

impl<'a> Redirect<'a> {
    /// Returns the redirection in the message of an error reply, or `None` if it is another error or malformed.
    #[must_use]
    pub fn parse(error: &'a [u8]) -> Option<Self> {
        let mut words = core::str::from_utf8(error).ok()?.split(' ');
        let name = words.next()?;
        let mut slot = || decimal(words.next()?).filter(|slot| *slot < SLOTS);
        let kind = match name {
            "MOVED" => RedirectKind::Moved { slot: slot()? },
            "ASK" => RedirectKind::Ask { slot: slot()? },
            "REDIRECT" => RedirectKind::Primary,
            _ => return None,
        };
        Some(Self { kind, endpoint: Endpoint::parse(words.next()?)? })
    }
}

impl fmt::Display for Redirect<'_> {
    /// Writes the error message, as a server does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, endpoint } = self;
        match kind {
            RedirectKind::Moved { slot } => write!(f, "MOVED {slot} {endpoint}"),
            RedirectKind::Ask { slot } => write!(f, "ASK {slot} {endpoint}"),
            RedirectKind::Primary => write!(f, "REDIRECT {endpoint}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_have_all_kinds_of_hosts() {
        let (moved, ask) = (|slot| RedirectKind::Moved { slot }, |slot| RedirectKind::Ask { slot });
        for (text, kind, host, port) in [
            ("MOVED 3999 127.0.0.1:6381", moved(3999), Some("127.0.0.1"), 6381),
            ("MOVED 0 ::1:7000", moved(0), Some("::1"), 7000),
            ("MOVED 16383 [2001:db8::1]:6379", moved(16_383), Some("2001:db8::1"), 6379),
            ("ASK 866 node-1.example.com:6379", ask(866), Some("node-1.example.com"), 6379),
            ("ASK 866 :6379", ask(866), None, 6379),
            ("MOVED 12182 ?:44551", moved(12_182), None, 44_551),
            ("REDIRECT 10.0.0.7:6379", RedirectKind::Primary, Some("10.0.0.7"), 6379),
            ("REDIRECT fe80::1:65535", RedirectKind::Primary, Some("fe80::1"), 65_535),
            ("REDIRECT :1", RedirectKind::Primary, None, 1),
        ] {
            let redirect = Redirect::parse(text.as_bytes()).unwrap();
            let Redirect { kind: found, endpoint } = redirect;
            assert_eq!((found, endpoint.host, endpoint.port), (kind, host, port), "{text}");
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
            "MOVED 1 a:-1",
            "MOVED -1 a:1",
            "MOVED a:1",
            "moved 1 a:1",
            "MOVEDX 1 a:1",
            "MOVED  1 a:1",
            "MOVED 1 [[a]]]:8",
            "MOVED 1 [a:8",
            "MOVED 1 a\r\n+OK:1",
            "MOVED 1 a\tb:1",
            "MOVED 1 a\u{a0}b:1",
            "MOVED 1 \0:1",
            "REDIRECT",
            "REDIRECT a",
            "REDIRECT 1 a:1",
            "REDIRECT a:0",
            "REDIRECT a:65536",
            "ERR x",
            "MOVED 1 \u{ff}",
        ] {
            assert_eq!(Redirect::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Redirect::parse(b"MOVED 1 \xff:1"), None);
        let with_host = |length| format!("MOVED 1 {}:1", "a".repeat(length));
        assert!(Redirect::parse(with_host(255).as_bytes()).is_some());
        assert!(Redirect::parse(with_host(256).as_bytes()).is_none());
    }
}
