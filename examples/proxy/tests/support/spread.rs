//! A proxy with several upstreams.

use super::{Client, Daemon, Server, proxy_of};

/// Three servers, a proxy that connects to them, and a client.
pub(crate) struct Spread {
    pub(crate) servers: [Server; 3],
    pub(crate) proxy: Daemon,
    pub(crate) client: Client,
}

impl Spread {
    pub(crate) fn start() -> Option<Self> {
        let servers = [Server::start()?, Server::start()?, Server::start()?];
        let proxy = proxy_of(&servers);
        let client = Client::new(proxy.connect());
        Some(Self { servers, proxy, client })
    }

    /// Asserts the replies to commands, which are written as a person types them.
    pub(crate) fn assert_answers(&mut self, table: &[(&str, &str)]) {
        for (line, expected) in table {
            assert_eq!(self.client.answer(line), *expected, "{line}");
        }
    }
}
