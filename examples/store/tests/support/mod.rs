//! Servers of one's own, and clients of them.

#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

mod client;
mod daemon;

pub(crate) use client::{Client, array};
pub(crate) use daemon::{Daemon, program, run};
pub(crate) use zresp_testing::drive::live_server;
