//! Where a node is: the `host:port` that servers write in redirections and notifications.

use core::fmt;

/// The longest host in bytes. A name of the DNS has at most 253, and servers keep at most 255.
const LONGEST_HOST: usize = 255;

/// A host and a port, from text such as `127.0.0.1:6379`.
///
/// To connect, use the two fields: `TcpStream::connect((host, port))` takes an IPv6 address as it is here. `Display` is
/// for messages and logs only. It writes the endpoint as servers do: an IPv6 address has no brackets, so that
/// [`SocketAddr`](core::net::SocketAddr) and many libraries do not read the text, and an unknown host is empty.
///
/// ```
/// use std::net::ToSocketAddrs;
/// # #[cfg(feature = "cluster")]
/// use zresp::cluster::Redirect;
///
/// # #[cfg(feature = "cluster")] {
/// let asked = "127.0.0.1"; // the host that sent the errors
/// for (error, address) in [
///     ("MOVED 1 2001:db8::3:6379", "[2001:db8::3]:6379"),
///     ("MOVED 1 ?:6379", "127.0.0.1:6379"),
/// ] {
///     let endpoint = Redirect::parse(error.as_bytes()).expect("a redirection").endpoint;
///     let host = endpoint.host.unwrap_or(asked);
///     let mut addresses = (host, endpoint.port).to_socket_addrs()?;
///     assert_eq!(addresses.next().map(|address| address.to_string()).as_deref(), Some(address));
/// }
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint<'a> {
    /// An IPv4 address, an IPv6 address without brackets, or a host name. `None` means the host that sent this:
    /// servers write an empty host or `?` then.
    pub host: Option<&'a str>,
    /// The port, above 0.
    pub port: u16,
}

impl<'a> Endpoint<'a> {
    /// Returns the endpoint, or `None` if the text is not one. An IPv6 address also contains colons: the port follows
    /// the last one.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let unbracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = unbracketed.unwrap_or(host);
        let port = decimal(port).filter(|port| *port > 0)?;
        is_host(host).then_some(Self { host: known(host), port })
    }
}

impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.unwrap_or_default(), self.port)
    }
}

/// Returns whether the text may be a host: it is short, and has no brackets, spaces or control characters.
pub(crate) fn is_host(text: &str) -> bool {
    let is_forbidden =
        |char: char| matches!(char, '[' | ']') || char.is_control() || char.is_whitespace();
    text.len() <= LONGEST_HOST && !text.contains(is_forbidden)
}

/// Returns the host, or `None` for the two texts that stand for an unknown one.
pub(crate) fn known(host: &str) -> Option<&str> {
    (!["", "?"].contains(&host)).then_some(host)
}

/// Returns the number, if the text consists of digits only.
pub(crate) fn decimal(digits: &str) -> Option<u16> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
