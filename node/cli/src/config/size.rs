//! Byte counts as people write them.

/// 2^30 bytes.
pub const GIB: u64 = 1 << 30;

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", GIB),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads `50GiB`, `2 TB`, `1048576`: a whole number and a unit, bytes where none stands.
pub fn parse_size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let factor = if unit.is_empty() { 1 } else { UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1 };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Writes a size in the greatest binary unit that needs no fraction.
pub fn show_size(bytes: u64) -> String {
    let (unit, factor) = UNITS[..4].iter().find(|(_, f)| bytes != 0 && bytes.is_multiple_of(*f)).copied().unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}
