//! What is known about commands: what an upstream says, or the built-in table until it has said something.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tracing::info;
use zresp::commands::CommandTable;
use zresp::{CommandBuf, CommandRef, Protocol, ReplyRef};

use crate::connection::Connection;
use crate::upstream::{Failure, Upstream};

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

    /// Asks an upstream, the only one or any, whether it knows a command. If it does, the table is read again.
    pub(crate) async fn learn(
        &self,
        upstream: &Rc<Upstream>,
        command: &CommandRef<'_>,
        is_one: bool,
    ) -> Result<bool, Failure> {
        let is_container = self.commands().lookup(command.name()).is_some();
        let words: Vec<_> = command.args().take(1 + usize::from(is_container)).collect();
        let mut connection = upstream.connect(Protocol::Resp2).await?;
        let question = CommandBuf::new("COMMAND").arg("INFO").arg(words.join(&b'|'));
        let info = connection.ask(&question).await?;
        let is_known = |entry: ReplyRef<'_>| entry.as_elements().is_ok_and(|all| all.count() > 0);
        match info.reply().as_elements().map(|mut entries| entries.any(is_known)) {
            Ok(true) => {}
            // Nothing says that the command is unknown, and it may have a key of another upstream.
            Err(error) if !is_one => return Err(upstream.failure(error)),
            _ => return Ok(false),
        }
        self.is_outdated.set(true);
        self.refresh(&mut connection).await?;
        let name = "ERR the upstream lists this command under another name";
        self.commands().of(command).map(|_| true).ok_or_else(|| Failure::new(name))
    }

    /// Asks for the table, if it is outdated. If the answer is an error, or no table, nothing changes.
    pub(crate) async fn refresh(&self, connection: &mut Connection) -> Result<(), Failure> {
        if self.is_outdated.get() {
            let answer = connection.ask(&CommandBuf::new("COMMAND")).await?;
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
