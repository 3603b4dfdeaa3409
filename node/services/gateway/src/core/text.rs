//! Percent escapes and HTML escapes.

/// Bytes of a path segment that stand for themselves: RFC 3986's `pchar`, less what HTML or a shell would take amiss.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~$+,:=@!*()".contains(&byte)
}

/// A path segment, percent-encoded.
pub fn encode(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            push_escape(&mut out, byte);
        }
    }
    out
}

fn push_escape(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    for digit in [byte >> 4, byte & 0xf] {
        out.push(HEX.get(usize::from(digit)).map_or('0', |hex| char::from(*hex)));
    }
}

/// The text behind percent escapes; nothing where it is not UTF-8 or an escape is broken.
pub fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (pair, tail) = rest.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        out.push(u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?);
        rest = tail;
    }
    String::from_utf8(out).ok()
}

/// Text within HTML, in an attribute or outside.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What turns the reading direction or hides could make a name look like another.
            c if is_deceptive(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Control characters, marks of direction, and characters without a shape.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// GW-9: what `Content-Disposition` says of a name: ASCII for all, and the name itself for who reads RFC 8187.
pub fn disposition(kind: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii() && !c.is_control() && !matches!(c, '"' | '\\' | '/') { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let other = if ascii == name { String::new() } else { format!("; filename*=UTF-8''{}", encode(name)) };
    format!("{kind}; filename=\"{ascii}\"{other}")
}
