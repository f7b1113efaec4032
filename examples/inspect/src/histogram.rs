//! How often numbers occur, in constant memory.

/// Counts of numbers, within 1 % of their value.
pub(crate) struct Histogram(hdrhistogram::Histogram<u64>);

impl Default for Histogram {
    fn default() -> Self {
        // Two digits are kept. Any other number of digits up to five is accepted too.
        Self(hdrhistogram::Histogram::new(2).unwrap_or_else(|_| unreachable!("two digits")))
    }
}

impl Histogram {
    #[inline]
    pub(crate) fn add(&mut self, number: u64) {
        // It grows as needed, and then holds any number.
        if self.0.record(number).is_err() {
            self.0.saturating_record(number);
        }
    }

    pub(crate) fn max(&self) -> u64 {
        self.0.max()
    }

    /// Returns the least number that at least this share of the numbers do not exceed.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share).min(self.0.max())
    }

    /// Returns the count of the numbers below each power of two that are not below the one before: `(2, 0 and 1)`,
    /// `(4, 2 and 3)`, and so on up to the largest number.
    pub(crate) fn powers(&self) -> Vec<(u64, u64)> {
        let mut powers = Vec::new();
        for value in self.0.iter_recorded() {
            let number = value.value_iterated_to();
            let power = (number.max(1).ilog2() + 1).min(63);
            let power = 1 << power;
            let count = value.count_at_value();
            match powers.last_mut() {
                Some((last, total)) if *last == power => *total += count,
                _ => powers.push((power, count)),
            }
        }
        powers
    }
}
