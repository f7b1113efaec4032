//! The manual page and the completions of shells.

use std::io::{self, Write};

use clap::{Arg, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::options::{AFTER, Manual, Options};

/// Writes the manual page or the completions of a shell.
pub(crate) fn write(what: Manual, mut out: impl Write) -> io::Result<()> {
    let mut command = Options::command();
    let shell = match what {
        Manual::Man => return page(&Man::new(command), &mut out),
        Manual::Bash => Shell::Bash,
        Manual::Elvish => Shell::Elvish,
        Manual::Fish => Shell::Fish,
        Manual::Powershell => Shell::PowerShell,
        Manual::Zsh => Shell::Zsh,
    };
    clap_complete::generate(shell, &mut command, "zresp-inspect", &mut out);
    out.flush()
}

/// Writes the page. The synopsis has the names of the values, and examples are lines as they stand; those that
/// `clap_mangen` writes have neither.
fn page(man: &Man, out: &mut impl Write) -> io::Result<()> {
    man.render_title(out)?;
    man.render_name_section(out)?;
    writeln!(out, ".SH SYNOPSIS\n\\fBzresp\\-inspect\\fR")?;
    let command = Options::command();
    for argument in command.get_opts().chain(command.get_positionals()) {
        writeln!(out, "{}", synopsis(argument))?;
    }
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    for section in AFTER.split("\n\n") {
        let (title, text) = section.split_once(":\n").unwrap_or((section, ""));
        writeln!(out, ".SH {}", title.to_uppercase())?;
        let is_code = title == "Examples";
        out.write_all(if is_code { b".nf\n" } else { b"" })?;
        for line in text.lines() {
            writeln!(out, "{}", escaped(line.trim_start()))?;
        }
        out.write_all(if is_code { b".fi\n" } else { b"" })?;
    }
    man.render_version_section(out)?;
    out.flush()
}

/// Returns an argument with the name of its value, in brackets, because none is required.
fn synopsis(argument: &Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let value = argument.get_value_names().filter(|_| takes_value);
    let value = value.map(|names| format!("\\fI{}\\fR", escaped(&names.join(" "))));
    match (argument.get_long(), value) {
        (Some(name), Some(value)) => format!("[\\fB\\-\\-{}\\fR {value}]", escaped(name)),
        (Some(name), None) => format!("[\\fB\\-\\-{}\\fR]", escaped(name)),
        (None, value) => format!("[{}...]", value.unwrap_or_default()),
    }
}

/// Returns a line of text as roff.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}
