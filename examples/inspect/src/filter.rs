//! Which records are shown.

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
    commands: Vec<String>,
    key: Option<Vec<u8>>,
    from: Option<Bound>,
    to: Option<Bound>,
    /// Which of the two frames of an exchange is left.
    only: Option<Side>,
    accepts_all: bool,
}

impl Filter {
    pub(crate) fn new(options: &Options) -> Self {
        let grep = options.grep.as_ref();
        let mut filter = Self {
            grep: grep.map(|text| memmem::Finder::new(text.as_bytes()).into_owned()),
            commands: options.command.clone(),
            key: options.key.clone().map(String::into_bytes),
            from: options.from,
            to: options.to,
            only: options.only,
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
        if self.accepts_all {
            return Some(*record);
        }
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

    fn is_within(&self, offset: u64, time: Option<Duration>) -> bool {
        self.from.is_none_or(|from| from.is_at_or_before(offset, time) == Some(true))
            && self.to.is_none_or(|to| to.is_at_or_before(offset, time) == Some(false))
    }

    fn is_about(&self, command: &CommandRef<'_>) -> bool {
        let is_named =
            self.commands.is_empty() || self.commands.iter().any(|name| command.is(name));
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
