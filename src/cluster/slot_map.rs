//! Which node has which slot.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::ops::RangeInclusive;

use super::{SLOTS, Shard};

/// A value for each slot of a cluster, such as the connection to the node that has it. A lookup takes constant time.
///
/// It has a place for each of the 16,384 slots and never grows. The value of a shard is cloned for each of its slots, so
/// choose a small `T`: an index of two bytes makes a map of 64 KiB, a reference or an `Rc` one of 128 KiB.
///
/// ```
/// use zresp::cluster::{Redirect, RedirectKind, Shard, SlotMap, key_slot};
///
/// let reply = b"*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n+node-1\r\n:7000\r\n\
///     *3\r\n:8192\r\n:16383\r\n*2\r\n+node-2\r\n:7000\r\n";
/// let frame = zresp::decode(reply)?.expect("a whole frame");
/// let shards: Vec<Shard<'_>> = frame.reply().to()?;
///
/// // An index for each shard, for example into a list of connections.
/// let mut indices = 0_u16..;
/// let mut map = SlotMap::new(&shards, |_| indices.next())?;
/// assert_eq!((map.get(0), map.get(key_slot(b"foo"))), (Some(&0), Some(&1)));
///
/// let redirect = Redirect::parse(b"MOVED 12182 node-3:7000").expect("a redirection");
/// if let RedirectKind::Moved { slot } = redirect.kind {
///     map.assign(slot..=slot, 2);
/// }
/// assert_eq!(map.get(key_slot(b"foo")), Some(&2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SlotMap<T> {
    /// One for each slot.
    values: Box<[Option<T>]>,
}

impl<T: Clone> SlotMap<T> {
    /// Returns a map of the slots of these shards, from either reply. The function returns the value for a shard's
    /// slots, or `None` to leave them without one: [`Shard::primary`] maps each slot to its primary.
    ///
    /// # Errors
    /// Returns an error if two ranges overlap. A server knows one owner of each slot, so it never sends this.
    pub fn new<'s, 'a: 's>(
        shards: impl IntoIterator<Item = &'s Shard<'a>>,
        mut value: impl FnMut(&'s Shard<'a>) -> Option<T>,
    ) -> Result<Self, OverlapError> {
        let mut map = Self::default();
        for shard in shards {
            let Some(value) = value(shard) else { continue };
            // Stopping at the first overlap also bounds the work: it is linear in the number of ranges.
            for slot in shard.slots.iter().cloned().flatten() {
                let Some(place) = map.values.get_mut(usize::from(slot)) else { break };
                if place.replace(value.clone()).is_some() {
                    return Err(OverlapError { slot });
                }
            }
        }
        Ok(map)
    }

    /// Assigns a value to slots, for example after a `MOVED`. Slots of 16,384 and above are ignored.
    pub fn assign(&mut self, slots: RangeInclusive<u16>, value: T) {
        for slot in slots {
            let Some(place) = self.values.get_mut(usize::from(slot)) else { break };
            *place = Some(value.clone());
        }
    }
}

impl<T> SlotMap<T> {
    /// Returns the value of a slot; `None` if it has none, or if the slot is 16,384 or above.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: u16) -> Option<&T> {
        self.values.get(usize::from(slot))?.as_ref()
    }

    /// Returns an iterator over the slots that have a value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &T)> {
        let slots = (0..SLOTS).zip(&self.values);
        slots.filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }
}

/// Two ranges of slots overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OverlapError {
    /// The first slot that a later range has again.
    pub slot: u16,
}

impl fmt::Display for OverlapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} is in two ranges", self.slot)
    }
}

impl core::error::Error for OverlapError {}

impl<T: Clone> Default for SlotMap<T> {
    /// Returns a map in which no slot has a value.
    fn default() -> Self {
        Self { values: vec![None; usize::from(SLOTS)].into() }
    }
}

impl<T> fmt::Debug for SlotMap<T> {
    /// Writes how many slots have a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotMap({} of {SLOTS} slots)", self.iter().count())
    }
}
