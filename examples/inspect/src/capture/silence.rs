//! Which commands have no replies, because of `CLIENT REPLY`.

use zresp::CommandRef;

use super::pairing::has_argument;

#[derive(Debug, Default)]
pub(super) struct Silence {
    commands: Commands,
    /// Whether a transaction is open: its commands are not executed yet, and each is answered.
    is_queueing: bool,
}

/// Which commands have no replies.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Commands {
    #[default]
    None,
    Next,
    All,
}

impl Silence {
    /// No command has a reply, as on a link to a replica.
    pub(super) const LINK: Self = Self { commands: Commands::All, is_queueing: false };

    /// Takes a command, and returns whether it has no reply.
    pub(super) fn take(&mut self, command: &CommandRef<'_>) -> bool {
        let before = self.commands;
        if command.is("RESET") {
            *self = Self::default();
            return false;
        }
        if before == Commands::Next {
            self.commands = Commands::None;
        }
        if command.is("MULTI") {
            self.is_queueing = true;
        } else if command.is("EXEC") || command.is("DISCARD") {
            self.is_queueing = false;
        } else if !self.is_queueing && command.is("CLIENT") && has_argument(command, 1, b"REPLY") {
            let is = |word| has_argument(command, 2, word);
            match before {
                _ if is(b"ON") => {
                    self.commands = Commands::None;
                    return false;
                }
                _ if is(b"OFF") => self.commands = Commands::All,
                Commands::All => {}
                _ if is(b"SKIP") => self.commands = Commands::Next,
                _ => return before != Commands::None,
            }
            return true;
        }
        before != Commands::None
    }
}
