//! Which records are shown.

use std::net::SocketAddr;
use std::time::Duration;

use memchr::memmem;
use zresp::{CommandRef, commands};

use crate::bound::Bound;
use crate::options::{Options, Side};
use crate::pattern;
use crate::record::{Content, Record};

/// The conditions that a record must meet.
#[derive(Debug)]
pub(crate) struct Filter {
    grep: Option<memmem::Finder<'static>>,
    /// Names of commands, and of subcommands as in `config|get`.
    commands: Vec<String>,
    key: Option<Vec<u8>>,
    from: Option<Bound>,
    to: Option<Bound>,
    /// Which of the two frames of an exchange is left.
    only: Option<Side>,
    /// Whether a condition is about the time.
    pub(crate) needs_time: bool,
    /// The client of the only connection of a capture that is shown. The capture selects it.
    pub(crate) client: Option<SocketAddr>,
    /// Whether there are no conditions.
    pub(crate) accepts_all: bool,
}

impl Filter {
    pub(crate) fn new(options: &Options) -> Self {
        let grep = options.grep.as_ref();
        let mut filter = Self {
            grep: grep.map(|text| memmem::Finder::new(text.as_bytes()).into_owned()),
            commands: options.command.iter().map(|name| name.replace(' ', "|")).collect(),
            key: options.key.clone().map(String::into_bytes),
            from: options.from,
            to: options.to,
            // The view of raw bytes looks at the replies, although it does not write them.
            only: options.only.filter(|side| !options.raw || *side == Side::Replies),
            needs_time: [options.from, options.to]
                .iter()
                .any(|bound| matches!(bound, Some(Bound::Time(_)))),
            client: options.connection,
            accepts_all: false,
        };
        filter.accepts_all = filter.grep.is_none()
            && filter.commands.is_empty()
            && filter.key.is_none()
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
        let has_name = |name: &String| {
            command.is(name)
                || name.contains('|')
                    && commands::of(command)
                        .is_some_and(|info| info.name.eq_ignore_ascii_case(name))
        };
        let is_named = self.commands.is_empty() || self.commands.iter().any(has_name);
        is_named
            && self.key.as_ref().is_none_or(|pattern| {
                let mut keys = commands::keys(command).into_iter().flatten();
                keys.any(|key| pattern::matches(pattern, key.key))
            })
    }
}

fn contains(record: &Record<'_>, finder: &memmem::Finder<'_>) -> bool {
    let found = |bytes| finder.find(bytes).is_some();
    record.request().is_some_and(|sent| sent.command.args().any(found))
        || record.reply().is_some_and(|reply| found(reply.wire()))
}
