//! What is known about commands: what an upstream says, or the built-in table until it has said something.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use tokio::net::TcpStream;
use tracing::info;
use zresp::CommandBuf;
use zresp::commands::CommandTable;

use crate::upstream::ask;

pub(crate) struct Table {
    commands: RefCell<Rc<CommandTable>>,
    /// Whether the next connection is used to ask for the table.
    pub(crate) is_outdated: Cell<bool>,
}

impl Table {
    pub(crate) fn builtin() -> Rc<Self> {
        let commands = RefCell::new(Rc::new(CommandTable::builtin().clone()));
        Rc::new(Self { commands, is_outdated: Cell::new(true) })
    }

    pub(crate) fn commands(&self) -> Rc<CommandTable> {
        Rc::clone(&self.commands.borrow())
    }

    /// Asks for the table, if it is outdated. If the answer is an error, or no table, nothing changes.
    pub(crate) async fn refresh(&self, stream: &mut TcpStream) -> io::Result<()> {
        if self.is_outdated.get() {
            let answer = ask(stream, &CommandBuf::new("COMMAND")).await?;
            self.is_outdated.set(false);
            match CommandTable::from_reply(answer.reply()) {
                Ok(table) if table.commands().len() == 0 => {}
                Ok(table) => *self.commands.borrow_mut() = Rc::new(table),
                Err(error) => info!(%error, "the upstream has sent no table of commands"),
            }
        }
        Ok(())
    }
}
