//! Servers of one's own, and clients of them.

#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

mod client;
mod daemon;
#[path = "../../../../tests/live_server/mod.rs"]
pub(crate) mod live_server;

pub(crate) use client::{Client, array};
pub(crate) use daemon::{Daemon, program, run};
