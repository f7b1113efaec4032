//! The program prints what `redis-cli` would, byte for byte, and reports what it cannot read.

mod inputs;
mod live;
mod printing;
mod program;
mod scratch;
mod views;
