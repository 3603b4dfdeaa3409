use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

/// Folders that hold nothing of ours to read.
const SKIPPED: &[&str] = &[".git", "target", "node_modules", "corpus", "artifacts", "coverage"];
/// Endings of the files whose text is read; of others only the path is known.
const READ: &[&str] = &["rs", "toml", "md", "json", "sh", "py", "js", "mjs", "html", "css", "yml"];
/// Files without an ending that are read, too.
const READ_NAMES: &[&str] = &["Makefile", "run", "LICENSE"];

/// A file: its path from the root with `/` between, and its text (empty where it is none of the kinds that are read).
#[derive(Clone, Debug)]
pub struct File {
    /// From the root.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// A source tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, File>,
}

impl Tree {
    /// Reads the tree under `root`.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        Ok(tree)
    }

    /// A tree out of a test's hand.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let one = |(path, text): &(&str, &str)| (path.to_string(), File { path: path.to_string(), text: text.to_string() });
        Self { files: files.iter().map(one).collect() }
    }

    fn walk(&mut self, dir: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.walk(&entry.path(), &format!("{prefix}{name}/"))?;
                }
                continue;
            }
            let path = format!("{prefix}{name}");
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            let wanted = READ.contains(&ending) || READ_NAMES.contains(&name.as_str());
            let text = if wanted { fs::read_to_string(entry.path())? } else { String::new() };
            self.files.insert(path.clone(), File { path, text });
        }
        Ok(())
    }

    /// All files, by path.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// All Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    /// The file of this path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Whether a file or a folder of this path is there.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|known| known.starts_with(&folder))
    }
}
