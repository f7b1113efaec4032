//! Interrupts while something is counted: what was counted so far is shown, and not lost.

use std::io::{self, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How long an input is read after an interrupt. What writes it is often interrupted at the same time, and ends it.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is looked at whether there was an interrupt.
const PERIOD: Duration = Duration::from_millis(50);
/// How many bytes are read at once, and how many such chunks wait.
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 4;

/// Whether the program has been interrupted. A second interrupt ends it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Interrupts {
    has_come: Arc<AtomicBool>,
    /// When nothing more is read, of any input.
    deadline: Arc<OnceLock<Instant>>,
}

impl Interrupts {
    /// Takes note of interrupts from now on.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn watch() -> io::Result<Self> {
        let interrupts = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let has_come = &interrupts.has_come;
            // As a shell shows the end by a signal.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(has_come))?;
            flag::register(signal, Arc::clone(has_come))?;
        }
        Ok(interrupts)
    }

    /// Returns a reader that ends with an error some time after an interrupt, also while it waits.
    ///
    /// Reads from a pipe may have to wait, and go on after a signal. Another thread reads from it.
    pub(crate) fn around_pipe(&self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let (chunks, interrupts) = (chunks(reader), self.clone());
        Box::new(Waiting { chunks, chunk: io::Cursor::default(), interrupts })
    }

    /// Returns a reader that ends with an error some time after an interrupt, once it has bytes.
    pub(crate) fn around(&self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        Box::new(Reading { reader, interrupts: self.clone() })
    }

    /// Fails if the time after an interrupt is over.
    ///
    /// # Errors
    /// An error that says so.
    pub(crate) fn check(&self) -> io::Result<()> {
        if !self.has_come.load(Ordering::Relaxed) {
            return Ok(());
        }
        if Instant::now() < *self.deadline.get_or_init(|| Instant::now() + GRACE) {
            return Ok(());
        }
        Err(io::Error::other("interrupted, so the rest is not counted"))
    }
}

/// Reads in another thread, until nobody wants the bytes.
fn chunks(mut reader: Box<dyn Read + Send>) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(CHUNKS);
    thread::spawn(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            let read = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    chunk.truncate(count);
                    Ok(chunk)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if sender.send(read).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A reader that never has to wait.
struct Reading {
    reader: Box<dyn Read + Send>,
    interrupts: Interrupts,
}

impl Read for Reading {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupts.check()?;
        self.reader.read(into)
    }
}

/// What another thread reads.
struct Waiting {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: io::Cursor<Vec<u8>>,
    interrupts: Interrupts,
}

impl Read for Waiting {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            self.interrupts.check()?;
            match self.chunks.recv_timeout(PERIOD) {
                Ok(chunk) => self.chunk = io::Cursor::new(chunk?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}
