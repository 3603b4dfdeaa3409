//! How far long work is: a bar for a person at a terminal, lines of JSON for a script that asks for them.
//!
//! PROGRESS-1: nothing is drawn where standard error is no terminal, nor with `--json`, nor beside a file's bytes on the standard output.

use crate::print::Printer;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Characters of a bar.
const WIDTH: u64 = 24;
/// It is drawn no more often, and not before: what is done by then needs none.
const DRAW: Duration = Duration::from_millis(100);
/// Before this a rate would be a guess.
const SETTLED_MS: u64 = 1_000;
/// A script hears of it after so many bytes ...
const STEP_BYTES: u64 = 4 << 20;
/// ... or entries.
const STEP_ENTRIES: u64 = 256;

/// How far something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Far {
    /// Bytes that were moved. The rate is theirs, where there are any ...
    pub bytes: u64,
    /// ... else that of the entries: files, directories, names of a list.
    pub entries: u64,
    /// Blocks that were moved.
    pub blocks: u64,
    /// How much of how much is done, in any unit; nothing where nobody knows the whole.
    pub of: Option<(u64, u64)>,
    /// The whole is only what is known by now.
    pub grows: bool,
}

/// How often a script hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Every 4 MiB or 256 entries: of work that tells often.
    Steps,
    /// Each time: of work that tells seldom.
    Each,
    /// Never: it has lines of its own, or no blocks that could be counted.
    Never,
}

/// What a script was told last, and when a person was.
struct Told {
    bytes: u64,
    entries: u64,
    drawn: Instant,
    is_drawn: bool,
}

impl Told {
    /// Whether a script is to hear of it.
    fn is_step(&mut self, far: &Far, pace: Pace) -> bool {
        let is_step = match pace {
            Pace::Each => true,
            Pace::Never => false,
            Pace::Steps => {
                far.bytes >= self.bytes.saturating_add(STEP_BYTES) || far.entries >= self.entries.saturating_add(STEP_ENTRIES)
            }
        };
        if is_step {
            (self.bytes, self.entries) = (far.bytes, far.entries);
        }
        is_step
    }
}

/// Says how far some work is, from its beginning until it is dropped.
pub struct Bar {
    printer: Printer,
    pace: Pace,
    draws: bool,
    begun: Instant,
    told: Mutex<Told>,
}

impl Bar {
    /// From now on.
    pub fn new(printer: Printer, pace: Pace) -> Self {
        let begun = Instant::now();
        let told = Mutex::new(Told { bytes: 0, entries: 0, drawn: begun, is_drawn: false });
        Self { printer, pace, draws: true, begun, told }
    }

    /// Of what is written to `out`: beside a file's bytes on the standard output nothing is drawn.
    pub fn of_file(printer: Printer, out: Option<&Path>) -> Self {
        let mut bar = Self::new(printer, Pace::Steps);
        bar.draws = out != Some(Path::new("-"));
        bar
    }

    /// It has come so far; `words` say what is counted.
    pub fn tell(&self, far: Far, words: fmt::Arguments<'_>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_step(&far, self.pace) {
            self.printer.step(far.blocks, far.bytes);
        }
        if self.draws && told.drawn.elapsed() >= DRAW {
            (told.drawn, told.is_drawn) = (Instant::now(), true);
            self.printer.progress(&line(&far, words, self.begun.elapsed()));
        }
    }

    /// Takes the bar away, before something else is said.
    pub fn over(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut told.is_drawn) {
            self.printer.progress_over();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.over();
    }
}

/// `[######..................] 10.0 MiB of 40.0 MiB, 3.1 MiB/s, 9 s left`
fn line(far: &Far, words: fmt::Arguments<'_>, elapsed: Duration) -> String {
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let mut line = match far.of {
        Some((done, all)) => format!("[{}] {words}", drawn(done, all)),
        None => words.to_string(),
    };
    if ms >= SETTLED_MS {
        for part in [rate(far, ms), left(far, ms)].into_iter().flatten() {
            line += ", ";
            line += &part;
        }
    }
    line
}

fn drawn(done: u64, all: u64) -> String {
    let full = done.min(all).saturating_mul(WIDTH).checked_div(all).unwrap_or(WIDTH);
    (0..WIDTH).map(|at| if at < full { '#' } else { '.' }).collect()
}

/// Since the beginning.
fn rate(far: &Far, ms: u64) -> Option<String> {
    let a_second = |count: u64| count.saturating_mul(1_000).checked_div(ms).unwrap_or_default();
    match (far.bytes, far.entries) {
        (0, 0) => None,
        (0, entries) => Some(format!("{} a second", a_second(entries))),
        (bytes, _) => Some(format!("{}/s", size(a_second(bytes)))),
    }
}

/// How long the rest takes if it goes on like that.
fn left(far: &Far, ms: u64) -> Option<String> {
    let (done, all) = far.of?;
    let rest = all.checked_sub(done).filter(|rest| *rest > 0)?;
    let ms = u128::from(ms).saturating_mul(rest.into()).checked_div(done.into())?;
    let seconds = ms.div_ceil(1_000);
    let time = match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    };
    Some(format!("{time} left{}", if far.grows { " at least" } else { "" }))
}

/// `12.3 MiB`
pub fn size(bytes: u64) -> String {
    let units = [("TiB", 40u32), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, bits)| bytes >> bits > 0) {
        None => format!("{bytes} B"),
        Some((unit, bits)) => {
            let tenths = ((bytes >> (bits - 10)) & 1_023) * 10 / 1_024;
            format!("{}.{tenths} {unit}", bytes >> bits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(far: Far, ms: u64) -> String {
        line(&far, format_args!("x"), Duration::from_millis(ms))
    }

    #[test]
    fn progress_1_a_bar_shows_how_far_it_is_how_fast_and_what_is_left() {
        let of = |done: u64| Far { bytes: done, of: Some((done, 8 << 20)), ..Far::default() };
        assert_eq!(at(of(0), 0), "[........................] x");
        assert_eq!(at(of(4 << 20), 999), "[############............] x", "a rate would be a guess");
        assert_eq!(at(of(4 << 20), 2_000), "[############............] x, 2.0 MiB/s, 2 s left");
        assert_eq!(at(of(1 << 20), 60_000), "[###.....................] x, 17.0 KiB/s, 7 min left");
        assert_eq!(at(of(9 << 20), 3_000), "[########################] x, 3.0 MiB/s", "a file that grew meanwhile");
        let nothing = Far { of: Some((0, 0)), ..Far::default() };
        assert_eq!(at(nothing, 0), "[########################] x", "nothing to do is all done");
        let growing = Far { bytes: 1 << 20, of: Some((1, 10_001)), grows: true, ..Far::default() };
        assert_eq!(at(growing, 1_000), "[........................] x, 1.0 MiB/s, 2 h left at least");
        let names = Far { entries: 3_000, of: Some((30, 100)), ..Far::default() };
        assert_eq!(at(names, 3_000), "[#######.................] x, 1000 a second, 7 s left");
        assert_eq!(at(Far { bytes: 512, ..Far::default() }, 2_000), "x, 256 B/s", "nobody knows how much there is");
        let most = Far { bytes: u64::MAX, entries: u64::MAX, of: Some((1, u64::MAX)), ..Far::default() };
        assert!(at(most, u64::MAX).contains(" left"), "no count is too large");
    }

    #[test]
    fn progress_1_a_script_hears_of_it_every_so_many_bytes_or_entries() {
        let mut told = Told { bytes: 0, entries: 0, drawn: Instant::now(), is_drawn: false };
        let mut heard = |bytes, entries, pace| told.is_step(&Far { bytes, entries, ..Far::default() }, pace);
        assert!(!heard(STEP_BYTES - 1, 0, Pace::Steps) && heard(STEP_BYTES, 0, Pace::Steps));
        assert!(!heard(STEP_BYTES + 1, 255, Pace::Steps) && heard(STEP_BYTES + 1, 256, Pace::Steps), "many small files");
        assert!(heard(STEP_BYTES + 1, 256, Pace::Each), "what tells seldom is told each time");
        assert!(!heard(u64::MAX, u64::MAX, Pace::Never), "what has lines of its own has no others");
    }

    #[test]
    fn sizes_are_readable() {
        for (bytes, text) in [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_536 << 10, "1.5 MiB"), (5 << 40, "5.0 TiB")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size((1 << 30) - 1), "1023.9 MiB");
    }
}
