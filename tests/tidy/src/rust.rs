//! As much of Rust's grammar as the checks need: what is comment or text, what is test, what is a word.

/// The code alone: comments and the insides of string and character literals become blanks, lines stay where they are.
pub(crate) fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' | b'b' if !at.checked_sub(1).is_some_and(|before| is_word(bytes[before])) => raw_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n)
}

fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"…"`, `r#"…"#` and their byte forms, if one begins here.
fn raw_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut open = at + usize::from(bytes[at] == b'b');
    if bytes.get(open) != Some(&b'r') {
        return None;
    }
    open += 1;
    let hashes = bytes[open..].iter().take_while(|b| **b == b'#').count();
    open += hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = [b'"'].into_iter().chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = &bytes[open + 1..];
    let end = inside.windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + end + close.len())
}

/// The end of a character literal; a lifetime is none.
fn char_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at + 1) == Some(&b'\\') {
        return bytes[at + 3..].iter().position(|b| *b == b'\'').map(|n| at + 4 + n);
    }
    // One character of up to four bytes.
    (2..=5)
        .map(|n| at + n)
        .find(|end| bytes.get(*end) == Some(&b'\''))
        .filter(|end| std::str::from_utf8(&bytes[at + 1..*end]).is_ok_and(|inside| inside.chars().count() == 1))
        .map(|end| end + 1)
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Blanks out `#[cfg(test)]` items with a body; code must come from [`code_of`].
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_string();
    let mut from = 0;
    while let Some(found) = out[from..].find("#[cfg(test)]") {
        let start = from + found;
        let body = out[start..].find('{').map(|n| start + n);
        let semicolon = out[start..].find(';').map(|n| start + n);
        let end = match (body, semicolon) {
            (Some(body), Some(semicolon)) if semicolon < body => semicolon + 1,
            (Some(body), _) => block_end(out.as_bytes(), body),
            (None, Some(semicolon)) => semicolon + 1,
            (None, None) => out.len(),
        };
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
        from = (start + blank.len()).min(out.len());
    }
    out
}

fn block_end(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    bytes.len()
}

/// Where `word` stands in `code` as a word of its own: byte offsets. A word may have `::` or `!` in it.
pub(crate) fn find_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let first = word.bytes().next().is_some_and(is_word);
    let last = word.bytes().last().is_some_and(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).is_some_and(|b| is_word(bytes[b]));
        let after = bytes.get(at + word.len()).is_some_and(|b| is_word(*b));
        !(first && before || last && after)
    })
}

/// The line number of an offset, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// Whether a whole file is test, bench or fuzz code by its path.
pub(crate) fn is_test_path(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}
