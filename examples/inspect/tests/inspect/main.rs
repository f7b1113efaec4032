//! The program prints what `redis-cli` would, byte for byte, and reports what it cannot read.

mod captures;
mod check_aof;
mod detection;
mod ends;
mod files;
mod going_on;
mod help;
mod hostile;
mod inputs;
mod links;
mod live;
mod machines;
mod many;
mod monitor;
mod packets;
mod pairs;
mod printing;
mod program;
mod raw;
mod readme;
mod replay;
mod replication;
mod scratch;
mod secrets;
mod selecting;
#[cfg(unix)]
mod signals;
mod unread;
mod views;
