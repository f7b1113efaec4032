//! What a client says about itself: its name, and the name and version of its library.
//!
//! Servers keep this for each connection, but clients share connections, so the proxy keeps it. A client that gets
//! a connection of its own is presented there.

use bytes::Bytes;
use zresp::{CommandBuf, CommandRef, Encode, Protocol, Reply};

use crate::connection::{Connection, number};
use crate::upstream::Failure;

/// The number of the first client. Servers do not get this far, so no command confuses their clients with ours.
const FIRST: i64 = 1 << 52;

/// The most bytes of a name or a version.
const LONGEST: usize = 4096;

/// An empty text means that the client has not said it.
#[derive(Default)]
pub(crate) struct Identity {
    id: i64,
    pub(crate) name: Bytes,
    library: Bytes,
    version: Bytes,
}

impl Identity {
    pub(crate) fn number(&mut self, accepted: u64) {
        self.id = i64::try_from(accepted).unwrap_or_default().saturating_add(FIRST);
    }

    /// Answers a subcommand of `CLIENT` that concerns the identity, in the words of Redis; `None` for others, and
    /// for wrong arguments.
    pub(crate) fn answer(
        &mut self,
        command: &CommandRef<'_>,
        protocol: Protocol,
    ) -> Option<Result<Bytes, Failure>> {
        let args = command.index();
        let is = |index: usize, word: &str| args[index].eq_ignore_ascii_case(word.as_bytes());
        let reply = |reply: &Reply| {
            reply.to_wire(protocol).map_err(|reason| Failure(format!("ERR {reason}")))
        };
        let (place, what, value) = match &*args {
            [_, _] if is(1, "getname") && self.name.is_empty() => return Some(reply(&Reply::Null)),
            [_, _] if is(1, "getname") => return Some(reply(&Reply::bulk(self.name.clone()))),
            // Notices of maintenance concern the proxy's connections, not those of its clients.
            [_, _, ..] if is(1, "maint_notifications") => {
                let reason = "ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.";
                return Some(Err(Failure::new(reason)));
            }
            [_, _, name] if is(1, "setname") => (&mut self.name, "Client names", *name),
            [_, _, _, name] if is(1, "setinfo") && is(2, "lib-name") => {
                (&mut self.library, "lib-name", *name)
            }
            [_, _, _, version] if is(1, "setinfo") && is(2, "lib-ver") => {
                (&mut self.version, "lib-ver", *version)
            }
            _ => return None,
        };
        Some(check(what, value).map(|()| {
            *place = Bytes::copy_from_slice(value);
            Bytes::from_static(b"+OK\r\n")
        }))
    }

    /// Answers `CLIENT ID` and `CLIENT INFO` for a client that has no connection to one upstream.
    pub(crate) fn describe(&self, subcommand: &[u8], protocol: Protocol) -> Option<Reply> {
        if subcommand.eq_ignore_ascii_case(b"id") {
            return Some(Reply::Integer(self.id));
        }
        let [name, library, version] =
            [&self.name, &self.library, &self.version].map(|text| String::from_utf8_lossy(text));
        let (id, resp) = (self.id, number(protocol));
        let line =
            format!("id={id} name={name} db=0 resp={resp} lib-name={library} lib-ver={version}\n");
        let is_info = subcommand.eq_ignore_ascii_case(b"info");
        is_info.then(|| Reply::verbatim(*b"txt", line))
    }

    /// Presents the client on its own connection. Servers that do not know a command answer with an error.
    pub(crate) async fn present(&self, connection: &mut Connection) -> Result<(), Failure> {
        let client = |words: &[&str], value: &Bytes| {
            let command = CommandBuf::new("CLIENT").args(words).arg(value);
            (!value.is_empty()).then_some(command)
        };
        let commands = [
            client(&["SETNAME"], &self.name),
            client(&["SETINFO", "LIB-NAME"], &self.library),
            client(&["SETINFO", "LIB-VER"], &self.version),
        ];
        for command in commands.iter().flatten() {
            connection.ask(command).await?;
        }
        Ok(())
    }
}

/// Checks a text as Redis does: spaces and line breaks would spoil `CLIENT LIST`. It also has to be short, because it
/// is kept.
pub(crate) fn check(what: &str, text: &[u8]) -> Result<(), Failure> {
    if text.len() > LONGEST {
        return Err(Failure(format!("ERR {what} cannot have more than {LONGEST} bytes.")));
    }
    if text.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Failure(format!("ERR {what} cannot contain spaces, newlines or special characters.")))
}
