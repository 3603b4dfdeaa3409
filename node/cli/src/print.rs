//! What a command shows: with `--json` exactly one JSON object on stdout, else the same for people.
//!
//! PRINT-1: what people read is escaped here, whoever wrote it; JSON is for machines, and a file's bytes are the file's.

use crate::escape::escaped;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

/// Where the answers go.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// One JSON object a line, nothing else.
    pub json: bool,
    /// With it a line for each step of long work.
    pub steps: bool,
}

impl Printer {
    /// The answer of a command.
    pub fn answer<T: Serialize>(&self, value: &T) {
        match serde_json::to_value(value) {
            Ok(value) if self.json => line(&value.to_string()),
            Ok(value) => line(readable(&value, 0).trim_end()),
            Err(error) => complain(&format!("the answer cannot be shown: {error}")),
        }
    }

    /// A word to a person, in one line; a script does not see it.
    pub fn say(&self, text: &str) {
        if !self.json {
            line(&escaped(text));
        }
    }

    /// The same, of several lines that are this program's own: a text, a table.
    pub fn lines(&self, text: &str) {
        if !self.json {
            let lines: Vec<String> = text.split('\n').map(escaped).collect();
            line(&lines.join("\n"));
        }
    }

    /// Whether a person watches a terminal, on which a table can be drawn over the last one.
    pub fn live(&self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }

    /// Text with its control sequences, as it is: what others wrote in it is escaped by who draws. Only where [`Printer::live`].
    pub fn draw(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A closed terminal is no failure of the command.
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A file's bytes, as they are.
    pub fn bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// A passing word: long work shows that it goes on. Only on a terminal, and never in the answer.
    pub fn progress(&self, text: &str) {
        if self.is_watched() {
            // Cut at the terminal's edge: what went on in the next line would stay there.
            eprint!("\r\x1b[2K\x1b[?7l{}\x1b[?7h", escaped(text));
        }
    }

    /// How far long work is: a line for a script that asks for it.
    pub fn step(&self, blocks: u64, bytes: u64) {
        if self.json && self.steps {
            let event = json!({ "event": "progress", "blocks": blocks.to_string(), "bytes": bytes.to_string() });
            line(&event.to_string());
        }
    }

    /// Ends the passing words: nothing stays of them.
    pub fn progress_over(&self) {
        if self.is_watched() {
            eprint!("\r\x1b[2K");
        }
    }

    /// Whether a person watches standard error.
    fn is_watched(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

/// A sentence on standard error: why something failed, or what else its reader should know.
pub fn complain(sentence: &str) {
    eprintln!("leither: {}", escaped(sentence));
}

fn line(text: &str) {
    // A closed pipe (`| head`) is no failure of the command.
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}

/// JSON as indented `name: value` lines.
fn readable(value: &Value, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) if map.is_empty() => format!("{pad}(empty)\n"),
        Value::Object(map) => map.iter().map(|(name, value)| member(&pad, name, value, depth)).collect(),
        Value::Array(items) if items.is_empty() => format!("{pad}(none)\n"),
        Value::Array(items) => items.iter().map(|item| element(&pad, item, depth)).collect(),
        other => format!("{pad}{}\n", scalar(other)),
    }
}

fn member(pad: &str, name: &str, value: &Value, depth: usize) -> String {
    // Of a contract's answer, for instance, these are a stranger's, too.
    let name = escaped(name);
    match value {
        Value::Object(map) if !map.is_empty() => format!("{pad}{name}:\n{}", readable(value, depth + 1)),
        Value::Array(items) if items.iter().all(is_scalar) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            format!("{pad}{name}: {}\n", if items.is_empty() { "-".into() } else { items.join(", ") })
        }
        Value::Array(_) => format!("{pad}{name}:\n{}", readable(value, depth + 1)),
        other => format!("{pad}{name}: {}\n", scalar(other)),
    }
}

fn element(pad: &str, item: &Value, depth: usize) -> String {
    if is_scalar(item) {
        return format!("{pad}- {}\n", scalar(item));
    }
    let text = readable(item, depth + 1);
    // The first line of an item carries its dash in the place of the indentation.
    format!("{pad}- {}", text.trim_start())
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Object(_) | Value::Array(_))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Null => "-".into(),
        Value::Object(_) => "(empty)".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    /// `--json` promises one object and nothing else, and PRINT-1 that all is escaped: what were printed past the printer would break that.
    #[test]
    fn print_1_nothing_but_the_printer_writes_to_standard_output_or_standard_error() {
        let mut found = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert!(found.len() > 40, "the sources have moved");
        // In halves, so that this file does not find itself; with what may stand before, since the words for standard error end alike.
        let words = [
            concat!(" print", "!("),
            concat!(" print", "ln!("),
            concat!("io::std", "out()"),
            concat!("epr", "int!("),
            concat!("epr", "intln!("),
            concat!("io::std", "err().lock"),
        ];
        for path in found.iter().filter(|path| !path.ends_with("src/print.rs")) {
            for line in std::fs::read_to_string(path).unwrap().lines().filter(|line| !line.trim_start().starts_with("//")) {
                let word = words.iter().find(|word| format!(" {line}").contains(*word));
                assert!(word.is_none(), "{}: {line}", path.display());
            }
        }
    }

    #[test]
    fn print_1_a_value_forges_no_line_of_an_answer() {
        let name = "evil\u{1b}[31m\ncid: forged";
        let mut odd = serde_json::Map::new();
        odd.insert(name.into(), name.into());
        let value = json!({"items": [{"path": name}], "list": [name], "of": odd, "why": "\u{202e}"});
        let shown = r"evil\u{1b}[31m\ncid: forged";
        let text = format!("items:\n  - path: {shown}\nlist: {shown}\nof:\n  {shown}: {shown}\nwhy: \\u{{202e}}\n");
        assert_eq!(readable(&value, 0), text);
    }

    #[test]
    fn people_read_the_same_answer() {
        let value = json!({"a": "1", "list": [1, 2], "rows": [{"x": 1, "y": null}, {"x": 2, "y": {}}], "in": {"b": true}});
        let text = readable(&value, 0);
        assert_eq!(text, "a: 1\nin:\n  b: true\nlist: 1, 2\nrows:\n  - x: 1\n    y: -\n  - x: 2\n    y: (empty)\n");
    }
}
