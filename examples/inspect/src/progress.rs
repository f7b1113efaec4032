//! A progress bar for large files.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;

/// The smallest file that gets a bar, in bytes. Smaller ones are done before anyone has read it.
const LARGE: u64 = 32 * 1024 * 1024;

const TEMPLATE: &str = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";

/// Returns a progress bar, which is hidden if it would be useless or in the way.
///
/// It is drawn on standard error, and only if that is a terminal. Printed replies would mix with it, so it
/// stays hidden while they go to a terminal or into a pipe, which may end at a terminal.
pub(crate) fn bar(size: Option<u64>, options: &Options) -> ProgressBar {
    match size {
        Some(size) if size >= LARGE && io::stderr().is_terminal() => {
            if !options.stats && !output_is_stored() {
                return ProgressBar::hidden();
            }
            let style = ProgressStyle::with_template(TEMPLATE);
            ProgressBar::new(size)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }
        _ => ProgressBar::hidden(),
    }
}

/// Returns whether standard output is a file or `/dev/null`, so that it does not end on a screen.
#[cfg(unix)]
fn output_is_stored() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;

    let stdout = io::stdout();
    let Ok(output) = stdout.as_fd().try_clone_to_owned() else { return false };
    let Ok(metadata) = File::from(output).metadata() else { return false };
    let kind = metadata.file_type();
    !stdout.is_terminal() && !kind.is_fifo() && !kind.is_socket()
}

/// Returns `false`: on this platform it is not known whether standard output ends on a screen.
#[cfg(not(unix))]
const fn output_is_stored() -> bool {
    false
}
