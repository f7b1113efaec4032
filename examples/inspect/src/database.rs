//! The database that a command is sent in.

use zresp::CommandRef;

/// Returns the database after a command that succeeds; `before` is the one that it was sent in. `None` if it is not known.
pub(crate) fn after(before: Option<u32>, command: &CommandRef<'_>) -> Option<u32> {
    if command.is("SELECT") && command.len() == 2 {
        let number = command.arg(1).and_then(|number| std::str::from_utf8(number).ok());
        return number.and_then(|number| number.parse().ok()).or(before);
    }
    if command.is("RESET") { Some(0) } else { before }
}
