//! Changes of a working copy (SOCK-5).

use super::{Answer, No, cur_view, now};
use crate::content::api::Cur;
use leither_storage::{ContentStore, Edit, Kind, StorageError};
use leither_types::MimeiId;

/// A change of a working copy. What a file gets comes in pieces.
#[derive(Clone, Debug)]
pub enum Op {
    /// Writes at a place; without one the file becomes what comes.
    Write(Option<At>),
    /// Writes at the end.
    Append,
    /// Makes a file that is there that long.
    Truncate(u64),
    /// Makes a directory; with `true` those above it as well.
    Mkdir(bool),
    /// Takes it away; with `true` all that is in it.
    Remove(bool),
    /// Gives it another path.
    Rename(String),
    /// Gives it a second path.
    Copy(String),
    /// Makes a symbolic link to that.
    Symlink(String),
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// So many bytes from its start.
    Start(u64),
    /// So many bytes before its end.
    End(u64),
}

impl At {
    /// The byte of a file that is there.
    fn of(self, edit: &Edit, path: &str) -> Answer<u64> {
        let back = match self {
            Self::Start(at) => return Ok(at),
            Self::End(back) => back,
        };
        match edit.stat(path)?.kind {
            Kind::File(size) => size.checked_sub(back).ok_or_else(|| {
                No::usage(format!("the file has {size} bytes, and {back} before its end there is none; count from its start"))
            }),
            _ => Err(StorageError::Kind { path: path.into(), wanted: "file" }.into()),
        }
    }
}

/// SOCK-5: begins a change; with a generation of the working copy that the caller saw, only if it is still of that one.
pub fn begin_edit(store: &ContentStore, mimei: &MimeiId, generation: Option<u64>) -> Answer<Edit> {
    let edit = store.edit(mimei)?;
    let found = edit.base().generation;
    match generation {
        Some(base) if base != found => Err(StorageError::CurMoved { mimei: *mimei, base, found }.into()),
        _ => Ok(edit),
    }
}

/// SOCK-5: one change, whole or not at all. `pieces` gives what is to be written, or nothing at its end.
pub fn change(edit: &mut Edit, op: &Op, path: &str, pieces: &mut dyn FnMut() -> Answer<Option<Vec<u8>>>) -> Answer<Cur> {
    match op {
        Op::Write(at) => {
            let mut place = match at {
                Some(at) => at.of(edit, path)?,
                None => {
                    edit.truncate(path, 0)?;
                    0
                }
            };
            while let Some(piece) = pieces()? {
                edit.write_at(path, place, &piece)?;
                place = place.saturating_add(piece.len() as u64);
            }
        }
        Op::Append => {
            edit.append(path, &[])?;
            while let Some(piece) = pieces()? {
                edit.append(path, &piece)?;
            }
        }
        Op::Truncate(size) => {
            // What is cut or drawn out is there: a name that was written wrong makes no file.
            edit.stat(path)?;
            edit.truncate(path, *size)?;
        }
        Op::Mkdir(false) => edit.mkdir(path)?,
        Op::Mkdir(true) => {
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            for end in ends {
                let above = path.get(..end).unwrap_or(path);
                match edit.stat(above) {
                    Ok(item) if item.kind == Kind::Directory => {}
                    Err(StorageError::NoEntry(_)) => edit.mkdir(above)?,
                    Ok(_) => return Err(StorageError::Kind { path: above.into(), wanted: "directory" }.into()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Op::Remove(all) => edit.remove(path, *all)?,
        Op::Rename(to) => edit.rename(path, to)?,
        Op::Copy(to) => edit.copy(path, to)?,
        Op::Symlink(target) => edit.symlink(path, target)?,
    }
    Ok(cur_view(&edit.commit(now()?)?))
}
