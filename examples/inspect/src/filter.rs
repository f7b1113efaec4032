//! Which records are shown.

use std::time::Duration;

use memchr::memmem;
use zresp::{CommandRef, commands};

use crate::bound::Bound;
use crate::client::Client;
use crate::options::{Options, Side};
use crate::pattern;
use crate::record::{Content, Record};

/// The conditions that a record must meet.
#[derive(Debug)]
pub(crate) struct Filter {
    grep: Option<memmem::Finder<'static>>,
    /// Patterns of the names of commands in lower case, and of subcommands as in `config|get`.
    commands: Vec<String>,
    key: Option<Vec<u8>>,
    database: Option<u32>,
    /// The least latency.
    slower: Option<Duration>,
    /// The bounds as they were given.
    given: [Option<Bound>; 2],
    /// The bounds of this input.
    from: Option<Bound>,
    to: Option<Bound>,
    /// The first time of this input, once it is known and if it matters.
    first: Option<Duration>,
    /// Which of the two frames of an exchange is left.
    only: Option<Side>,
    /// Whether a condition is about the time.
    pub(crate) needs_time: bool,
    /// The clients whose connections are shown. The input selects them.
    pub(crate) client: Option<Client>,
    /// Whether there are no conditions.
    pub(crate) accepts_all: bool,
}

impl Filter {
    pub(crate) fn new(options: &Options) -> Self {
        let grep = options.grep.as_ref();
        let mut filter = Self {
            grep: grep.map(|text| memmem::Finder::new(text.as_bytes()).into_owned()),
            commands: options
                .command
                .iter()
                .map(|name| name.replace(' ', "|").to_ascii_lowercase())
                .collect(),
            key: options.key.clone().map(String::into_bytes),
            database: options.db,
            slower: options.slower,
            given: [options.from, options.to],
            from: options.from,
            to: options.to,
            first: None,
            // The view of raw bytes looks at the replies, although it does not write them.
            only: options.only.filter(|side| !options.raw || *side == Side::Replies),
            needs_time: [options.from, options.to]
                .iter()
                .any(|bound| matches!(bound, Some(Bound::Time(_) | Bound::Clock { .. }))),
            client: options.connection.clone(),
            accepts_all: false,
        };
        filter.accepts_all = filter.grep.is_none()
            && filter.commands.is_empty()
            && filter.key.is_none()
            && filter.database.is_none()
            && filter.slower.is_none()
            && filter.from.is_none()
            && filter.to.is_none()
            && filter.only.is_none();
        filter
    }

    /// Returns the record, or the part of it that is to be shown, if it meets all conditions.
    pub(crate) fn select<'a>(&self, record: &Record<'a>) -> Option<Record<'a>> {
        let is_selected = self.is_within(record.offset, record.time)
            && (self.commands.is_empty() && self.key.is_none()
                || record.request().is_some_and(|sent| self.is_about(&sent.command)))
            && self.database.is_none_or(|database| record.database == Some(database))
            && self.slower.is_none_or(|least| record.latency().is_some_and(|time| time >= least))
            && self.grep.as_ref().is_none_or(|finder| contains(record, finder));
        let content = match (self.only, record.content) {
            (None, content) => content,
            (Some(Side::Requests), Content::Exchange(sent, ..) | Content::Request(sent)) => {
                Content::Request(sent)
            }
            (Some(Side::Replies), Content::Exchange(_, reply, _) | Content::Reply(reply)) => {
                Content::Reply(reply)
            }
            _ => return None,
        };
        is_selected.then_some(Record { content, ..*record })
    }

    /// Returns whether the part of an input that is shown ends before a record at this offset and this time.
    pub(crate) fn ends_before(&self, offset: u64, time: Option<Duration>) -> bool {
        self.to.is_some_and(|to| to.is_at_or_before(offset, time) == Some(true))
    }

    /// Takes note of a time of this input: the day of the first one is that of bounds without a day.
    #[inline]
    pub(crate) fn note_time(&mut self, time: Option<Duration>) {
        if let (true, None, Some(time)) = (self.needs_time, self.first, time) {
            self.first = Some(time);
            [self.from, self.to] = self.given.map(|bound| bound.map(|bound| bound.on_day_of(time)));
        }
    }

    /// Ends an input: the next one has a first time of its own.
    pub(crate) fn forget_time(&mut self) {
        self.first = None;
        [self.from, self.to] = self.given;
    }

    /// Returns the time at which the part that is shown ends.
    pub(crate) const fn end_time(&self) -> Option<Duration> {
        match self.to {
            Some(Bound::Time(time)) => Some(time),
            _ => None,
        }
    }

    fn is_within(&self, offset: u64, time: Option<Duration>) -> bool {
        self.from.is_none_or(|from| from.is_at_or_before(offset, time) == Some(true))
            && self.to.is_none_or(|to| to.is_at_or_before(offset, time) == Some(false))
    }

    fn is_about(&self, command: &CommandRef<'_>) -> bool {
        self.is_named(command)
            && self.key.as_ref().is_none_or(|pattern| {
                let mut keys = commands::keys(command).into_iter().flatten();
                keys.any(|key| pattern::matches(pattern, key.key))
            })
    }

    /// Returns whether a pattern matches the name of a command: with a `|`, that of the subcommand.
    fn is_named(&self, command: &CommandRef<'_>) -> bool {
        if self.commands.is_empty() {
            return true;
        }
        let name = command.name().to_ascii_lowercase();
        self.commands.iter().any(|wanted| {
            if wanted.contains('|') {
                commands::of(command)
                    .is_some_and(|info| pattern::matches(wanted.as_bytes(), info.name.as_bytes()))
            } else {
                pattern::matches(wanted.as_bytes(), &name)
            }
        })
    }
}

fn contains(record: &Record<'_>, finder: &memmem::Finder<'_>) -> bool {
    let found = |bytes| finder.find(bytes).is_some();
    record.request().is_some_and(|sent| sent.command.args().any(found))
        || record.reply().is_some_and(|reply| found(reply.wire()))
}
