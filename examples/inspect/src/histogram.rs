//! How often numbers occur, in constant memory.

/// The binary digits that are kept of a number, after the first one.
const DIGITS: u32 = 6;
/// How many numbers with the same first digits are counted together, for each number of digits.
const STEPS: usize = 1 << DIGITS;

/// Counts of numbers, within 1 % of their value.
///
/// Numbers below 128 have a count each. Larger ones are counted by their first seven binary digits: so a count is that of
/// numbers which differ by less than 1/64, and their middle is less than 1 % away from each.
#[derive(Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn add(&mut self, number: u64) {
        let place = place(number);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(number);
    }

    pub(crate) const fn max(&self) -> u64 {
        self.max
    }

    /// Returns the least number that at least this many of a hundred numbers do not exceed.
    pub(crate) fn percentile(&self, percent: u8) -> u64 {
        let wanted = (u128::from(self.total) * u128::from(percent)).div_ceil(100);
        let mut passed = 0;
        for (place, count) in self.counts.iter().enumerate() {
            passed += u128::from(*count);
            if passed >= wanted && *count > 0 {
                return middle(place).min(self.max);
            }
        }
        self.max
    }
}

/// Returns which count a number belongs to.
fn place(number: u64) -> usize {
    let shift = (u64::BITS - number.leading_zeros()).saturating_sub(DIGITS + 1);
    let digits = usize::try_from(number >> shift).unwrap_or_default();
    shift as usize * STEPS + digits
}

/// Returns the middle of the numbers that a count is of.
fn middle(place: usize) -> u64 {
    let shift = (place / STEPS).saturating_sub(1);
    let digits = (place - shift * STEPS) as u64;
    (digits << shift) + (1 << shift >> 1)
}

/// How many numbers have each length in binary digits.
pub(crate) struct Powers([u64; 65]);

impl Default for Powers {
    fn default() -> Self {
        Self([0; 65])
    }
}

impl Powers {
    #[inline]
    pub(crate) fn add(&mut self, number: u64) {
        // 0 counts as 1.
        if let Some(count) = self.0.get_mut((u64::BITS - (number | 1).leading_zeros()) as usize) {
            *count += 1;
        }
    }

    /// Returns the count of the numbers below each power of two that are not below the one before: `(2, 0 and 1)`,
    /// `(4, 2 and 3)`, and so on up to the largest number. The last power is that of all numbers from 2^63 on.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let powers = (0..).map(|digits: u32| 1_u64.checked_shl(digits).unwrap_or(u64::MAX));
        powers.zip(self.0).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_within_one_percent_of_the_middle_of_its_count() {
        let mut last = 0;
        for digits in 0..64 {
            for offset in [0, 1, 2, 5, 1 << digits >> 3, (1 << digits >> 1) + 1, (1 << digits) - 1]
            {
                let number = (1_u64 << digits) + offset % (1_u64 << digits);
                let found = middle(place(number));
                assert!(number.abs_diff(found) <= number / 100, "{number} {found}");
            }
            let place = place(1 << digits);
            assert!(place > last || digits == 0, "{digits}");
            last = place;
        }
        assert!(u64::MAX.abs_diff(middle(place(u64::MAX))) < u64::MAX / 100);
        // In order, without a jump.
        for number in 0..10_000 {
            assert!(place(number + 1) - place(number) <= 1, "{number}");
        }
    }

    #[test]
    fn percentiles_are_those_of_sorted_numbers() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.percentile(50), histogram.max()), (0, 0));
        let mut numbers: Vec<u64> =
            (0..1000).map(|number| number * number * 7919 % 1_000_003).collect();
        for number in &numbers {
            histogram.add(*number);
        }
        numbers.sort_unstable();
        for percent in [1, 50, 99, 100] {
            let exact = numbers[usize::from(percent) * 10 - 1];
            let found = histogram.percentile(percent);
            assert!(exact.abs_diff(found) <= exact / 100, "{percent}: {exact} {found}");
        }
        assert_eq!(histogram.max(), numbers[999]);
    }

    #[test]
    fn powers_are_counted_below_the_next_one() {
        let mut powers = Powers::default();
        for number in [0, 1, 2, 3, 4, 7, 8, 1 << 63, u64::MAX] {
            powers.add(number);
        }
        let expected = [(2, 2), (4, 2), (8, 2), (16, 1), (u64::MAX, 2)];
        assert_eq!(powers.counts().collect::<Vec<_>>(), expected);
    }
}
