//! The server's executable.

#[global_allocator]
static ALLOCATOR: larder::base::alloc::Counting = larder::base::alloc::Counting;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    std::process::exit(larder::node::run(&args));
}
