//! Text that strangers wrote, made fit for a terminal and a log.

use std::fmt;
use tracing::field::Field;
use tracing_subscriber::fmt::format::Writer;

/// PRINT-1: the text in one line that shows all of it: what moves the cursor, ends the line, turns the direction or cannot be seen stands as
/// `\n`, `\u{1b}`, `\u{202e}`. All else stays as it is, backslashes too: who needs the exact text takes `--json`.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Emoji of several parts, Persian, Mongolian and the scripts of India are written with joiners; beside ASCII they join nothing and only
        // hide, but for the sign that takes a letter's vowel away, after which they say how a word ends.
        let joins = is_joiner(c)
            && before.is_some_and(|before| is_virama(before) || is_joined(before) && rest.peek().copied().is_some_and(is_joined));
        if joins || !is_hidden(c) {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
        before = Some(c);
    }
    out
}

/// PRINT-1: a field of a log line.
pub fn log_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = escaped(&format!("{value:?}"));
    match field.name() {
        "message" => writer.write_str(&text),
        // Where a line of another library came from is its target already.
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, " {}={text}", name.trim_start_matches("r#")),
    }
}

/// The last one is Mongolian's own, which stands between vowels.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{180e}')
}

/// The viramas of the scripts of India and Sri Lanka: Devanagari, Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada, Malayalam, Sinhala.
fn is_virama(c: char) -> bool {
    matches!(
        c,
        '\u{94d}' | '\u{9cd}' | '\u{a4d}' | '\u{acd}' | '\u{b4d}' | '\u{bcd}' | '\u{c4d}' | '\u{ccd}' | '\u{d4d}' | '\u{dca}'
    )
}

fn is_joined(c: char) -> bool {
    !c.is_ascii() && !is_hidden(c)
}

/// Controls, ends of lines and paragraphs, and Unicode's format characters (Cf) but for the signs over Arabic, Syriac and Kaithi numbers, which
/// are seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[test]
    fn print_1_what_moves_the_cursor_turns_the_text_or_hides_is_written_out() {
        for (text, shown) in [
            ("evil\u{1b}[31mred\ncid: forged", r"evil\u{1b}[31mred\ncid: forged"),
            ("a\r\t\0\u{7f}\u{85}\u{9b}b", r"a\r\t\u{0}\u{7f}\u{85}\u{9b}b"),
            ("a\u{2028}\u{2029}b", r"a\u{2028}\u{2029}b"),
            ("gpj.\u{202e}exe\u{2066}\u{200f}\u{61c}", r"gpj.\u{202e}exe\u{2066}\u{200f}\u{61c}"),
            ("al\u{200b}ice\u{feff}\u{ad}\u{2060}\u{e0041}", r"al\u{200b}ice\u{feff}\u{ad}\u{2060}\u{e0041}"),
            ("al\u{200d}ice\u{200c}", r"al\u{200d}ice\u{200c}"),
            ("é\u{200d}\u{200d}é", r"é\u{200d}\u{200d}é"),
            ("അവന\u{d4d}\u{200d}\u{200d}", "അവന\u{d4d}\u{200d}\\u{200d}"),
            ("al\u{180e}ice", r"al\u{180e}ice"),
        ] {
            assert_eq!(escaped(text), shown);
        }
    }

    #[test]
    fn print_1_ordinary_text_of_any_script_stays() {
        for text in [
            r"a b/c\d '\u{1b}' #é",
            "Ελληνικά 漢字 עברית العربية",
            "\u{601}123",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "അവന\u{d4d}\u{200d}.txt അവന\u{d4d}\u{200d}",
            "ᠠᠨ\u{180e}ᠠ",
        ] {
            assert_eq!(escaped(text), text);
        }
    }

    proptest! {
        #[test]
        fn print_1_what_is_shown_is_one_line_without_controls(text in prop::collection::vec(any::<char>(), 0..60)) {
            let shown = escaped(&String::from_iter(text));
            let is_obeyed = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let obeyed = shown.contains(is_obeyed);
            prop_assert!(!obeyed, "{:?}", shown);
            prop_assert_eq!(escaped(&shown), shown, "what is shown is shown as it is");
        }
    }

    struct Held(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn print_1_a_log_line_is_one_line_whatever_a_stranger_wrote() {
        let held = Arc::new(Mutex::new(Vec::new()));
        let to = held.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .fmt_fields(tracing_subscriber::fmt::format::debug_fn(log_field))
            .with_writer(move || Held(to.clone()))
            .finish();
        let agent = "kubo\u{1b}[2J\n2026-11-28 ERROR forged\u{202e}";
        tracing::subscriber::with_default(log, || tracing::warn!(%agent, height = 7, "a peer says {agent}"));
        let text = String::from_utf8(held.lock().unwrap().clone()).unwrap();
        let shown = r"kubo\u{1b}[2J\n2026-11-28 ERROR forged\u{202e}";
        assert!(text.ends_with(&format!("a peer says {shown} agent={shown} height=7\n")), "{text:?}");
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }
}
