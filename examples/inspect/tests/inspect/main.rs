//! The program prints what `redis-cli` would, byte for byte, and reports what it cannot read.

mod captures;
mod check_aof;
mod detection;
mod going_on;
mod inputs;
mod links;
mod live;
mod machines;
mod packets;
mod printing;
mod program;
mod readme;
mod scratch;
mod views;
