//! Servers for tests, and clients for them.

#![allow(dead_code, unused_imports, reason = "each test file uses only a part")]

mod client;
mod daemon;

pub(crate) use client::{Client, array};
pub(crate) use daemon::{Daemon, program, run, signal};
pub(crate) use zresp_testing::drive::live_server;
