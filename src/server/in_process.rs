//! A node without sockets, and a client whose requests go the same ways as those of a connection: for tests of gate, scope and executor,
//! and for the fuzz target `command_grammar`.

use std::sync::Arc;

use larder_proto::resp::ReplyBuf;

use super::executor::{BatchExecutor, Flow};
use crate::base::clock::Now;
use crate::clients::{Caller, Client, Session};
use crate::config::{Config, ConfigStore};
use crate::engine::blocking;
use crate::engine::cluster_access::ClusterAccess;
use crate::engine::keys::KeyShape;
use crate::engine::shared::Shared;
use crate::engine::spec::CommandSpec;
use crate::engine::table::{Lookup, Table};

/// Longest reply of a request, so that one that would never end does so: a connection's has a bound as well, at which its client is
/// disconnected.
const REPLY_LEN_MAX: usize = 8 * 1024 * 1024;

/// A node with these options and commands. It writes no file by itself.
pub(super) fn node_with(options: &[&str], families: &[&[&'static CommandSpec]], cluster: Option<ClusterAccess>) -> Arc<Shared> {
    let options: Vec<String> = ["--save", ""].iter().chain(options).map(ToString::to_string).collect();
    let (store, _) = ConfigStore::from_args(&options, &mut std::io::empty()).expect("valid options");
    let table = Table::new(families, &[]).expect("no renames");
    let shared = Shared::new(store, table, cluster);
    shared.workers.grow(1);
    Arc::new(shared)
}

/// A node with these options.
pub fn plain_node(options: &[&str]) -> Arc<Shared> {
    node_with(options, crate::commands::FAMILIES, None)
}

fn bounded() -> ReplyBuf {
    let mut reply = ReplyBuf::default();
    reply.set_len_max(REPLY_LEN_MAX);
    reply
}

/// One client.
pub struct Peer {
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Caller,
    pub(super) session: Session,
    pub(super) reply: ReplyBuf,
}

impl Peer {
    /// A new client of a node.
    pub fn new(shared: &Arc<Shared>) -> Peer {
        let client = Client::new(shared.clients.next_id(), "127.0.0.1:1".into(), "127.0.0.1:2".into(), 3, 0, 0);
        Peer { shared: Arc::clone(shared), session: Session::new(&client), caller: Caller::new(client, true), reply: bounded() }
    }

    /// Runs a request: by the short way if its command has one and `knows_key`, else by the long way, as if nobody knew where its key lies.
    /// What became of it; its reply is in `reply`.
    pub(super) fn run_words(&mut self, words: &[&[u8]], knows_key: bool) -> Flow {
        let config: Arc<Config> = self.shared.config.load();
        let shared = Arc::clone(&self.shared);
        let found = shared.table.lookup(words[0], words.get(1).copied());
        let keys = match found {
            Lookup::Found(row) if knows_key && row.shape == KeyShape::First && row.takes(words.len()) => {
                row.resolve(&shared.keyspace, words)
            }
            _ => smallvec::SmallVec::new(),
        };
        self.reply.truncate(0);
        let worker = (&shared, &shared.workers[0]);
        let connection = (&mut self.caller, &mut self.session);
        let mut executor = BatchExecutor::new(worker, &config, connection, &mut self.reply, Now::read(), usize::MAX);
        let flow = executor.execute(words, found, keys.first());
        executor.measure();
        flow
    }

    /// Runs a request that may wait for keys. True if it does so: it is then served by whoever changes one, until [`Peer::leave`].
    pub fn begin_to_wait(&mut self, words: &[&[u8]]) -> bool {
        self.run_words(words, true) == Flow::Block
    }

    /// Ends waiting.
    pub fn leave(&mut self) {
        blocking::leave(&self.shared, &mut self.session, &self.caller.client);
    }

    /// Runs a request and hands out the bytes of its reply. `None` if it would not run at once: what waits or takes long runs elsewhere,
    /// with a connection, but in a transaction always here. Nor has one a reply that asks for more than can be sent.
    pub fn call(&mut self, words: &[&[u8]]) -> Option<Vec<u8>> {
        match self.run_words(words, true) {
            Flow::Plain | Flow::Done => {}
            Flow::Block => {
                blocking::leave(&self.shared, &mut self.session, &self.caller.client);
                return None;
            }
            Flow::Wait(_) | Flow::Busy(_) | Flow::Async(_) | Flow::Offload(..) => return None,
        }
        if self.reply.overflow_len().is_some() {
            let resp3 = self.reply.is_resp3();
            self.reply = bounded();
            self.reply.set_resp3(resp3);
            return None;
        }
        Some(self.reply.take_bytes())
    }
}
