//! The tables about decoding, and the measurements for them.

use bytes::Bytes;

use crate::contenders::{Contender, DECODE, Input, OTHERS, READ, RESP_RS, RUSTIS, TOKENS, WALK};
use crate::corpus::{self, Shape};
use crate::rounds::{self, Times, geometric_mean};
use crate::{lone, one_pass, requests, work};

/// The times on a corpus: nanoseconds per element, by contender.
pub struct Row {
    pub corpus: &'static str,
    pub times: Vec<(&'static str, f64)>,
}

/// The ratios on a corpus: how many times as long the others take.
struct Ratios {
    shape: Shape,
    walk: f64,
    rustis: f64,
    others: f64,
    read_others: f64,
    read_rustis: f64,
}

/// Prints the table of all contenders on all corpora.
pub fn corpora(rounds: usize, filter: &str) -> Vec<Row> {
    let contenders: Vec<_> =
        [DECODE, READ, TOKENS, WALK, RUSTIS].into_iter().chain(OTHERS).collect();
    println!("## Nanoseconds per element, and how many times as long others take\n");
    print!("| corpus |");
    for contender in &contenders {
        print!(" {} |", contender.name);
    }
    println!(" walk / decode | rustis / decode | next / decode | next / read | rustis / read |");
    println!("|---{}|", "|---:".repeat(contenders.len() + 5));
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for corpus in corpus::all().into_iter().filter(|corpus| corpus.name.contains(filter)) {
        let input = Input::new(corpus);
        let times = times(&input, &contenders, rounds);
        all.push(ratios(&input, &times));
        rows.push(row(&input, &contenders, &times));
        print_row(&rows[rows.len() - 1], &all[all.len() - 1]);
    }
    print_summary(&all);
    rows
}

/// Times all contenders on a corpus, and asserts that each sees all frames.
fn times(input: &Input, contenders: &[&Contender], rounds: usize) -> Vec<Times> {
    for contender in contenders {
        let frames = (contender.pass)(input);
        assert_eq!(frames, input.corpus.frames, "{} on {}", contender.name, input.corpus.name);
    }
    let passes: Vec<_> = contenders
        .iter()
        .map(|contender| move || _ = std::hint::black_box((contender.pass)(input)))
        .collect();
    let passes: Vec<&dyn Fn()> = passes.iter().map(|pass| pass as &dyn Fn()).collect();
    rounds::take(rounds, &passes)
}

fn row(input: &Input, contenders: &[&Contender], times: &[Times]) -> Row {
    let per_element = |times: &Times| times.median() / input.corpus.elements as f64;
    let names = contenders.iter().map(|contender| contender.name);
    Row { corpus: input.corpus.name, times: names.zip(times.iter().map(per_element)).collect() }
}

fn ratios(input: &Input, times: &[Times]) -> Ratios {
    let [decode, read, tokens, walk, rustis, others @ ..] = times else {
        unreachable!("as measured")
    };
    // By the faster of the two ways to read.
    let read = if tokens.median() < read.median() { tokens } else { read };
    let next = |fast: &Times| others.iter().map(|slow| slow.over(fast)).fold(f64::MAX, f64::min);
    Ratios {
        shape: input.corpus.shape,
        walk: walk.over(decode),
        rustis: rustis.over(decode),
        others: next(decode),
        read_others: next(read),
        read_rustis: rustis.over(read),
    }
}

fn print_row(row: &Row, ratios: &Ratios) {
    print!("| {} |", row.corpus);
    for (_, time) in &row.times {
        print!(" {time:.1} |");
    }
    let Ratios { walk, rustis, others, read_others, read_rustis, .. } = ratios;
    println!(" {walk:.2} | {rustis:.1} | {others:.1} | {read_others:.1} | {read_rustis:.1} |");
}

/// Prints the geometric means, the least values, and the targets.
fn print_summary(all: &[Ratios]) {
    println!(
        "\n## Targets\n\n| ratio | mean | target | least | target |\n|---|---:|---:|---:|---:|"
    );
    let line = |name: &str, ratios: Vec<f64>, mean_target: &str, least_target: &str| {
        if ratios.is_empty() {
            return;
        }
        let mean = geometric_mean(&ratios);
        let least = ratios.iter().copied().fold(f64::MAX, f64::min);
        println!("| {name} | {mean:.2} | {mean_target} | {least:.2} | {least_target} |");
    };
    let every = |of: fn(&Ratios) -> f64| all.iter().map(of).collect();
    line("rustis / decode", every(|row| row.rustis), "3", "1.5");
    line("next / decode", every(|row| row.others), "10", "5");
    line("next / read", every(|row| row.read_others), "8", "4");
    line("rustis / read", every(|row| row.read_rustis), "3", "1.2");
    for (name, shape, target) in [
        ("walk / decode, frames of several elements", Shape::Several, "0.80"),
        ("walk / decode, frames of one", Shape::Single, "0.67"),
        ("walk / decode, equal lengths", Shape::Equal, "2.00"),
    ] {
        let of_shape = all.iter().filter(|row| row.shape == shape).map(|row| row.walk);
        line(name, of_shape.collect(), "", target);
    }
}

/// Prints the table of ways to read every value, relative to one pass without limits and resumption.
pub fn reading(rounds: usize, filter: &str) {
    println!(
        "\n## Reading every value, relative to one checked pass without limits and resumption\n"
    );
    println!("| corpus | one pass, ns per element | elements | `tokens()` | token reader |");
    println!("|---|---:|---:|---:|---:|");
    for corpus in corpus::all().into_iter().filter(|corpus| corpus.name.contains(filter)) {
        let bytes = &corpus.bytes;
        if one_pass::frames(bytes).0 != corpus.frames {
            continue; // it has values of other kinds
        }
        let passes: [&dyn Fn(); 4] = [
            &|| _ = std::hint::black_box(one_pass::frames(bytes)),
            &|| assert_eq!(work::read(bytes), corpus.frames),
            &|| assert_eq!(work::tokens(bytes), corpus.frames),
            &|| assert_eq!(work::reader(bytes), corpus.frames),
        ];
        let times = rounds::take(rounds, &passes);
        let ratio = |index: usize| times[index].over(&times[0]);
        let per_element = times[0].median() / corpus.elements as f64;
        let (read, tokens, reader) = (ratio(1), ratio(2), ratio(3));
        println!("| {} | {per_element:.1} | {read:.2} | {tokens:.2} | {reader:.2} |", corpus.name);
    }
}

/// Prints the table of lone frames, each decoded by a new decoder.
pub fn lone_frames(rounds: usize) {
    println!("\n## One small frame, cold: nanoseconds\n");
    println!(
        "| frame | zresp | resp-rs | redis-protocol | resp-rs / zresp |\n|---|---:|---:|---:|---:|"
    );
    for (name, frame) in lone::FRAMES {
        let shared = Bytes::from_static(frame);
        let passes: [&dyn Fn(); 3] =
            [&|| lone::zresp(frame), &|| lone::resp_rs(&shared), &|| lone::redis_protocol(frame)];
        let times = rounds::take(rounds, &passes);
        let [zresp, resp_rs, protocol] =
            [0, 1, 2].map(|index| times[index].median() / lone::TIMES as f64);
        let ratio = times[1].over(&times[0]);
        println!("| {name} | {zresp:.1} | {resp_rs:.1} | {protocol:.1} | {ratio:.1} |");
    }
}

/// Prints the table of requests: only decoded, and with everything that routing needs.
pub fn requests(rounds: usize) {
    println!("\n## Pipelined requests: nanoseconds each\n");
    println!(
        "| request | zresp decode | name matched, key, slot | name looked up, keys, slots | with a loaded table | \
         resp-rs | resp-rs / decode |\n|---|---:|---:|---:|---:|---:|---:|"
    );
    let table = requests::loaded();
    for corpus in corpus::requests() {
        let input = Input::new(corpus);
        let bytes = &input.corpus.bytes;
        let frames = input.corpus.frames;
        let passes: [&dyn Fn(); 5] = [
            &|| assert_eq!(requests::decode(bytes), frames),
            &|| assert_eq!(requests::route_known(bytes), frames),
            &|| assert_eq!(requests::route(bytes), frames),
            &|| assert_eq!(requests::route_with(&table, bytes), frames),
            &|| assert_eq!((RESP_RS.pass)(&input), frames),
        ];
        let times = rounds::take(rounds, &passes);
        let each = |index: usize| times[index].median() / frames as f64;
        print!("| {} |", input.corpus.name);
        (0..5).for_each(|index| print!(" {:.1} |", each(index)));
        println!(" {:.1} |", times[4].over(&times[0]));
    }
    let (same, mixed) = (vec![b"GET".to_vec(); 4_000], corpus::names());
    let passes: [&dyn Fn(); 2] = [&|| assert_eq!(requests::lookups(&same), same.len()), &|| {
        assert_eq!(requests::lookups(&mixed), mixed.len());
    }];
    let times = rounds::take(rounds, &passes);
    let [same, mixed] = [0, 1].map(|index| times[index].median() / 4_000.0);
    println!(
        "\nA name looked up: {same:.1} ns for `GET` again and again, {mixed:.1} for several names."
    );
}

/// Prints the table of the same bytes in reads of different sizes.
pub fn chunks(rounds: usize) {
    let bytes = corpus::many_bulks();
    println!("\n## 80,000 bulk strings of 50 bytes in reads\n");
    println!("| reads of | nanoseconds per frame | / whole |\n|---|---:|---:|");
    let sizes = [bytes.len(), 16_384, 1_400];
    let passes = sizes.map(|size| {
        let bytes = &bytes;
        move || assert_eq!(work::chunked(bytes, size), corpus::MANY_BULKS)
    });
    let times = rounds::take(rounds, &passes.each_ref().map(|pass| pass as &dyn Fn()));
    for (size, time) in sizes.iter().zip(&times) {
        let per_frame = time.median() / corpus::MANY_BULKS as f64;
        println!("| {size} | {per_frame:.1} | {:.2} |", time.over(&times[0]));
    }
}

/// Prints the table of a framer in chunks of different sizes, relative to a decoder that has all bytes.
pub fn framer(rounds: usize) {
    let bytes = &corpus::mixed();
    let frames = work::decode(bytes);
    println!(
        "\n## A few frames of each corpus in turn: `Framer` in chunks, relative to `decode` of one piece\n"
    );
    println!("| chunks of | / decode |\n|---|---:|");
    let sizes = [bytes.len(), 16_384, 1_400];
    let decode = move || assert_eq!(work::decode(bytes), frames);
    let passes = sizes.map(|size| move || assert_eq!(work::framed(bytes, size), frames));
    let passes: Vec<_> = [&decode as &dyn Fn()]
        .into_iter()
        .chain(passes.iter().map(|pass| pass as &dyn Fn()))
        .collect();
    let times = rounds::take(rounds, &passes);
    for (size, time) in sizes.iter().zip(&times[1..]) {
        println!("| {size} | {:.2} |", time.over(&times[0]));
    }
}

/// Prints the number of allocations in all of these passes.
pub fn allocations() {
    let bytes = corpus::many_bulks();
    let corpora = corpus::all();
    let requests = corpus::requests();
    let info = allocation_counter::measure(|| {
        for corpus in &corpora {
            work::decode(&corpus.bytes);
            work::read(&corpus.bytes);
            work::tokens(&corpus.bytes);
        }
        for corpus in &requests {
            requests::decode(&corpus.bytes);
            requests::route(&corpus.bytes);
        }
        work::chunked(&bytes, 1_400);
        for (_, frame) in lone::FRAMES {
            lone::zresp(frame);
        }
    });
    println!("\nAllocations by zresp in all of these: {}", info.count_total);
}
