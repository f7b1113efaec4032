//! Which clients are shown: all, one, or those of a host.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A client, or the clients of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Client {
    Host(IpAddr),
    Address(SocketAddr),
    /// `MONITOR` shows this instead of an address: `lua`, or the path of a socket.
    Named(String),
}

impl Client {
    /// Returns whether this address is one of its own.
    pub(crate) fn has(&self, address: SocketAddr) -> bool {
        match self {
            Self::Host(host) => *host == address.ip(),
            Self::Address(own) => *own == address,
            Self::Named(_) => false,
        }
    }

    /// Returns whether a text of `MONITOR` names it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match (self, name.parse()) {
            (Self::Named(own), _) => own == name,
            (_, Ok(address)) => self.has(address),
            _ => false,
        }
    }
}

impl FromStr for Client {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let named = || (text == "lua" || text.starts_with("unix:")).then(|| text.to_owned());
        let address = text.parse().map(Self::Address).ok();
        address
            .or_else(|| host.parse().map(Self::Host).ok())
            .or_else(|| named().map(Self::Named))
            .ok_or_else(|| {
                "not an address with a port (127.0.0.1:50000, [::1]:50000), an address, `lua` or `unix:PATH`"
                    .to_owned()
            })
    }
}
