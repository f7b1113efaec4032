//! Colours on a terminal.

use std::env;
use std::io::{self, IsTerminal};

use clap::ColorChoice;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Request,
    Error,
    Text,
    Number,
    /// Nulls, times and addresses.
    Aside,
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// Returns whether standard output is to be coloured. See <https://no-color.org> for `NO_COLOR`.
    pub(crate) fn new(choice: ColorChoice) -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        Self(match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
                io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
            }
        })
    }

    /// Returns whether text is coloured.
    pub(crate) const fn is_on(self) -> bool {
        self.0
    }

    /// Returns what begins a colour.
    pub(crate) const fn start(self, role: Role) -> &'static [u8] {
        match role {
            _ if !self.0 => b"",
            Role::Request => b"\x1b[1m",
            Role::Error => b"\x1b[31m",
            Role::Text => b"\x1b[32m",
            Role::Number => b"\x1b[36m",
            Role::Aside => b"\x1b[2m",
        }
    }

    /// Returns what ends it.
    pub(crate) const fn end(self) -> &'static [u8] {
        if self.0 { b"\x1b[0m" } else { b"" }
    }
}
