//! What is held for a client in other places than its output: it counts towards the buffers.

use std::cell::Cell;
use std::rc::Rc;

use crate::client::Client;

/// Counts bytes that are held for a client until it is dropped.
pub(crate) struct Charge {
    client: Rc<Client>,
    bytes: Cell<usize>,
}

impl Charge {
    pub(crate) fn new(client: &Rc<Client>, bytes: usize) -> Self {
        let charge = Self { client: Rc::clone(client), bytes: Cell::default() };
        charge.set(bytes);
        charge
    }

    pub(crate) fn set(&self, bytes: usize) {
        let charged = &self.client.charged;
        charged.set(charged.get() + bytes - self.bytes.replace(bytes));
        self.client.count();
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}
