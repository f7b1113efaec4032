//! Passwords in the arguments of commands, which are shown as `(redacted)`, as servers do in `MONITOR` and `SLOWLOG`.

use zresp::CommandRef;

/// What is shown in place of a secret.
const REDACTED: &[u8] = b"(redacted)";
/// The parameters of `CONFIG SET` that are passwords.
const PARAMETERS: [&[u8]; 6] = [
    b"requirepass",
    b"masterauth",
    b"primaryauth",
    b"tls-key-file-pass",
    b"tls-client-key-file-pass",
    b"sentinel-pass",
];

/// Whether passwords are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Shown,
    Hidden,
}

impl Secrets {
    /// Returns whether passwords are shown, by the option.
    pub(crate) const fn new(are_shown: bool) -> Self {
        if are_shown { Self::Shown } else { Self::Hidden }
    }

    /// Returns what is hidden of a command.
    #[inline]
    pub(crate) fn of(self, command: &CommandRef<'_>) -> Hidden {
        // Nearly all commands differ in their first letters, or in the lengths of their names.
        let may_hide = matches!(
            command.name(),
            [b'a' | b'A', _, _]
                | [b'a' | b'A', _, _, _]
                | [b'h' | b'H', _, _, _, _]
                | [b'c' | b'C', _, _, _, _, _]
                | [b'm' | b'M', _, _, _, _, _, _]
                | [b's' | b'S', _, _, _, _, _, _, _]
        );
        Hidden(if may_hide && self == Self::Hidden { places(command) } else { Vec::new() })
    }
}

/// The places of the arguments of a command that are not shown.
#[derive(Debug)]
pub(crate) struct Hidden(Vec<usize>);

impl Hidden {
    /// Returns an argument as it is shown.
    #[inline]
    pub(crate) fn show<'a>(&self, place: usize, argument: &'a [u8]) -> &'a [u8] {
        if self.0.is_empty() || !self.0.contains(&place) { argument } else { REDACTED }
    }

    /// Returns whether all arguments are shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the places of the arguments that are passwords, or users and their passwords.
fn places(command: &CommandRef<'_>) -> Vec<usize> {
    let is = |place, word: &str| {
        command.arg(place).is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    };
    let all = command.len();
    match () {
        () if command.is("AUTH") => (1..all).collect(),
        () if command.is("ACL") && is(1, "SETUSER") => (3..all).collect(),
        () if command.is("HELLO") => credentials(command, 2),
        () if command.is("CONFIG") && is(1, "SET") => settings(command, 2),
        () if command.is("SENTINEL") && is(1, "CONFIG") && is(2, "SET") => settings(command, 3),
        () if command.is("SENTINEL") && is(1, "SET") => {
            (4..all).filter(|place| is(place - 1, "AUTH-PASS")).collect()
        }
        () if command.is("MIGRATE") => credentials(command, 6),
        () => Vec::new(),
    }
}

/// Returns the places of the values of secret parameters. From `first` on, names and values alternate.
fn settings(command: &CommandRef<'_>, first: usize) -> Vec<usize> {
    let is_secret = |place: &usize| {
        let name = command.arg(place - 1).unwrap_or_default();
        PARAMETERS.iter().any(|parameter| name.eq_ignore_ascii_case(parameter))
    };
    (first + 1..command.len()).step_by(2).filter(is_secret).collect()
}

/// Returns the places of the users and passwords among the options of `HELLO` and `MIGRATE`, which begin at `first`.
fn credentials(command: &CommandRef<'_>, first: usize) -> Vec<usize> {
    let (mut place, mut hidden) = (first, Vec::new());
    while let Some(option) = command.arg(place) {
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        let values = match () {
            () if is("AUTH") && command.is("MIGRATE") => 1,
            () if is("AUTH") || is("AUTH2") => 2,
            // The name of a client, which may be any word.
            () if is("SETNAME") => {
                place += 2;
                continue;
            }
            // Keys follow, which may have any names.
            () if is("KEYS") => break,
            () => 0,
        };
        hidden.extend((place + 1..=place + values).filter(|place| *place < command.len()));
        place += 1 + values;
    }
    hidden
}
