//! What of a capture was not read.

use std::collections::BTreeMap;

/// Why a packet was not read that may have a TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The type of its link is not known.
    Link(i32),
    /// Its interface is not described.
    Interface,
    /// It is in a block of an obsolete type.
    Obsolete,
    /// It is in a tunnel, or has too many tags.
    Tunnel,
    /// Its protocol is not known.
    Protocol,
    Fragment,
    /// One of its headers is cut or broken.
    Header,
    /// It has no time, and packets are selected by their times.
    Time,
}

/// How many packets were not read, by the reason.
#[derive(Debug, Default)]
pub(super) struct Unread {
    counts: BTreeMap<Why, u64>,
    /// How many packets have a time in units that are not known.
    units: u64,
    /// How many packets were recorded without their ends, and how many bytes these have.
    cut: (u64, u64),
}

/// How many types of links are counted apart. A file may have any number.
const LINKS: usize = 16;

impl Unread {
    pub(super) fn add(&mut self, why: Why) {
        let is_new = matches!(why, Why::Link(_)) && !self.counts.contains_key(&why);
        let last = self.counts.keys().rev().find(|why| matches!(why, Why::Link(_))).copied();
        let why = last.filter(|_| is_new && self.counts.len() >= LINKS).unwrap_or(why);
        *self.counts.entry(why).or_default() += 1;
    }

    /// Counts a packet whose time has units that are not known.
    pub(super) const fn add_unit(&mut self) {
        self.units += 1;
    }

    /// Counts a packet that was recorded without its last bytes, if any are missing.
    pub(super) fn add_cut(&mut self, missing: u64) {
        let (packets, bytes) = self.cut;
        self.cut = (packets + u64::from(missing > 0), bytes.saturating_add(missing));
    }

    /// Returns lines that name what was not read.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let parts = self.counts.iter().map(|(why, count)| format!("{count} {}", why.describe()));
        let parts = parts.collect::<Vec<_>>().join(", ");
        if !parts.is_empty() {
            lines.push(format!("packets that were not read: {parts}"));
        }
        if self.units > 0 {
            let units = self.units;
            lines.push(format!("packets with times in unknown units, shown as 1970: {units}"));
        }
        if let (packets @ 1.., bytes) = self.cut {
            lines.push(format!(
                "packets cut by the snap length: {packets}, {bytes} bytes of them are missing"
            ));
        }
        lines
    }
}

impl Why {
    fn describe(self) -> String {
        match self {
            Self::Link(number) => format!("with unknown link headers (type {number})"),
            Self::Interface => "of interfaces that are not described".to_owned(),
            Self::Obsolete => "in obsolete packet blocks".to_owned(),
            Self::Tunnel => "in tunnels or with more than 3 tags".to_owned(),
            Self::Protocol => "of unknown protocols".to_owned(),
            Self::Fragment => "in fragments".to_owned(),
            Self::Header => "with headers that are cut or broken".to_owned(),
            Self::Time => "without a time, which --from or --to selects by".to_owned(),
        }
    }
}
