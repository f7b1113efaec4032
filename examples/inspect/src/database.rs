//! The database that a command is sent in.

use zresp::CommandRef;

/// Returns whether a command selects a database.
#[inline]
pub(crate) fn is_select(command: &CommandRef<'_>) -> bool {
    // Nearly all commands differ in their numbers of arguments, or in their first letters.
    command.len() == 2 && matches!(command.name(), [b's' | b'S', ..]) && command.is("SELECT")
}

/// Returns the database after a command that succeeds; `before` is the one that it was sent in. `None` if it is not known.
#[inline]
pub(crate) fn after(before: Option<u32>, command: &CommandRef<'_>) -> Option<u32> {
    if is_select(command) {
        let number = command.arg(1).and_then(|number| std::str::from_utf8(number).ok());
        return number.and_then(|number| number.parse().ok()).or(before);
    }
    if command.len() == 1 && command.is("RESET") { Some(0) } else { before }
}
