//! The items of a stream with the largest weights, in bounded memory. If each weight is one, they are the most frequent.
//!
//! This is the algorithm of Misra and Gries in batches (the "frequent items" sketch): each item has a counter. When all
//! counters are taken, the median is subtracted from each, and those that come to zero are dropped. A count is then too low
//! by at most the sum of what was subtracted. Up to [`COUNTERS`] different items, all counts are exact.

use std::collections::HashMap;

/// The number of counters.
const COUNTERS: usize = 16 * 1024;
/// Items are compared by this many bytes: four of the database, and the first ones of the key.
const ITEM: usize = 260;

/// The total weights of items.
#[derive(Debug, Default)]
pub(crate) struct Heavy {
    counts: HashMap<Box<[u8]>, u64>,
    /// By how much a count may be too low.
    missed: u64,
}

impl Heavy {
    pub(crate) fn add(&mut self, item: &[u8], weight: u64) {
        let item = item.get(..ITEM).unwrap_or(item);
        if let Some(count) = self.counts.get_mut(item) {
            *count += weight;
            return;
        }
        if self.counts.len() == COUNTERS {
            self.make_room();
        }
        self.counts.insert(item.into(), weight);
    }

    fn make_room(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        self.missed += *median;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(*median);
            *count > 0
        });
    }

    /// Returns the count of an item, if it has one.
    pub(crate) fn count(&self, item: &[u8]) -> Option<u64> {
        self.counts.get(item).copied()
    }

    /// Returns the items with the highest counts, and by how much the counts may be too low.
    pub(crate) fn top(&self, number: usize) -> (Vec<(&[u8], u64)>, u64) {
        let mut all: Vec<_> = self.counts.iter().map(|(item, count)| (&**item, *count)).collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all.truncate(number);
        (all, self.missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a sequence without a pattern.
    fn numbers() -> impl Iterator<Item = u64> {
        let step =
            |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        std::iter::successors(Some(1), step).map(|state| state >> 33)
    }

    #[test]
    fn counts_are_within_the_bound_of_an_exact_count() {
        let mut exact: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut heavy = Heavy::default();
        for number in numbers().take(400_000) {
            // Every third item is one of ten, the others are one of a hundred thousand.
            let item = if number % 3 == 0 { number / 3 % 10 } else { 10 + number % 100_000 };
            let item = item.to_string().into_bytes();
            let weight = number % 7;
            heavy.add(&item, weight);
            *exact.entry(item).or_default() += weight;
        }
        assert!(exact.len() > COUNTERS && heavy.counts.len() <= COUNTERS);
        let (top, missed) = heavy.top(10);
        assert!(missed > 0 && missed < 1000, "{missed}");
        for (item, count) in top {
            let exact = exact[item];
            assert!(count <= exact && exact <= count + missed, "{item:?} {count} {exact}");
            assert!(exact > 10_000, "{item:?} is not one of the ten: {exact}");
        }
    }

    #[test]
    fn few_items_are_counted_exactly() {
        let mut heavy = Heavy::default();
        for item in ["a", "b", "a", "c", "a", "b"] {
            heavy.add(item.as_bytes(), 1);
        }
        let expected: Vec<(&[u8], u64)> = vec![(b"a", 3), (b"b", 2)];
        assert_eq!(heavy.top(2), (expected, 0));
    }
}
