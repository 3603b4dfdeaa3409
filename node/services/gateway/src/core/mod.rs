//! What a request means, as plain functions over texts and bytes: nothing here waits, fetches or knows the time.

pub mod asker;
pub mod cache;
pub mod format;
pub mod host;
pub mod ipns;
pub mod media;
pub mod path;
pub mod query;
pub mod range;
pub mod redirects;
#[cfg(test)]
mod tests;
pub mod text;
