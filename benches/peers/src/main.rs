//! zresp against other parsers and against the limit, on the same traffic in the same run.
//!
//! `cargo run --release -p zresp-peers [ROUNDS]` prints one table for each group, in nanoseconds per
//! element and as ratios. The contenders take turns in every round; a ratio is the median of the
//! ratios of all rounds, so that what disturbs the machine disturbs both sides of it.

#[path = "../../corpus/mod.rs"]
mod corpus;

mod contenders;
mod walk;

use std::time::{Duration, Instant};

use contenders::{Contender, DECODE, Input, OTHERS, READ, RUSTIS, WALK};

/// How long one measurement of a contender lasts at the least.
const LEAST: Duration = Duration::from_millis(2);

/// Nanoseconds per element in each round; empty if the contender cannot take the corpus.
type Times = Vec<f64>;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(21);
    let contenders: Vec<_> = [DECODE, READ, WALK, RUSTIS].into_iter().chain(OTHERS).collect();
    let mut header = String::from("| corpus |");
    for contender in &contenders {
        header += &format!(" {} |", contender.name);
    }
    println!("{header} walk/decode | rustis/decode | others/decode | others/read | rustis/read |");
    println!("|---{}", "|---:".repeat(contenders.len() + 5) + "|");
    let filter = std::env::args().nth(2).unwrap_or_default();
    for corpus in corpus::all() {
        if !corpus.name.contains(&filter) {
            continue;
        }
        let input = Input::new(corpus);
        let times = measure(&input, &contenders, rounds);
        print_row(&input, &times);
    }
}

/// Times all contenders on a corpus, in turns.
fn measure(input: &Input, contenders: &[&Contender], rounds: usize) -> Vec<Times> {
    let able: Vec<_> =
        contenders.iter().map(|contender| (contender.pass)(input) == input.corpus.frames).collect();
    let mut times = vec![Times::new(); contenders.len()];
    for _ in 0..rounds {
        for (index, contender) in contenders.iter().enumerate() {
            if able[index] {
                times[index].push(time(input, contender));
            }
        }
    }
    times
}

/// Nanoseconds per element of one contender.
fn time(input: &Input, contender: &Contender) -> f64 {
    let start = Instant::now();
    let mut passes = 0;
    while start.elapsed() < LEAST {
        (contender.pass)(input);
        passes += 1;
    }
    start.elapsed().as_nanos() as f64 / (passes * input.corpus.elements) as f64
}

fn print_row(input: &Input, times: &[Times]) {
    let mut row = format!("| {} |", input.corpus.name);
    for times in times {
        row += &match median(times.clone()) {
            Some(time) => format!(" {time:.2} |"),
            None => " – |".to_owned(),
        };
    }
    let others = || 4..times.len();
    for (slow, fast) in [(2..3, 0), (3..4, 0), (others(), 0), (others(), 1), (3..4, 1)] {
        let least = slow.filter_map(|slow| ratio(&times[slow], &times[fast])).reduce(f64::min);
        row += &least.map_or(" – |".to_owned(), |least| format!(" {least:.2} |"));
    }
    println!("{row}");
}

/// The median of the ratios of all rounds.
fn ratio(slow: &Times, fast: &Times) -> Option<f64> {
    median(slow.iter().zip(fast).map(|(slow, fast)| slow / fast).collect())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
