//! What the system tells about this process and its machine.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Processor time, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    /// In the program.
    pub user_us: i64,
    /// In the kernel on its behalf.
    pub system_us: i64,
}

fn usage(who: UsageWho) -> CpuTime {
    let microseconds = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    getrusage(who).map_or_else(
        |_| CpuTime::default(),
        |usage| CpuTime { user_us: microseconds(usage.user_time()), system_us: microseconds(usage.system_time()) },
    )
}

/// Of the whole process.
pub fn cpu_time() -> CpuTime {
    usage(UsageWho::RUSAGE_SELF)
}

/// Of its children that have ended.
pub fn children_cpu_time() -> CpuTime {
    usage(UsageWho::RUSAGE_CHILDREN)
}

/// Of the calling thread.
pub fn thread_cpu_time() -> CpuTime {
    usage(UsageWho::RUSAGE_THREAD)
}

/// Bytes of the process in physical memory; 0 if the system does not tell.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok().and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Physical memory of the machine.
pub fn total_memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram as u64 * u64::from(info.mem_unit.max(1))
}

/// True if there is a process of this number. Also if the system does not tell.
pub fn is_there(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Processors that this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Name, release and architecture of the system, as `uname -srm` prints them.
pub fn system_name() -> String {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    format!("{} {} {}", text(name.sysname()), text(name.release()), text(name.machine()))
}

/// How many files the process may open, after raising the limit to `wanted` as far as the system allows.
pub fn raise_open_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current;
    }
    // First both limits (which only a privileged process may), then the soft one up to the hard one.
    let both = Rlimit { current: Some(wanted), maximum: Some(limit.maximum.map_or(wanted, |maximum| maximum.max(wanted))) };
    if setrlimit(Resource::Nofile, both).is_ok() {
        return wanted;
    }
    let most = limit.maximum.unwrap_or(wanted).min(wanted);
    if setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).is_ok() { most.max(current) } else { current }
}
