//! The program prints what `redis-cli` would, to the byte, and reports what it cannot read.

mod inputs;
mod live;
mod printing;
mod program;
mod scratch;
mod views;
