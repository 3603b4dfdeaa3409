//! What the operating system tells of this process. Linux does, under /proc; elsewhere there is nothing, and the metric has no value.

/// Memory in RAM.
pub(super) fn resident_bytes() -> Option<u64> {
    resident_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Files and sockets that are open, the one that this takes left out.
pub(super) fn open_fds() -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(open).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident_in("VmPeak:\t  99 kB\nVmRSS:\t    2048 kB\nThreads:\t9\n"), Some(2 << 20));
        assert_eq!(resident_in("VmRSS:\t many kB\n"), None);
        assert_eq!(resident_in("Threads:\t9\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_each_open_file_counts() {
        assert!(resident_bytes().unwrap() > 1 << 20);
        let before = open_fds().unwrap();
        // Other tests open and close files meanwhile; a thousand are not theirs.
        let held: Vec<_> = (0..1_000).map_while(|_| std::fs::File::open("/dev/null").ok()).collect();
        assert!(open_fds().unwrap() >= before + held.len() as u64 / 2, "{before} and {} more", held.len());
    }
}
