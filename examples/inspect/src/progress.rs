//! How far a large file has been read, for a person who waits.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;

/// Smaller files are done before a person has read the bar, in bytes.
const LARGE: u64 = 32 * 1024 * 1024;

const TEMPLATE: &str = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";

/// Returns a progress bar, a hidden one where it would be of no use or in the way.
///
/// It is drawn on standard error and only if that is a terminal. Nothing else may be drawn there in
/// the meantime: while replies are printed, to a terminal or to a pipe with who knows what behind
/// it, there is no bar.
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

/// Returns whether standard output is a file or `/dev/null`: nothing that ends on a screen.
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

/// Returns whether standard output ends on no screen, which is not known here.
#[cfg(not(unix))]
const fn output_is_stored() -> bool {
    false
}
