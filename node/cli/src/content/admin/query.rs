//! What a call says in its query and its path.

use crate::content::api::parameter;
use crate::content::calls::{Answer, At, No};
use leither_kit::Cid;
use leither_storage::content::Profile;
use leither_types::MimeiId;

/// What stands behind the `?`.
pub(super) struct Query(pub String);

impl Query {
    /// A value, if it is there.
    pub fn text(&self, name: &str) -> Option<String> {
        parameter(&self.0, name)
    }

    /// A value that has to be there.
    pub fn need(&self, name: &str) -> Answer<String> {
        self.text(name).ok_or_else(|| No::usage(format!("`{name}` is missing")))
    }

    /// A number, if it is there.
    pub fn number(&self, name: &str) -> Answer<Option<u64>> {
        let read = |text: String| text.parse().map_err(|_| No::usage(format!("`{name}` is no number")));
        self.text(name).map(read).transpose()
    }

    /// A number that has to be there.
    pub fn need_number(&self, name: &str) -> Answer<u64> {
        self.number(name)?.ok_or_else(|| No::usage(format!("`{name}` is missing")))
    }

    /// A place in a file, if it is there: from its start, or with a `-` before its end.
    pub fn place(&self, name: &str) -> Answer<Option<At>> {
        let read = |text: String| -> Answer<At> {
            let (digits, is_back) = text.strip_prefix('-').map_or((text.as_str(), false), |back| (back, true));
            let no = |_| No::usage(format!("`{name}` is no place in a file: write 5, or -5 from its end"));
            let count = digits.parse::<u64>().map_err(no)?;
            Ok(if is_back { At::End(count) } else { At::Start(count) })
        };
        self.text(name).map(read).transpose()
    }

    /// Whether it says `true`.
    pub fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value == "true")
    }

    /// The content id.
    pub fn cid(&self) -> Answer<Cid> {
        let text = self.need("cid")?;
        text.parse().map_err(|_| No::usage(format!("`{text}` is no content id")))
    }

    /// How content is cut.
    pub fn profile(&self) -> Answer<Profile> {
        match self.text("profile") {
            None => Ok(Profile::default()),
            Some(name) => name.parse().map_err(|e: leither_storage::content::ContentError| No::usage(e.to_string())),
        }
    }
}

/// A MiMei's id.
pub(super) fn mimei(text: &str) -> Answer<MimeiId> {
    text.parse().map_err(|e: leither_types::IdError| No::usage(e.to_string()))
}

/// A version's number.
pub(super) fn number(text: &str) -> Answer<u64> {
    text.parse().map_err(|_| No::usage("a version is a number"))
}
