//! `HELLO` and `AUTH`, as far as the proxy answers them itself.

use bytes::Bytes;
use zresp::{CommandRef, Protocol};

use crate::identity::check;
use crate::routing::{OK, Route, Routed, refused};
use crate::session::Session;
use crate::spread::Spread;
use crate::upstream::Failure;

/// The arguments of `HELLO`.
#[derive(Default)]
pub(crate) struct Hello<'a> {
    protocol: Option<Protocol>,
    /// The user and the password.
    login: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    /// Returns `None` if they are malformed.
    pub(crate) fn of(args: &[&'a [u8]]) -> Option<Self> {
        let Some((version, mut options)) = args.split_first() else { return Some(Self::default()) };
        let protocol = match *version {
            b"2" => Protocol::Resp2,
            b"3" => Protocol::Resp3,
            _ => return None,
        };
        let mut hello = Self { protocol: Some(protocol), ..Self::default() };
        loop {
            options = match options {
                [] => return Some(hello),
                [word, user, password, rest @ ..] if word.eq_ignore_ascii_case(b"auth") => {
                    hello.login = Some((user, password));
                    rest
                }
                [word, name, rest @ ..] if word.eq_ignore_ascii_case(b"setname") => {
                    hello.name = Some(name);
                    rest
                }
                _ => return None,
            }
        }
    }
}

impl Session {
    /// Returns where `HELLO` goes. The proxy keeps the name, but not a password.
    pub(crate) fn greet(&self, hello: &Hello<'_>) -> Routed {
        let topology = &self.proxy.topology;
        match topology.only() {
            Some(upstream) if hello.login.is_some() => return Ok(Route::Own(upstream)),
            None if hello.login.is_some() => {
                let failure = Failure::new("ERR AUTH needs one upstream, but there are several");
                return Ok(Route::Farewell(failure.to_reply()));
            }
            _ => {}
        }
        hello.name.map_or(Ok(()), |name| check("Client names", name))?;
        let wanted = hello.protocol.unwrap_or(self.client.protocol.get());
        let shared = self.proxy.access.protocol.unwrap_or(wanted);
        let name = hello.name.map(Bytes::copy_from_slice);
        Ok(Route::Spread(Spread::hello(topology.any()?, shared, wanted, name)))
    }

    /// Checks a command of a client that has not authenticated, or any `AUTH` and `HELLO`, for the right password.
    /// Without it, the command is refused.
    pub(crate) fn authenticate(&mut self, command: &CommandRef<'_>) -> Routed {
        let password = self.proxy.access.password.as_deref().unwrap_or_default();
        let args = command.index();
        let hello = command.is("hello").then(|| Hello::of(&args[1..])).flatten();
        let login = match (&args[1..], &hello) {
            ([given], _) if command.is("auth") => Some((&b"default"[..], *given)),
            ([user, given], _) if command.is("auth") => Some((*user, *given)),
            (_, Some(hello)) => hello.login,
            _ => None,
        };
        let Some((user, given)) = login else {
            return match hello {
                _ if command.is("quit") => Ok(Route::Farewell(OK)),
                Some(hello) if self.is_authenticated => self.greet(&hello),
                _ if self.is_authenticated => refused(&self.proxy.topology),
                _ => Err(Failure::new("NOAUTH Authentication required.")),
            };
        };
        // It does not stop at the first difference, so that the time does not tell where that is.
        let pairs = given.iter().zip(password.as_bytes());
        let difference = pairs.fold(0, |all, (left, right)| all | (left ^ right));
        if user != b"default" || given.len() != password.len() || difference != 0 {
            return Err(Failure::new(
                "WRONGPASS invalid username-password pair or user is disabled.",
            ));
        }
        self.is_authenticated = true;
        match hello {
            Some(hello) => self.greet(&Hello { login: None, ..hello }),
            None => Ok(Route::Answer(OK)),
        }
    }
}
