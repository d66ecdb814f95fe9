//! Replicas that one snapshot serves: who waits for it, when it is taken, and what each of them is sent.
//!
//! Who asks joins the group that needs the same form and whose snapshot has not begun: that waits for `repl-diskless-sync-delay`, until
//! `repl-diskless-sync-max-replicas` are there, and for a snapshot that is taken already. Each gets the bytes through a pipe of its own, whose
//! bounds are its own too: one that takes nothing, or has gone, is nothing to the others.
//!
//! Invariants:
//! * Nobody joins once the snapshot has begun, or once all who wanted it have gone.
//! * The bytes of a snapshot lie in memory once, however many replicas wait for them there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::pipe::Pipe;
use crate::persist::files::File;
use crate::persist::rdb::style::Style;
use crate::persist::write_log::LogReader;

/// A snapshot that has begun, for one replica.
#[derive(Debug)]
pub(super) struct Begun {
    /// Reads what comes behind it.
    pub(super) reader: LogReader,
    /// The offset at which it begins.
    pub(super) at: u64,
}

/// A replica of a group.
#[derive(Debug)]
pub(super) struct Member {
    /// Its number.
    pub(super) replica: u64,
    pub(super) pipe: Arc<Pipe>,
    /// Is told that the snapshot has begun.
    pub(super) begun: Option<oneshot::Sender<Begun>>,
    /// Is told whether it went well.
    pub(super) ended: oneshot::Sender<bool>,
    /// When it asked, monotonic milliseconds.
    pub(super) asked_ms: u64,
    /// It waits for no others.
    pub(super) is_urgent: bool,
}

#[derive(Debug, Default)]
struct Members {
    list: Vec<Member>,
    /// Nobody joins any more.
    is_closed: bool,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Group {
    /// That of the first replica that joined.
    pub(super) number: u64,
    /// How values are written for it.
    pub(super) style: Style,
    members: Mutex<Members>,
    /// Set when nobody wants it any longer.
    pub(super) is_cancelled: Arc<AtomicBool>,
    /// Bytes that were written.
    len: AtomicU64,
}

impl Group {
    fn new(style: Style, first: Member) -> Group {
        let number = first.replica;
        let members = Mutex::new(Members { list: vec![first], is_closed: false });
        Group { number, style, members, is_cancelled: Arc::default(), len: AtomicU64::new(0) }
    }

    /// Takes one in, or gives it back.
    fn join(&self, member: Member) -> Result<(), Member> {
        let mut members = self.members.lock();
        if members.is_closed {
            return Err(member);
        }
        members.list.push(member);
        Ok(())
    }

    /// Forgets one that has gone.
    pub(super) fn leave(&self, replica: u64) {
        let mut members = self.members.lock();
        members.list.retain(|member| member.replica != replica);
        if members.list.is_empty() {
            members.is_closed = true;
            self.is_cancelled.store(true, Ordering::Relaxed);
        }
    }

    fn is_open(&self) -> bool {
        !self.members.lock().is_closed
    }

    /// True once its snapshot is to be taken.
    fn is_due(&self, now_ms: u64, gathering: Gathering) -> bool {
        let members = self.members.lock();
        let is_full = gathering.replicas_max > 0 && members.list.len() >= gathering.replicas_max;
        let has_waited = |member: &Member| member.is_urgent || now_ms.saturating_sub(member.asked_ms) >= gathering.delay_ms;
        is_full || members.list.iter().any(has_waited)
    }

    /// Lets nobody join any more. Returns who has, by their numbers, with what `begin` returned for each.
    pub(super) fn close(&self, begin: impl Fn() -> Option<Begun>) -> Vec<(u64, oneshot::Sender<Begun>, Begun)> {
        let mut members = self.members.lock();
        members.is_closed = true;
        members.list.iter_mut().filter_map(|member| Some((member.replica, member.begun.take()?, begin()?))).collect()
    }

    /// Tells all whether it went well.
    pub(super) fn end(&self, is_good: bool) {
        let mut members = self.members.lock();
        members.is_closed = true;
        for member in members.list.drain(..) {
            // Who has gone meanwhile need not hear it.
            let _ = member.ended.send(is_good);
        }
    }

    /// Calls `act` with each pipe that is still wanted. Not under the lock: a disk may be slow.
    fn each_pipe(&self, mut act: impl FnMut(u64, &Pipe)) {
        let pipes: Vec<_> = self.members.lock().list.iter().map(|member| (member.replica, Arc::clone(&member.pipe))).collect();
        pipes.iter().for_each(|(replica, pipe)| act(*replica, pipe));
    }
}

/// To who writes the snapshot it is a file that takes everything in order.
impl File for Group {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        if self.len.load(Ordering::Relaxed) != at {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let (mut shared, mut has_taker, mut problem) = (None::<Bytes>, false, None);
        self.each_pipe(|replica, pipe| {
            let own = || shared.get_or_insert_with(|| Bytes::copy_from_slice(bytes)).clone();
            match pipe.push(bytes, own) {
                Ok(()) => has_taker = true,
                Err(error) => {
                    tracing::warn!("What replica {replica} has not taken of its snapshot cannot be written to the disk: {error}");
                    pipe.fail(&error);
                    self.leave(replica);
                    problem = Some(error);
                }
            }
        });
        if !has_taker {
            return Err(problem.unwrap_or_else(|| io::ErrorKind::Interrupted.into()));
        }
        self.len.store(at + bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len.load(Ordering::Relaxed))
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// All is written.
    fn sync(&self) -> io::Result<()> {
        self.each_pipe(|_, pipe| pipe.end());
        Ok(())
    }
}

/// How long a snapshot waits for more replicas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathering {
    /// `repl-diskless-sync-delay`, milliseconds.
    pub(super) delay_ms: u64,
    /// `repl-diskless-sync-max-replicas`; 0: as many as come.
    pub(super) replicas_max: usize,
}

/// Groups whose snapshots have not begun: one for each form that somebody waits for, so no more than replicas.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    groups: Vec<(Arc<Group>, IsTaken)>,
}

/// A thread has been told to take its snapshot.
type IsTaken = bool;

impl Waiting {
    /// Enters a replica, in the group whose snapshot serves it.
    pub(super) fn join(&mut self, style: Style, mut member: Member) -> Arc<Group> {
        for (group, _) in self.groups.iter().filter(|(group, _)| group.style == style) {
            match group.join(member) {
                Ok(()) => return Arc::clone(group),
                Err(back) => member = back,
            }
        }
        let group = Arc::new(Group::new(style, member));
        self.groups.push((Arc::clone(&group), false));
        group
    }

    /// The groups whose snapshots are to be taken now.
    pub(super) fn take_due(&mut self, now_ms: u64, gathering: Gathering) -> Vec<Arc<Group>> {
        self.groups.retain(|(group, _)| group.is_open());
        let due = self.groups.iter_mut().filter(|(group, is_taken)| !is_taken && group.is_due(now_ms, gathering));
        due.map(|(group, is_taken)| {
            *is_taken = true;
            Arc::clone(group)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pipe::Part;
    use super::*;
    use crate::base::limits::REPLICA_SNAPSHOT_LEN_MAX;
    use crate::config::Config;
    use crate::persist::files::faulty::FaultyFiles;
    use crate::persist::files::write_all_at;

    const DELAYED: Gathering = Gathering { delay_ms: 5000, replicas_max: 0 };

    fn style(version: u32) -> Style {
        Style::of_replica(&Config::default(), Some([version, 0, 0]))
    }

    fn member(replica: u64, asked_ms: u64) -> Member {
        member_at(FaultyFiles::default(), replica, asked_ms).0
    }

    fn member_at(files: FaultyFiles, replica: u64, asked_ms: u64) -> (Member, Arc<Pipe>, oneshot::Receiver<bool>) {
        let pipe = Arc::new(Pipe::new(Arc::new(files), format!("snapshot-{replica}").into()));
        let (ended, on_end) = oneshot::channel();
        (Member { replica, pipe: Arc::clone(&pipe), begun: None, ended, asked_ms, is_urgent: false }, pipe, on_end)
    }

    fn numbers(groups: &[Arc<Group>]) -> Vec<u64> {
        groups.iter().map(|group| group.number).collect()
    }

    #[test]
    fn a_group_waits_for_more_until_its_first_has_waited_long_enough() {
        let mut waiting = Waiting::default();
        let first = waiting.join(style(9), member(1, 1000));
        let take = |waiting: &mut Waiting, now_ms| numbers(&waiting.take_due(now_ms, DELAYED));
        assert_eq!(take(&mut waiting, 1000), [0; 0]);
        let others = [(9, 2, 1), (8, 3, 3), (8, 4, 3)].map(|(version, replica, number)| {
            let group = waiting.join(style(version), member(replica, 2000));
            assert_eq!(group.number, number, "{replica}");
            group
        });
        assert_eq!(take(&mut waiting, 5999), [0; 0]);
        assert_eq!(take(&mut waiting, 6000), [1]);
        assert_eq!(take(&mut waiting, 6999), [0; 0], "it is taken once");
        // The snapshot waits for another one: there is time still to join it.
        assert_eq!(waiting.join(style(9), member(5, 6500)).number, 1);
        first.close(|| None);
        assert_eq!(waiting.join(style(9), member(6, 6500)).number, 6);
        // The time of who has gone does not count, and nobody is taken for who have all gone.
        waiting.join(style(8), member(7, 2500));
        others[1].leave(3);
        others[1].leave(4);
        assert_eq!(take(&mut waiting, 7499), [0; 0]);
        assert_eq!(take(&mut waiting, 7500), [3]);
        others[1].leave(7);
        assert!(others[1].is_cancelled.load(Ordering::Relaxed));
        assert_eq!(waiting.join(style(8), member(8, 8000)).number, 8);
        assert_eq!(take(&mut waiting, 20_000), [6, 8]);
    }

    #[test]
    fn a_group_that_is_full_or_in_a_hurry_waits_for_nobody() {
        let mut waiting = Waiting::default();
        let gathering = Gathering { replicas_max: 2, ..DELAYED };
        waiting.join(style(9), member(1, 0));
        assert_eq!(numbers(&waiting.take_due(0, gathering)), [0; 0]);
        waiting.join(style(9), member(2, 0));
        assert_eq!(numbers(&waiting.take_due(0, gathering)), [1]);
        waiting.join(style(8), Member { is_urgent: true, ..member(3, 0) });
        assert_eq!(numbers(&waiting.take_due(0, gathering)), [3]);
        waiting.join(style(7), member(4, 7));
        assert_eq!(numbers(&waiting.take_due(7, Gathering { delay_ms: 0, replicas_max: 0 })), [4]);
    }

    /// All that is there to be taken, and whether that is all.
    fn drain(pipe: &Pipe) -> io::Result<(Vec<u8>, bool)> {
        let mut taken = Vec::new();
        loop {
            match pipe.take()? {
                Part::Bytes(bytes) => taken.extend_from_slice(&bytes),
                Part::Wait => return Ok((taken, false)),
                Part::End => return Ok((taken, true)),
            }
        }
    }

    #[test]
    fn each_gets_all_unless_its_own_disk_fails() {
        let full = FaultyFiles::default();
        full.set_room(0);
        let (members, mut all): (Vec<_>, Vec<_>) = [(1, full), (2, FaultyFiles::default()), (3, FaultyFiles::default())]
            .map(|(number, files)| member_at(files, number, 0))
            .into_iter()
            .map(|(member, pipe, on_end)| (member, (pipe, on_end)))
            .unzip();
        let mut waiting = Waiting::default();
        let mut groups = members.into_iter().map(|member| waiting.join(style(9), member));
        let group = groups.next().expect("there are three");
        assert_eq!(groups.map(|group| group.number).collect::<Vec<_>>(), [1, 1]);
        let bytes: Vec<u8> = (0..REPLICA_SNAPSHOT_LEN_MAX * 2 + 1).map(|number| (number % 251) as u8).collect();
        let mut taken = Vec::new();
        for (number, part) in bytes.chunks(REPLICA_SNAPSHOT_LEN_MAX / 3).enumerate() {
            let at = taken.len() as u64;
            assert!(group.write_at(part, at + 1).is_err(), "nothing is left out");
            write_all_at(&*group, part, at).expect("two take it");
            taken.extend(drain(&all[2].0).expect("it is there").0);
            assert_eq!(taken, bytes[..taken.len()], "part {number}");
        }
        assert!(drain(&all[0].0).is_err() && all[0].1.try_recv().is_err(), "what is missing is not passed over");
        assert_eq!(drain(&all[1].0).expect("it is there"), (bytes, false));
        group.sync().expect("it cannot fail");
        assert!([1, 2].iter().all(|number: &usize| drain(&all[*number].0).expect("it can be read") == (Vec::new(), true)));
        group.end(true);
        assert!((1..3).all(|number| all[number].1.try_recv() == Ok(true)));
        // Once nobody is left it takes no more.
        assert!(group.write_at(b"x", taken.len() as u64).is_err());
    }
}
