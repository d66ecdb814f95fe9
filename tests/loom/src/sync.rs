//! What the server's `base::sync` names, over loom.
//!
//! Left out, so not proved: how parking_lot's mutex, tokio's `Notify` and `OnceLock` work inside (each stands here for what it promises),
//! and how long anything takes: a sleep and a turn of spinning let another thread run, no more.
//!
//! loom's atomics cannot be made in a constant, as the stripe lock is. So each is made when it is first used, which must be in the thread
//! that starts the others: a model touches what it shares before that.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use loom::sync::atomic::{Ordering, fence};

pub const fn turns(_: u32) -> u32 {
    1
}

pub fn spin_loop() {
    loom::thread::yield_now();
}

pub fn sleep(_: Duration) {
    loom::thread::yield_now();
}

/// Something that is made when it is first used.
struct Lazy<T>(OnceCell<T>);

// SAFETY: all threads of a model take turns in one thread of the system, so that no two are ever inside the cell.
unsafe impl<T> Sync for Lazy<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Lazy<T> {}

impl<T> Lazy<T> {
    const fn new() -> Self {
        Lazy(OnceCell::new())
    }
}

impl<T> fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shared")
    }
}

macro_rules! atomic {
    ($name:ident, $value:ty, { $($method:ident),* }) => {
        #[derive(Debug)]
        pub struct $name($value, Lazy<loom::sync::atomic::$name>);

        impl $name {
            pub const fn new(value: $value) -> Self {
                $name(value, Lazy::new())
            }

            fn inner(&self) -> &loom::sync::atomic::$name {
                self.1.0.get_or_init(|| loom::sync::atomic::$name::new(self.0))
            }

            pub fn load(&self, order: Ordering) -> $value {
                self.inner().load(order)
            }

            pub fn store(&self, value: $value, order: Ordering) {
                self.inner().store(value, order)
            }

            $(pub fn $method(&self, value: $value, order: Ordering) -> $value {
                self.inner().$method(value, order)
            })*
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new(<$value>::default())
            }
        }
    };
}

atomic!(AtomicBool, bool, {});

impl AtomicBool {
    /// One that changes nothing also writes nothing: loom does not order such a write before the next store of somebody else, and would
    /// let a thread that looks again and again see it for ever.
    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.inner().compare_exchange(!value, value, order, Ordering::Acquire).unwrap_or_else(|same| same)
    }
}

atomic!(AtomicU32, u32, { swap, fetch_add, fetch_sub });
atomic!(AtomicU64, u64, { swap, fetch_add, fetch_sub, fetch_max });
atomic!(AtomicUsize, usize, { swap, fetch_add, fetch_sub });

/// Runs a future in this thread. loom fails a model in which it sleeps and nobody wakes it any more.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Thread(loom::sync::Notify);

    impl std::task::Wake for Thread {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.notify();
        }
    }

    let thread = std::sync::Arc::new(Thread(loom::sync::Notify::new()));
    let waker = Waker::from(std::sync::Arc::clone(&thread));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread.0.wait();
    }
}

/// parking_lot's, of which these files use `lock` alone.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("a model that panics has failed")
    }
}

/// A value that is set once: what is read of it was written before `is_set` was.
#[derive(Debug)]
pub struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false) }
    }
}

impl<T> OnceLock<T> {
    pub fn get(&self) -> Option<&T> {
        // The flag is what loom orders; without it the value would be there for all threads at once.
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(make);
        self.is_set.store(true, Ordering::Release);
        value
    }
}

/// tokio's, of which these files use that all who wait are woken. It takes a lock wherever it looks, as tokio's does where somebody waits
/// or is woken; only the creation of a wish takes none there.
#[derive(Debug)]
pub struct Notify(Lazy<loom::sync::Mutex<Wishes>>);

#[derive(Default)]
struct Wishes {
    /// How often all were woken.
    calls: u64,
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Notify {
    pub const fn const_new() -> Self {
        Notify(Lazy::new())
    }

    fn wishes(&self) -> loom::sync::MutexGuard<'_, Wishes> {
        self.0.0.get_or_init(Default::default).lock().expect("a model that panics has failed")
    }

    pub fn notify_waiters(&self) {
        let mut wishes = self.wishes();
        wishes.calls += 1;
        let wakers = std::mem::take(&mut wishes.wakers);
        drop(wishes);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    pub fn notified(&self) -> Notified<'_> {
        let mut wishes = self.wishes();
        wishes.next += 1;
        Notified { notify: self, calls: wishes.calls, number: wishes.next }
    }
}

pub struct Notified<'n> {
    notify: &'n Notify,
    /// How often all had been woken when it began.
    calls: u64,
    number: u64,
}

impl Notified<'_> {
    /// It counts from its creation on for whoever wakes all.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.notify.wishes().calls != self.calls
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut wishes = self.notify.wishes();
        if wishes.calls != self.calls {
            return Poll::Ready(());
        }
        wishes.wakers.retain(|(number, _)| *number != self.number);
        wishes.wakers.push((self.number, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        // A thread that panics holds the lock perhaps.
        if !std::thread::panicking() {
            self.notify.wishes().wakers.retain(|(number, _)| *number != self.number);
        }
    }
}
