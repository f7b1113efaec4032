//! The manual page and the completions of shells.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::complain;
use crate::options::Options;

/// Writes the manual page (`man`) or the completions of a shell.
pub(crate) fn write(what: &str, mut out: impl Write) -> io::Result<ExitCode> {
    let mut command = Options::command();
    if what == "man" {
        clap_mangen::Man::new(command).render(&mut out)?;
    } else if let Ok(shell) = Shell::from_str(what, true) {
        clap_complete::generate(shell, &mut command, "zresp-inspect", &mut out);
    } else {
        complain(&format!("`{what}` is neither `man` nor a shell"));
        return Ok(ExitCode::from(2));
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
