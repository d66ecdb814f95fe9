//! Who runs a command, as the commands on data see it. It can leave its worker with a command that runs elsewhere.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client::{Client, bit};

/// See the module's page.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The part that others see.
    pub client: Arc<Client>,
    /// Selected database.
    pub db: u32,
    /// False until AUTH, where a password is required.
    pub authenticated: bool,
    /// True once it was authenticated, even if RESET took that back.
    pub ever_authenticated: bool,
    /// ASKING: for the next command.
    pub asking: bool,
    /// READONLY.
    pub readonly: bool,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// It applies a write log, whose writer has decided when keys end.
    pub applies_log: bool,
    /// True while EXEC runs its commands.
    pub in_exec: bool,
    /// The offset of the write log behind what it wrote last: for WAIT.
    pub wrote_to: u64,
    /// Commands run so far.
    pub commands: u64,
}

/// A command may be run on another thread.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Caller>();
};

impl Caller {
    /// The caller of a new connection.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Caller {
        client.set(bit::AUTHENTICATED, authenticated);
        Caller {
            client,
            db: 0,
            authenticated,
            ever_authenticated: authenticated,
            asking: false,
            readonly: false,
            no_touch: false,
            applies_log: false,
            in_exec: false,
            wrote_to: 0,
            commands: 0,
        }
    }

    /// The caller of a client that waits for keys, for whom somebody else runs its command.
    pub fn of_waiting(client: Arc<Client>, db: u32) -> Caller {
        let (authenticated, readonly, no_touch) = (client.has(bit::AUTHENTICATED), client.has(bit::READONLY), client.has(bit::NO_TOUCH));
        Caller { db, readonly, no_touch, ..Caller::new(client, authenticated) }
    }

    /// Chooses a database.
    pub fn select(&mut self, db: u32) {
        self.db = db;
        self.client.db.store(db, Ordering::Relaxed);
    }

    /// READONLY and READWRITE.
    pub fn set_readonly(&mut self, yes: bool) {
        self.readonly = yes;
        self.client.set(bit::READONLY, yes);
    }

    /// Notes that the client has proved who it is (or has not).
    pub fn set_authenticated(&mut self, yes: bool) {
        self.authenticated = yes;
        self.ever_authenticated |= yes;
        self.client.set(bit::AUTHENTICATED, yes);
    }
}
