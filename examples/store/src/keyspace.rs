//! The data: keys, values of five types, and expiry times.

use std::collections::{BTreeSet, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};

use crate::failure::{Failure, WRONG_TYPE};

/// How many keys one sweep looks at.
const SWEPT: usize = 1000;

pub(crate) type Text = Bytes;
pub(crate) type List = VecDeque<Bytes>;
pub(crate) type Hash = IndexMap<Bytes, Bytes>;
pub(crate) type Set = IndexSet<Bytes>;

/// The scores of members, and the members in the order of their scores.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    scores: IndexMap<Bytes, f64>,
    order: BTreeSet<(u64, Bytes)>,
}

impl Sorted {
    fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Sets the score of a member; returns whether the member is new.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) -> bool {
        let member = Bytes::copy_from_slice(member);
        let before = self.scores.insert(member.clone(), score);
        if let Some(before) = before {
            self.order.remove(&(rank(before), member.clone()));
        }
        self.order.insert((rank(score), member));
        before.is_none()
    }

    pub(crate) fn pop_first(&mut self) -> Option<(Bytes, f64)> {
        let (_, member) = self.order.pop_first()?;
        self.scores.swap_remove_entry(&member)
    }
}

/// Maps scores to integers in the same order. The bits of a float are its sign and its magnitude, so those of
/// negative scores are inverted.
fn rank(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits(); // -0.0 + 0.0 is 0.0
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// A type of value.
pub(crate) trait Kind: Default {
    fn of(value: &mut Value) -> Option<&mut Self>;
    fn into_value(self) -> Value;
}

/// Defines `Value` by the types of values, each with the name that `TYPE` returns.
macro_rules! values {
    ($($kind:ident $name:literal)*) => {
        #[derive(Debug)]
        pub(crate) enum Value { $($kind($kind)),* }

        impl Value {
            pub(crate) fn type_name(&self) -> &'static str {
                match self { $(Self::$kind(_) => $name),* }
            }

            fn is_empty(&self) -> bool {
                match self { $(Self::$kind(value) => value.is_empty()),* }
            }
        }

        $(impl Kind for $kind {
            fn of(value: &mut Value) -> Option<&mut Self> {
                if let Value::$kind(value) = value { Some(value) } else { None }
            }

            fn into_value(self) -> Value {
                Value::$kind(self)
            }
        })*
    };
}

values!(Text "string" List "list" Hash "hash" Set "set" Sorted "zset");

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// When it expires, in milliseconds since 1970.
    pub(crate) deadline: Option<i64>,
}

/// All keys. An expired key is removed when it is looked up, or by a [sweep](Self::sweep).
#[derive(Debug, Default)]
pub(crate) struct Keyspace {
    entries: IndexMap<Bytes, Entry>,
    now: i64,
    /// The index where the last sweep stopped; the next one continues downwards.
    hand: usize,
}

impl Keyspace {
    /// Reads the clock.
    pub(crate) fn tick(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    }

    /// The time when the clock was last read, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn clear(&mut self) {
        self.entries = IndexMap::default();
    }

    pub(crate) fn is_expired(&self, entry: &Entry) -> bool {
        entry.deadline.is_some_and(|deadline| deadline <= self.now)
    }

    /// Returns the index of a key, and removes the key if it has expired.
    fn index(&mut self, key: &[u8]) -> Option<usize> {
        let index = self.entries.get_index_of(key)?;
        if self.is_expired(&self.entries[index]) {
            self.entries.swap_remove_index(index);
            return None;
        }
        Some(index)
    }

    pub(crate) fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.index(key).map(|index| &mut self.entries[index])
    }

    /// Returns the value of a key, or `None` if the key does not exist. A value of another type is an error.
    pub(crate) fn get<T: Kind>(&mut self, key: &[u8]) -> Result<Option<&mut T>, Failure> {
        self.entry(key).map(|entry| T::of(&mut entry.value).ok_or(WRONG_TYPE)).transpose()
    }

    /// Returns the value of a key, or a new one to which the caller must add something: no key has an empty
    /// value. A value of another type is an error.
    pub(crate) fn get_or_create<T: Kind>(&mut self, key: &[u8]) -> Result<&mut T, Failure> {
        let index = self.index(key).unwrap_or_else(|| {
            let entry = Entry { value: T::default().into_value(), deadline: None };
            self.entries.insert_full(Bytes::copy_from_slice(key), entry).0
        });
        T::of(&mut self.entries[index].value).ok_or(WRONG_TYPE)
    }

    /// Calls `change` to remove elements from the value of a key, and removes the key if none are left.
    pub(crate) fn shrink<T: Kind, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<Option<R>, Failure> {
        let Some(index) = self.index(key) else { return Ok(None) };
        let value = &mut self.entries[index].value;
        let result = change(T::of(value).ok_or(WRONG_TYPE)?);
        if value.is_empty() {
            self.entries.swap_remove_index(index);
        }
        Ok(Some(result))
    }

    /// Sets a key to a string.
    pub(crate) fn set(&mut self, key: &[u8], text: &[u8], deadline: Option<i64>) {
        self.put(key, Entry { value: Value::Text(Bytes::copy_from_slice(text)), deadline });
    }

    pub(crate) fn put(&mut self, key: &[u8], entry: Entry) {
        match self.entries.get_mut(key) {
            Some(place) => *place = entry,
            None => _ = self.entries.insert(Bytes::copy_from_slice(key), entry),
        }
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let index = self.index(key)?;
        self.entries.swap_remove_index(index).map(|(_, entry)| entry)
    }

    /// Returns the entries before a cursor, last one first, each with its index. A cursor of 0 means all.
    ///
    /// A removal moves the last key into the gap, to a smaller index. So a scan in this order never misses a
    /// key that exists during the whole scan.
    pub(crate) fn scan(&self, cursor: usize) -> impl Iterator<Item = (usize, &Bytes, &Entry)> {
        let skipped = if cursor == 0 { 0 } else { self.len().saturating_sub(cursor) };
        let entries = self.entries.iter().enumerate().rev().skip(skipped);
        entries.map(|(index, (key, entry))| (index, key, entry))
    }

    /// Removes the expired keys among the next `SWEPT`.
    pub(crate) fn sweep(&mut self) {
        self.tick();
        for _ in 0..SWEPT.min(self.len()) {
            let Some(last) = self.len().checked_sub(1) else { return };
            self.hand = self.hand.checked_sub(1).unwrap_or(last).min(last);
            if self.is_expired(&self.entries[self.hand]) {
                self.entries.swap_remove_index(self.hand);
            }
        }
    }
}
