//! The shape of an aggregate, which must be known before its first value is printed.
//!
//! The width of the indices depends on the number of values, which a streamed aggregate does not announce.
//! And `redis-cli` begins a new line for the value of a pair if that takes several lines. Both need
//! lookahead. The lookahead also keeps the shapes of inner aggregates, so that each token is read at most
//! twice, at any depth: once ahead and once to print it.

use std::collections::VecDeque;

use zresp::view::Tokens;
use zresp::{Kind, Token};

/// The shape of an aggregate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The number of elements; in a map or attribute, of pairs.
    pub(crate) len: usize,
    pub(crate) lines: Lines,
}

/// The number of lines of a printed value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lines {
    #[default]
    One,
    Several,
}

/// A shape in little memory, because a frame may have a hundred million. It never has as many values as a number of 31 bits.
#[derive(Debug, Clone, Copy)]
struct Packed(u32);

impl Packed {
    fn new(Shape { len, lines }: Shape) -> Self {
        let len = u32::try_from(len).unwrap_or(u32::MAX) & u32::MAX >> 1;
        Self(len << 1 | u32::from(lines == Lines::Several))
    }

    const fn shape(self) -> Shape {
        let lines = if self.0 & 1 == 0 { Lines::One } else { Lines::Several };
        Shape { len: (self.0 >> 1) as usize, lines }
    }
}

/// The shapes of the aggregates that the lookahead has seen, in the order in which they open.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    ahead: VecDeque<Packed>,
}

impl Shapes {
    /// Returns the shape of the aggregate that has just been opened; `rest` are the tokens after that.
    ///
    /// The number of lines is right only for the value of a pair; it matters nowhere else.
    pub(crate) fn opened(
        &mut self,
        kind: Kind,
        announced: Option<usize>,
        is_value_of_pair: bool,
        rest: &Tokens<'_>,
    ) -> Shape {
        if let Some(shape) = self.ahead.pop_front() {
            return shape.shape();
        }
        match announced {
            Some(0) => Shape::default(),
            Some(1) if is_value_of_pair => self.look_ahead(kind, rest),
            Some(len) => Shape { len, lines: Lines::Several },
            None => self.look_ahead(kind, rest),
        }
    }

    /// Looks through an aggregate that has just been opened, and keeps the shapes of those in it.
    fn look_ahead(&mut self, kind: Kind, rest: &Tokens<'_>) -> Shape {
        let mut outer = Vec::new();
        let mut innermost = Tally::new(kind, 0, false);
        let mut annotated = false;
        for token in rest.clone() {
            match token {
                Token::Open { kind, .. } => {
                    let place = self.ahead.len();
                    let inner = Tally::new(kind, place, annotated);
                    self.ahead.push_back(Packed(0));
                    outer.push(std::mem::replace(&mut innermost, inner));
                    annotated = false;
                }
                Token::Close(kind) => {
                    let shape = innermost.shape();
                    let Some(parent) = outer.pop() else { return shape };
                    let closed = std::mem::replace(&mut innermost, parent);
                    if let Some(place) = self.ahead.get_mut(closed.place) {
                        *place = Packed::new(shape);
                    }
                    if kind == Kind::Attribute {
                        annotated = true;
                    } else if closed.annotated {
                        innermost.count(Lines::Several);
                    } else {
                        innermost.count(shape.lines);
                    }
                }
                _ => {
                    innermost.count(if annotated { Lines::Several } else { Lines::One });
                    annotated = false;
                }
            }
        }
        innermost.shape()
    }
}

/// The values of an aggregate that the lookahead has seen so far.
struct Tally {
    /// Whether its values are pairs.
    pairs: bool,
    /// The place of its shape in `Shapes::ahead`.
    place: usize,
    /// Whether an attribute annotates it.
    annotated: bool,
    values: usize,
    /// The lines of the first element; for a pair, of its value.
    first: Lines,
}

impl Tally {
    const fn new(kind: Kind, place: usize, annotated: bool) -> Self {
        Self { pairs: kind.has_pairs(), place, annotated, values: 0, first: Lines::One }
    }

    fn count(&mut self, lines: Lines) {
        self.values += 1;
        if self.values == if self.pairs { 2 } else { 1 } {
            self.first = lines;
        }
    }

    const fn shape(&self) -> Shape {
        let len = if self.pairs { self.values / 2 } else { self.values };
        let lines = match len {
            0 => Lines::One,
            1 => self.first,
            _ => Lines::Several,
        };
        Shape { len, lines }
    }
}
