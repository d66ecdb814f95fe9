//! A connection's task: waits for the next event, handles it, and ends the connection.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use larder_proto::resp::RequestParser;

use super::accepted::Accepted;
use super::buffer_use::BufferUse;
use super::connection::{Connection, Gone};
use super::gather::{Parker, Round, Slot};
use super::output::Output;
use super::share::{Precedence, Share};
use super::stage::Stage;
use super::stream::Stream;
use super::worker::{RoundStart, Worker};
use crate::base::clock::{self, Ticks};
use crate::base::limits::READ_BUFFER_LEN;
use crate::clients::client::ask;
use crate::clients::{Caller, Client, Session, bit};

/// How long a connection that held a stripe for long waits before it goes on: those who wait for the stripe are awake long before.
const YIELD_TO_WAITERS: Duration = Duration::from_millis(1);

enum Event {
    /// So many bytes are in the worker's buffer.
    Read(usize),
    /// A part of a large argument is in the private buffer.
    ReadLarge,
    /// The socket takes more output, some may leave that was held, or somebody put messages into the outbox.
    Woken,
    /// The worker's timer found something to tidy up.
    Tidy,
    /// The connection is over.
    Closed,
}

/// Starts a connection's task.
pub(super) fn start(worker: &Rc<Worker>, round: &Rc<Round<Connection>>, socket: Accepted) {
    let (addr, laddr, fd) = socket.describe();
    let is_unix = matches!(socket, Accepted::Unix(..));
    let stream = match socket {
        Accepted::Tcp(stream, _) => tokio::net::TcpStream::from_std(stream).map(Stream::Tcp),
        Accepted::Unix(stream, _) => tokio::net::UnixStream::from_std(stream).map(Stream::Unix),
    };
    let Ok(stream) = stream else {
        worker.connections.fetch_sub(1, Ordering::Relaxed);
        return;
    };
    let shared = &worker.shared;
    let client = Client::new(shared.clients.next_id(), addr, laddr, fd, worker.number as u32, clock::monotonic_ms());
    client.set(bit::UNIX_SOCKET, is_unix);
    shared.clients.add(Arc::clone(&client));
    worker.clients.borrow_mut().insert(client.id, Arc::clone(&client));
    let authenticated = worker.config().requirepass.is_empty();
    let connection = Box::new(Connection {
        worker: Rc::clone(worker),
        stream,
        session: Session::new(&client),
        caller: Caller::new(client, authenticated),
        stage: Stage::default(),
        share: Share::default(),
        parser: RequestParser::default(),
        input: Vec::new(),
        announced_len: 0,
        output: Output::default(),
        buffers: BufferUse::new(),
        now: clock::ticks(),
    });
    tokio::task::spawn_local(run(connection, Rc::clone(round)));
}

async fn run(mut connection: Box<Connection>, round: Rc<Round<Connection>>) {
    let slot = Rc::new(Slot::default());
    while connection.turn().await.is_ok() {
        if connection.stage.is_parked() {
            connection = sleep_parked(connection, &slot, &round).await;
        }
    }
    // What is rare has its state in a box: inside this one, every idle connection would have room for it.
    if connection.worker.shared.stop.is_requested() {
        Box::pin(connection.linger()).await;
    }
    match connection.session.joins.take() {
        Some(wish) if connection.may_join() => connection.join_replicas(*wish),
        _ => connection.end(),
    }
}

/// Leaves parked requests to the round, unless there is something else for the task to do. Ends when there is.
///
/// The task is woken by whatever would wake it otherwise, as it goes to sleep in full before the round. What it finds not run yet it runs
/// itself.
async fn sleep_parked(connection: Box<Connection>, slot: &Rc<Slot<Connection>>, round: &Round<Connection>) -> Box<Connection> {
    let mut connection = Some(connection);
    poll_fn(|cx| {
        let Some(mut mine) = connection.take() else {
            return Poll::Ready(slot.take().expect("the round puts it back before any task runs"));
        };
        if !mine.is_asleep(cx) {
            return Poll::Ready(mine);
        }
        slot.put(mine);
        round.join(Rc::clone(slot));
        Poll::Pending
    })
    .await
}

impl Parker for Connection {
    fn run(&mut self, now: Ticks) -> Ticks {
        // Its task may have been woken meanwhile, and have run what was parked.
        if !self.stage.is_parked() {
            return now;
        }
        self.now = now;
        if self.run_parked().is_err() {
            self.stage.end();
        }
        self.now
    }

    fn settle(&mut self) {
        if !self.stage.is_over() && self.send_and_report().is_err() {
            self.stage.end();
        }
        if self.needs_its_task() {
            self.caller.client.outbox.wake();
        }
    }
}

impl Connection {
    /// Waits for the next event and handles it.
    async fn turn(&mut self) -> Result<(), Gone> {
        if self.stage.is_over() {
            return Err(Gone);
        }
        match self.share.begin_turn() {
            Precedence::Nobody => {}
            Precedence::Others => self.let_others_run().await,
            Precedence::Waiters => Box::pin(self.worker.shared.timers.sleep(YIELD_TO_WAITERS)).await,
        }
        let round;
        if self.stage.is_parked() {
            round = self.begin_round();
            self.run_parked()?;
        } else if self.stage.has_requests() && !self.output.is_full() {
            Box::pin(self.run_postponed()).await?;
            self.stage.resume();
            round = self.begin_round();
            self.process_input()?;
        } else {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            round = self.begin_round();
            match event {
                Event::Closed => {
                    self.check_closed()?;
                    return Err(Gone);
                }
                Event::Read(len) => {
                    self.process_read(len)?;
                    if self.stage.is_parked() {
                        // The round goes on with it.
                        return Ok(());
                    }
                }
                Event::ReadLarge => self.process_input()?,
                Event::Tidy => {
                    self.tidy();
                    self.leave_lost_channels();
                }
                Event::Woken => self.touch(),
            }
        }
        self.send_and_report()?;
        self.worker.end_round(round);
        Ok(())
    }

    /// Lets those run whose requests are there, and once more if they have parked them: the round comes behind this task then.
    async fn let_others_run(&self) {
        tokio::task::yield_now().await;
        if self.worker.gather.has_parked() {
            tokio::task::yield_now().await;
        }
    }

    /// Ends a round: sends what there is to be sent, and publishes figures.
    fn send_and_report(&mut self) -> Result<(), Gone> {
        self.take_messages();
        self.flush()?;
        self.report();
        if self.stage.is_closing() && self.output.is_empty() { Err(Gone) } else { Ok(()) }
    }

    /// True if there is something to do that only its own task does, or goes on with.
    #[inline]
    fn needs_its_task(&self) -> bool {
        !self.stage.is_reading() || self.share.yields_to_waiters() || self.output.has_sendable()
    }

    #[inline]
    fn begin_round(&mut self) -> RoundStart {
        let round = self.worker.begin_round();
        self.now = round.ticks;
        round
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.caller.client.outbox.register(cx.waker());
        if let Some(event) = self.asked_for() {
            return Poll::Ready(event);
        }
        self.release();
        if self.output.has_sendable() && self.stream.poll_write_ready(cx).is_ready() {
            return Poll::Ready(Event::Woken);
        }
        let is_ending = self.worker.shared.stop.is_requested();
        // The end takes in nothing more, or a client that goes on sending would put it off.
        if !(is_ending || self.output.is_full() || self.stage.is_closing())
            && let Poll::Ready(event) = self.poll_input(cx)
        {
            return Poll::Ready(event);
        }
        if is_ending && self.output.is_empty() {
            // Everything that was received is answered and sent.
            return Poll::Ready(Event::Closed);
        }
        self.share.rest();
        Poll::Pending
    }

    /// True if its task may sleep after a read: it will be woken by whatever is an event.
    #[inline]
    fn is_asleep(&mut self, cx: &mut Context<'_>) -> bool {
        let is_asleep = !self.output.has_sendable() && self.stream.poll_read_ready(cx).is_pending();
        if is_asleep {
            self.share.rest();
        }
        is_asleep
    }

    /// What others want of this connection.
    #[inline]
    fn asked_for(&self) -> Option<Event> {
        let client = &self.caller.client;
        match client.asked() {
            0 if client.outbox.is_empty() => None,
            0 => Some(Event::Woken),
            asked if asked & ask::CLOSE != 0 => Some(Event::Closed),
            _ => Some(Event::Tidy),
        }
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let wanted = self.parser.wanted_len();
        let is_large = wanted > READ_BUFFER_LEN && self.input.len() < wanted;
        let read = if is_large {
            self.poll_read_large(cx)
        } else {
            let worker = Rc::clone(&self.worker);
            let mut buffer = worker.gather.buffer.borrow_mut();
            self.stream.poll_read(cx, &mut buffer[worker.gather.free()])
        };
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Event::Closed),
            Poll::Ready(Ok(_)) if is_large => Poll::Ready(Event::ReadLarge),
            Poll::Ready(Ok(len)) => Poll::Ready(Event::Read(len)),
        }
    }

    /// Reads a large argument straight into the private buffer.
    fn poll_read_large(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let have = self.input.len();
        let room = self.make_room_for_argument();
        self.input.resize(have + room, 0);
        let read = self.stream.poll_read(cx, &mut self.input[have..]);
        let got = if let Poll::Ready(Ok(len)) = read { len } else { 0 };
        self.input.truncate(have + got);
        if got > 0 {
            self.count_input(got);
        }
        read
    }
}
