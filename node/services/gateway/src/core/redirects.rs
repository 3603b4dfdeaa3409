//! The `_redirects` file of a site.

use super::text;

/// GW-11: the longest file that is read.
pub const FILE_BYTES_MAX: usize = 64 * 1024;
/// GW-11: rules in it.
pub const RULES_MAX: usize = 1024;
/// Steps of a rule's pattern.
const STEPS_MAX: usize = 64;
/// GW-11: a target with the values of its placeholders in it: few bytes of a rule can name a long value often.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;

/// A rule: from, to, status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    from: Vec<Part>,
    to: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Named(String),
    Splat,
}

/// What a site does about a path that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends the reader elsewhere.
    Redirect {
        /// Where to: a path of the same site, or an address.
        to: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// Serves another file of the site.
    Rewrite {
        /// Which, decoded.
        to: Vec<String>,
        /// 200, 404, 410 or 451.
        status: u16,
    },
}

/// GW-11: reads the file, all of it or nothing.
pub fn parse(file: &str) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    for (n, line) in file.split('\n').enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if rules.len() >= RULES_MAX {
            return Err(format!("there are more than {RULES_MAX} rules"));
        }
        rules.push(rule(line).map_err(|why| format!("line {}: {why}", n.saturating_add(1)))?);
    }
    Ok(rules)
}

fn rule(line: &str) -> Result<Rule, String> {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    let (from, to, status) = match words.as_slice() {
        [from, to] => (*from, *to, "301"),
        [from, to, status] => (*from, *to, *status),
        _ => return Err("a rule is: from to [status]".into()),
    };
    if status.ends_with('!') {
        return Err("forced redirects (with a !) are not supported".into());
    }
    let status: u16 = status.parse().map_err(|_| format!("{status:?} is no status"))?;
    if !matches!(status, 200 | 301 | 302 | 303 | 307 | 308 | 404 | 410 | 451) {
        return Err(format!("the status {status} is not supported"));
    }
    let outside = ["http://", "https://"].iter().any(|scheme| to.starts_with(scheme));
    let inside = to.starts_with('/') && !to.starts_with("//");
    if !(inside || outside && matches!(status, 301..=308)) {
        return Err(format!("{to:?} is neither a path nor, for a redirect, an http address"));
    }
    if to.chars().any(char::is_control) {
        return Err("the target has a control character".into());
    }
    Ok(Rule { from: pattern(from)?, to: to.into(), status })
}

fn pattern(from: &str) -> Result<Vec<Part>, String> {
    let path = from.strip_prefix('/').ok_or("a rule begins with a path, from the site's root")?;
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    if words.len() > STEPS_MAX {
        return Err(format!("a path has more than {STEPS_MAX} steps"));
    }
    let last = words.len().saturating_sub(1);
    let part = |(n, word): (usize, &&str)| match *word {
        "*" if n == last => Ok(Part::Splat),
        word if word.contains('*') => Err("a * stands alone, at the end of the path".to_string()),
        word => match word.strip_prefix(':') {
            Some("") => Err("a placeholder has no name".into()),
            Some(name) => Ok(Part::Named(name.into())),
            None => text::decode(word).map(Part::Text).ok_or_else(|| "a percent escape is broken".into()),
        },
    };
    words.iter().enumerate().map(part).collect()
}

/// GW-11: what the first rule that fits does; nothing where none does. Fails where its target would be longer than [`TARGET_BYTES_MAX`].
pub fn decide(rules: &[Rule], steps: &[String]) -> Result<Option<Action>, String> {
    rules.iter().find_map(|rule| fit(&rule.from, steps).map(|values| act(rule, &values))).transpose()
}

/// The values of a pattern's placeholders.
fn fit(from: &[Part], steps: &[String]) -> Option<Vec<(String, String)>> {
    let (mut values, mut steps) = (Vec::new(), steps.iter());
    for part in from {
        match part {
            Part::Splat => {
                let rest: Vec<String> = steps.by_ref().map(|step| text::encode(step)).collect();
                values.push(("splat".to_string(), rest.join("/")));
            }
            Part::Text(wanted) => {
                steps.next().filter(|step| *step == wanted)?;
            }
            Part::Named(name) => values.push((name.clone(), text::encode(steps.next()?))),
        }
    }
    steps.next().is_none().then_some(values)
}

fn act(rule: &Rule, values: &[(String, String)]) -> Result<Action, String> {
    let to = fill(&rule.to, values)?;
    Ok(match rule.status {
        status @ (200 | 404 | 410 | 451) => {
            let path = to.split(['?', '#']).next().unwrap_or_default();
            let to = path.split('/').filter(|step| !step.is_empty()).map(|step| text::decode(step).unwrap_or_default()).collect();
            Action::Rewrite { to, status }
        }
        status => Action::Redirect { to, status },
    })
}

/// Puts values in, longest names first where one begins like another; what is not ASCII is escaped.
fn fill(to: &str, values: &[(String, String)]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = to;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let found = values
            .iter()
            .filter(|(name, _)| c == ':' && tail.starts_with(name.as_str()))
            .max_by_key(|(name, _)| name.len());
        match found {
            Some((name, value)) => {
                out.push_str(value);
                rest = tail.get(name.len()..).unwrap_or_default();
            }
            None => {
                match c {
                    c if c.is_ascii() => out.push(c),
                    c => out.push_str(&text::encode(c.encode_utf8(&mut [0; 4]))),
                }
                rest = tail;
            }
        }
        if out.len() > TARGET_BYTES_MAX {
            return Err(format!("a rule of _redirects makes a target of more than {TARGET_BYTES_MAX} bytes of this path"));
        }
    }
    // A value may be empty where the path goes on: two slashes at the start would name a host.
    Ok(if out.starts_with("//") { format!("/{}", out.trim_start_matches('/')) } else { out })
}
