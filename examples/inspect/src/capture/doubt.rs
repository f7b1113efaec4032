//! Whether it is known how many replies a connection is to have.

/// How many rounds in which each command had one reply make it certain that none was due before them.
const ROUNDS: u32 = 2;

/// What is not known of the replies that are due, after lost bytes or if the connection began before the capture.
///
/// A client that has received all that the server has sent, and sends more after the server has replied to what it had
/// received, takes a *turn*: the acknowledgement numbers of both sides tell. Replies may still be due then, because the
/// server acknowledges commands before it runs them. So the commands and the replies between two turns, a *round*, are
/// counted. Replies that were due at the first turn make more replies than commands once they come. Two rounds in
/// succession with as many replies as commands end the doubt; at the beginning of a capture, where nothing is known to be
/// due, the first round is enough.
///
/// A client that takes turns although a reply is always due, to a server that is slow each time, cannot be told from one
/// that waits. A reply without a command shows it later, and begins the doubt again.
#[derive(Debug, Default)]
pub(super) struct Doubt(Option<Round>);

/// What has come since the last turn.
#[derive(Debug, Default)]
struct Round {
    commands: u64,
    replies: u64,
    /// How many rounds before it had as many replies as commands, in succession.
    even: u32,
}

impl Doubt {
    pub(super) const fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// Begins with lost bytes, or with a reply that has no command.
    pub(super) fn begin(&mut self) {
        self.0 = Some(Round::default());
    }

    /// Begins with a connection that began before the capture.
    pub(super) fn begin_late(&mut self) {
        self.0 = Some(Round { even: ROUNDS - 1, ..Round::default() });
    }

    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    pub(super) const fn command(&mut self) {
        if let Some(round) = &mut self.0 {
            round.commands += 1;
        }
    }

    pub(super) const fn reply(&mut self) {
        if let Some(round) = &mut self.0 {
            round.replies += 1;
        }
    }

    /// Takes note of a turn of the client.
    pub(super) fn turn(&mut self) {
        let Some(Round { commands, replies, even }) = self.0.take() else { return };
        let is_even = commands > 0 && commands == replies;
        let is_empty = commands == 0 && replies == 0;
        let even = if is_even || is_empty { even + u32::from(is_even) } else { 0 };
        self.0 = (even < ROUNDS).then(|| Round { even, ..Round::default() });
    }
}
