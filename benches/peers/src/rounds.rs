//! Timing of passes that take turns.

use std::time::{Duration, Instant};

/// The shortest duration of a turn.
const TURN: Duration = Duration::from_millis(2);

/// The time of one pass in each round, in nanoseconds.
#[derive(Clone, Default)]
pub struct Times(Vec<f64>);

/// Times each of the passes once in every round.
pub fn take(rounds: usize, passes: &[&dyn Fn()]) -> Vec<Times> {
    let mut times = vec![Times::default(); passes.len()];
    for _ in 0..rounds {
        for (times, pass) in times.iter_mut().zip(passes) {
            times.0.push(turn(pass));
        }
    }
    times
}

fn turn(pass: &dyn Fn()) -> f64 {
    let start = Instant::now();
    let mut passes = 0.0;
    while start.elapsed() < TURN {
        pass();
        passes += 1.0;
    }
    start.elapsed().as_secs_f64() * 1e9 / passes
}

impl Times {
    /// The median time, in nanoseconds.
    pub fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The least time, in nanoseconds.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The median of the differences to other times, round by round, in nanoseconds.
    pub fn less(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(this, other)| this - other).collect())
    }

    /// The median of the ratios to other times, round by round.
    pub fn over(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(this, other)| this / other).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The geometric mean.
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().copied().map(f64::ln).sum::<f64>() / values.len() as f64).exp()
}
