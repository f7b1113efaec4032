//! The database that a command is sent in.

use zresp::CommandRef;

/// Returns whether a command selects a database.
#[inline]
pub(crate) fn is_select(command: &CommandRef<'_>) -> bool {
    // Nearly all commands differ in their numbers of arguments, or in their first letters.
    command.len() == 2 && matches!(command.name(), [b's' | b'S', ..]) && command.is("SELECT")
}

/// The database of a connection, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Database {
    now: Option<u32>,
    /// That of `MULTI`, inside a transaction.
    outside: Option<Outside>,
}

#[derive(Debug, Clone, Copy)]
struct Outside(Option<u32>);

impl Database {
    pub(crate) const fn new(now: Option<u32>) -> Self {
        Self { now, outside: None }
    }

    /// Returns the one of the next command.
    pub(crate) const fn now(self) -> Option<u32> {
        self.now
    }

    /// Takes a command, as if it succeeds. Returns the database that it is sent in; for the end of a transaction, the
    /// one in which the transaction began.
    #[inline]
    pub(crate) fn take(&mut self, command: &CommandRef<'_>) -> Option<u32> {
        let before = self.now;
        if is_select(command) {
            let text = command.arg(1).and_then(|number| std::str::from_utf8(number).ok());
            let number = text.and_then(|text| text.parse::<u32>().ok());
            // Servers refuse other forms of numbers.
            self.now = number.filter(|number| Some(&*number.to_string()) == text).or(before);
        } else if command.len() == 1 {
            return self.take_word(command);
        }
        before
    }

    fn take_word(&mut self, command: &CommandRef<'_>) -> Option<u32> {
        let before = self.now;
        if command.is("MULTI") {
            self.outside.get_or_insert(Outside(before));
        } else if command.is("RESET") {
            *self = Self::new(Some(0));
        } else if command.is("EXEC") || command.is("DISCARD") {
            let outside = self.outside.take().map_or(before, |outside| outside.0);
            if command.is("DISCARD") {
                self.now = outside;
            }
            return outside;
        }
        before
    }

    /// Takes note that the last `SELECT` has failed, or that the commands of the last transaction were not executed.
    pub(crate) const fn stay(&mut self, before: Option<u32>) {
        self.now = before;
    }
}
