//! The path of a URL, as steps.

use super::text;

/// GW-3: the longest path that is read.
pub const PATH_BYTES_MAX: usize = 4096;

/// A path: its steps, decoded, and whether a slash ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// None is empty, `.` or `..`; none holds a slash or NUL.
    pub steps: Vec<String>,
    /// The last character is a slash.
    pub slash: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Too long.
    #[error("the path is longer than {PATH_BYTES_MAX} bytes")]
    Long,
    /// Broken escapes.
    #[error("the path has a percent escape that is broken or no UTF-8")]
    Escape,
    /// Up and down.
    #[error("the path has a step that is . or .. ; write the path that is meant")]
    Traversal,
    /// A name that no file has.
    #[error("the path has a step with an escaped slash or NUL in it, which is no file's name")]
    Name,
}

/// GW-3: splits at slashes first, decodes then, so that an escaped slash separates nothing. Empty steps are passed over.
pub fn steps(raw: &str) -> Result<Steps, PathError> {
    if raw.len() > PATH_BYTES_MAX {
        return Err(PathError::Long);
    }
    let mut steps = Vec::new();
    for raw in raw.split('/').filter(|raw| !raw.is_empty()) {
        let step = text::decode(raw).ok_or(PathError::Escape)?;
        match step.as_str() {
            "." | ".." => return Err(PathError::Traversal),
            _ if step.contains(['/', '\0']) => return Err(PathError::Name),
            _ => steps.push(step),
        }
    }
    Ok(Steps { steps, slash: raw.ends_with('/') })
}

/// The path of these steps, each one after a slash.
pub fn join<S: AsRef<str>>(steps: impl IntoIterator<Item = S>) -> String {
    steps.into_iter().flat_map(|step| ["/".to_string(), text::encode(step.as_ref())]).collect()
}
