//! The binary. Everything is in the library, so that it is compiled once.
#![deny(unsafe_code)]

fn main() -> std::process::ExitCode {
    give_memory_back();
    leither_cli::enter()
}

/// glibc's allocator would keep what large buffers leave behind: after some GiB of content a node held 500 MB that it had no use for.
/// Buffers from 1 MiB on are mapped and unmapped, two arenas serve all threads, and 8 MiB at an arena's end are kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn give_memory_back() {
    for (parameter, value) in [(libc::M_MMAP_THRESHOLD, 1 << 20), (libc::M_ARENA_MAX, 2), (libc::M_TRIM_THRESHOLD, 8 << 20)] {
        // SAFETY: `mallopt` takes two integers and changes settings of the allocator alone; no other thread runs yet. Where it refuses
        // one, the default stands.
        unsafe { libc::mallopt(parameter, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}
