//! How many sockets the gateway may have open.

/// GW-13: so many connections as were asked for, but a quarter at most of the files that the system lets this process have open: what else
/// it opens, its databases first of all, must not fail for what strangers do.
pub(super) fn connections(wanted: usize) -> usize {
    // Linux tells; elsewhere it is not known.
    let most = std::fs::read_to_string("/proc/self/limits").ok().and_then(|limits| open_files_in(&limits));
    let given = bounded(wanted, most);
    if given < wanted {
        tracing::warn!(
            wanted,
            given,
            "the system lets this process open few files: the gateway takes fewer connections; raise the limit (ulimit -n, LimitNOFILE)"
        );
    }
    given
}

fn bounded(wanted: usize, most: Option<usize>) -> usize {
    most.map_or(wanted, |most| wanted.min((most / 4).max(1)))
}

/// The limit that holds now; nothing where there is none.
fn open_files_in(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_13_connections_leave_files_for_the_rest_of_the_node() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max core file size        0                    unlimited            bytes     \n\
                      Max open files            1024                 1048576              files     \n";
        assert_eq!(open_files_in(limits), Some(1024));
        assert_eq!(open_files_in(&limits.replace("1024 ", "unlimited ")), None);
        assert_eq!(open_files_in("junk"), None);
        assert_eq!((bounded(1024, Some(1024)), bounded(100, Some(1024)), bounded(1024, None)), (256, 100, 1024));
        assert_eq!(bounded(5, Some(0)), 1, "one at least");
    }
}
