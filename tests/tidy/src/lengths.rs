//! Files that fit a head.

use crate::{Findings, Tree};

/// Above this a file is printed: ask why.
pub const LINES_ASK: usize = 400;
/// Above this it must be split.
pub const LINES_MAX: usize = 600;

/// Files too long to stay, and those that are long enough to ask why.
pub fn check(tree: &Tree) -> (Findings, Findings) {
    let (mut split, mut ask) = (Findings::new(), Findings::new());
    for file in tree.rust() {
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            split.push(format!("{}: {lines} lines; split it at a seam ({LINES_MAX} is the limit)", file.path));
        } else if lines > LINES_ASK {
            ask.push(format!("{}: {lines} lines; is there a seam?", file.path));
        }
    }
    (split, ask)
}
