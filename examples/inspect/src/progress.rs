//! A progress bar for inputs that take long.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

use crate::options::Options;
use crate::safe;
use crate::width;

/// How long an input is read before it gets a bar. Most inputs are done by then.
const PATIENCE: Duration = Duration::from_millis(400);

/// How long a bar stays as it is.
const PERIOD: Duration = Duration::from_millis(100);

/// The rate and the time that is left come with the message: they are averages from the beginning on, because the bar
/// itself would begin to count when it is first shown. A message is cut where the line ends.
const TEMPLATE: &str = "{prefix} {wide_bar} {bytes}/{total_bytes} {msg}";
/// For a terminal that is too narrow for a bar.
const NARROW_TEMPLATE: &str = "{prefix} {percent} % {wide_msg}";
/// For an input whose size is not known.
const OPEN_TEMPLATE: &str = "{prefix} {spinner} {bytes} so far, {wide_msg}";
/// How many columns a bar needs.
const BAR_COLUMNS: usize = 80;

/// A reader that shows how far it has come.
pub(crate) struct Progress<R> {
    reader: R,
    name: String,
    size: Option<u64>,
    position: u64,
    start: Instant,
    is_shown: bool,
    /// When the bar is shown next, from the start on.
    next: Duration,
    bar: Option<ProgressBar>,
}

impl<R: Read> Progress<R> {
    /// Returns a reader of this input.
    ///
    /// The bar is drawn on standard error, and only if that is a terminal. Printed frames would mix with it, so it stays
    /// hidden while they go to a terminal or into a pipe, which may end at a terminal.
    pub(crate) fn new(reader: R, name: &str, size: Option<u64>, options: &Options) -> Self {
        let is_shown = io::stderr().is_terminal() && (options.is_summary() || output_is_stored());
        Self {
            reader,
            name: safe::line(name),
            size,
            position: 0,
            start: Instant::now(),
            is_shown,
            next: PATIENCE,
            bar: None,
        }
    }

    fn show(&mut self) {
        let elapsed = self.start.elapsed();
        if elapsed < self.next {
            return;
        }
        self.next = elapsed + PERIOD;
        let Self { name, size, position, bar, .. } = self;
        let bar = bar.get_or_insert_with(|| new_bar(name, *size));
        bar.set_position(*position);
        bar.set_message(message(*position, *size, elapsed));
    }
}

fn new_bar(name: &str, size: Option<u64>) -> ProgressBar {
    let columns = width::columns(&Term::stderr()).unwrap_or(BAR_COLUMNS);
    let (bar, template) = match size {
        Some(size) if columns < BAR_COLUMNS => (ProgressBar::new(size), NARROW_TEMPLATE),
        Some(size) => (ProgressBar::new(size), TEMPLATE),
        None => (ProgressBar::no_length(), OPEN_TEMPLATE),
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(width::shorten(name, columns / 4));
    bar
}

/// Returns the rate, and the time that is left if the size is known.
fn message(position: u64, size: Option<u64>, elapsed: Duration) -> String {
    let of = |number: u64, factor: u128, by: u128| {
        u64::try_from((u128::from(number) * factor).checked_div(by).unwrap_or(0))
            .unwrap_or(u64::MAX)
    };
    let rate = HumanBytes(of(position, 1_000_000_000, elapsed.as_nanos()));
    match size {
        Some(size) => {
            let rest = size.saturating_sub(position);
            let left = Duration::from_nanos(of(rest, elapsed.as_nanos(), position.into()));
            format!("{rate}/s, {:#} left", HumanDuration(left))
        }
        None => format!("{rate}/s"),
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.position += count as u64;
        if self.is_shown {
            self.show();
        }
        Ok(count)
    }
}

impl<R> Drop for Progress<R> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
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
