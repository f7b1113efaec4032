//! What must be known of an aggregate before the first of its values is printed.
//!
//! How wide the indices are depends on the number of values, which a streamed aggregate does not
//! announce. And `redis-cli` begins a new line for the value of a pair if it takes several. Both
//! are found by a look ahead, and what a look ahead has learned about inner aggregates is kept: no
//! token is passed more than once ahead and once in printing, at any depth.

use std::collections::VecDeque;

use zresp::view::Tokens;
use zresp::{Kind, Token};

/// The shape of an aggregate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many elements it has; pairs in a map or attribute.
    pub(crate) len: usize,
    pub(crate) lines: Lines,
}

/// How many lines a value takes when printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Lines {
    #[default]
    One,
    Several,
}

/// The shapes of the aggregates that have been looked at ahead, in the order in which they open.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    ahead: VecDeque<Shape>,
}

impl Shapes {
    /// Returns the shape of the aggregate that has just been opened; `rest` are the tokens behind.
    ///
    /// Of the lines it is right where it is asked: for the value of a pair.
    pub(crate) fn opened(
        &mut self,
        kind: Kind,
        announced: Option<usize>,
        is_value_of_pair: bool,
        rest: &Tokens<'_>,
    ) -> Shape {
        if let Some(shape) = self.ahead.pop_front() {
            return shape;
        }
        match announced {
            Some(0) => Shape::default(),
            Some(1) if is_value_of_pair => self.look_ahead(kind, rest),
            Some(len) => Shape { len, lines: Lines::Several },
            None => self.look_ahead(kind, rest),
        }
    }

    /// Passes over an aggregate that has just been opened; keeps the shapes of those in it.
    fn look_ahead(&mut self, kind: Kind, rest: &Tokens<'_>) -> Shape {
        let mut outer = Vec::new();
        let mut innermost = Tally::new(kind, 0, false);
        let mut annotated = false;
        for token in rest.clone() {
            match token {
                Token::Open { kind, .. } => {
                    let place = self.ahead.len();
                    let inner = Tally::new(kind, place, annotated);
                    self.ahead.push_back(Shape::default());
                    outer.push(std::mem::replace(&mut innermost, inner));
                    annotated = false;
                }
                Token::Close(kind) => {
                    let shape = innermost.shape();
                    let Some(parent) = outer.pop() else { return shape };
                    let closed = std::mem::replace(&mut innermost, parent);
                    if let Some(place) = self.ahead.get_mut(closed.place) {
                        *place = shape;
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

/// What has been seen of an aggregate.
struct Tally {
    /// Whether its values are pairs.
    pairs: bool,
    /// Where its shape belongs.
    place: usize,
    /// Whether an attribute is in front of it.
    annotated: bool,
    values: usize,
    /// The lines of the first element; in a pair, those of the value.
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
