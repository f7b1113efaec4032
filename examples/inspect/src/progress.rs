//! A progress bar for inputs that take long.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;
use crate::safe;

/// How long an input is read before it gets a bar. Most inputs are done by then.
const PATIENCE: Duration = Duration::from_millis(400);

const TEMPLATE: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
/// For an input whose size is not known.
const OPEN_TEMPLATE: &str = "{msg} {spinner} {bytes} so far, {bytes_per_sec}";

/// A reader that shows how far it has come.
pub(crate) struct Progress<R> {
    reader: R,
    name: String,
    size: Option<u64>,
    position: u64,
    start: Instant,
    state: State,
}

enum State {
    /// Nothing is ever shown.
    Hidden,
    Waiting,
    Shown(ProgressBar),
}

impl<R: Read> Progress<R> {
    /// Returns a reader of this input.
    ///
    /// The bar is drawn on standard error, and only if that is a terminal. Printed frames would mix with it, so it stays
    /// hidden while they go to a terminal or into a pipe, which may end at a terminal.
    pub(crate) fn new(reader: R, name: &str, size: Option<u64>, options: &Options) -> Self {
        let is_summary = options.stats || options.top.is_some();
        let is_useful = io::stderr().is_terminal() && (is_summary || output_is_stored());
        let state = if is_useful { State::Waiting } else { State::Hidden };
        Self { reader, name: safe::line(name), size, position: 0, start: Instant::now(), state }
    }

    fn show(&mut self) {
        match &self.state {
            State::Shown(bar) => bar.set_position(self.position),
            State::Waiting if self.start.elapsed() >= PATIENCE => {
                let template = if self.size.is_some() { TEMPLATE } else { OPEN_TEMPLATE };
                let bar = match self.size {
                    Some(size) => ProgressBar::new(size),
                    None => ProgressBar::no_length(),
                };
                let style = ProgressStyle::with_template(template);
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_elapsed(self.start.elapsed());
                bar.set_message(self.name.clone());
                bar.set_position(self.position);
                self.state = State::Shown(bar);
            }
            _ => {}
        }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.position += count as u64;
        self.show();
        Ok(count)
    }
}

impl<R> Drop for Progress<R> {
    fn drop(&mut self) {
        if let State::Shown(bar) = &self.state {
            bar.finish_and_clear();
        }
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
