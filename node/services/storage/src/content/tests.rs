use super::*;
use leither_types::Blob;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

const VECTORS: &str = include_str!("../../../../../spec/vectors/content.json");

fn quiet(path: &Path, profile: Profile) -> Result<Added, ContentError> {
    add(path, profile, &mut |_, _| Ok(()), &mut |_| ())
}

fn write_file(path: &Path, form: &Value) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = fs::File::create(path).unwrap();
    if let Some(text) = form["text"].as_str() {
        return file.write_all(text.as_bytes()).unwrap();
    }
    let size = form["size"].as_u64().unwrap();
    match form["fill"].as_str().unwrap() {
        // Sparse: a file of a gigabyte costs no disk.
        "zero" => file.set_len(size).unwrap(),
        "pattern" => {
            let bytes: Vec<u8> = (0..size).map(|i| (i * 31 + (i >> 8)) as u8).collect();
            file.write_all(&bytes).unwrap();
        }
        other => panic!("no fill {other}"),
    }
}

/// Puts a vector's content on disk.
fn build(root: &Path, vector: &Value) -> PathBuf {
    let path = root.join("content");
    if vector["file"].is_object() {
        write_file(&path, &vector["file"]);
        return path;
    }
    fs::create_dir(&path).unwrap();
    for entry in vector["entries"].as_array().into_iter().flatten() {
        let at = path.join(entry["path"].as_str().unwrap());
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if let Some(target) = entry["link"].as_str() {
            symlink(target, &at).unwrap();
        } else if entry["dir"] == true {
            fs::create_dir_all(&at).unwrap();
        } else {
            write_file(&at, entry);
        }
    }
    if let Some(many) = vector["many"].as_object() {
        let (prefix, width) = (many["prefix"].as_str().unwrap(), many["width"].as_u64().unwrap() as usize);
        for n in 0..many["count"].as_u64().unwrap() {
            let name = format!("{prefix}{n:0width$}");
            fs::write(path.join(&name), &name).unwrap();
        }
    }
    path
}

// CONTENT-1, CONTENT-2
#[test]
fn content_ids_are_those_of_ipfs_tools() {
    let document: Value = serde_json::from_str(VECTORS).unwrap();
    let mut checked = 0;
    for vector in document["vectors"].as_array().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        let path = build(dir.path(), vector);
        for (profile, cid) in vector["cids"].as_object().unwrap() {
            let added = quiet(&path, profile.parse().unwrap()).unwrap();
            assert_eq!(added.cid.to_string(), cid.as_str().unwrap(), "{} under {profile}", vector["name"]);
            checked += 1;
        }
    }
    assert_eq!(checked, 37, "vectors came or went: say here how many there are");
}

/// Reads links and sizes of a dag-pb block without the code under test.
fn links_of(block: &[u8]) -> Vec<(Cid, u64)> {
    fn number(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        value
    }
    fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8], u64)> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let tag = number(&mut bytes);
            let value = number(&mut bytes);
            if tag & 7 == 2 {
                let (body, rest) = bytes.split_at(value as usize);
                out.push((tag >> 3, body, 0));
                bytes = rest;
            } else {
                out.push((tag >> 3, &[], value));
            }
        }
        out
    }
    let links = fields(block).into_iter().filter(|(number, ..)| *number == 2);
    links
        .map(|(_, body, _)| {
            let parts = fields(body);
            let hash = parts.iter().find(|p| p.0 == 1).unwrap().1;
            (Cid::try_from(hash).unwrap(), parts.iter().find(|p| p.0 == 3).map_or(0, |p| p.2))
        })
        .collect()
}

// CONTENT-7
#[test]
fn every_block_hashes_to_its_id_and_comes_after_its_children() {
    let document: Value = serde_json::from_str(VECTORS).unwrap();
    for name in ["three MiB", "350 chunks of 256 KiB", "10000 files in one directory", "symbolic links"] {
        let vector = document["vectors"].as_array().unwrap().iter().find(|v| v["name"] == name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = build(dir.path(), vector);
        for profile in Profile::ALL {
            // By id: the size of the block and of all below it.
            let mut seen = std::collections::HashMap::new();
            let mut blocks = 0;
            let mut sink = |cid: &Cid, block: Vec<u8>| {
                use sha2::Digest;
                assert_eq!(cid.hash().digest(), &sha2::Sha256::digest(&block)[..], "{name}: {cid}");
                assert!(block.len() <= 2 << 20, "a block of {} bytes could not be sent", block.len());
                let links = if cid.codec() == 0x55 { Vec::new() } else { links_of(&block) };
                let mut below = 0;
                for (child, size) in links {
                    assert_eq!(seen.get(&child), Some(&size), "{name}: {cid} states a size that {child} does not have");
                    below += size;
                }
                seen.insert(*cid, below + block.len() as u64);
                blocks += 1;
                Ok(())
            };
            let added = add(&path, profile, &mut sink, &mut |_| ()).unwrap();
            assert_eq!(seen.get(&added.cid), Some(&added.dag_size), "{name}");
            assert_eq!(blocks, added.blocks);
        }
    }
}

// CONTENT-5
#[test]
fn a_file_that_gives_more_bytes_than_it_says_is_refused() {
    // Files that the kernel makes up say that they are empty.
    assert!(matches!(quiet(Path::new("/proc/version"), Profile::default()), Err(ContentError::Changed { .. })));
}

#[test]
fn what_was_added_is_counted_and_progress_only_grows() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("d");
    fs::create_dir_all(root.join("sub/empty")).unwrap();
    fs::write(root.join("a"), vec![7; (1 << 20) + 1]).unwrap();
    fs::write(root.join("sub/b"), "b").unwrap();
    symlink("sub/b", root.join("c")).unwrap();
    let mut last = Progress::default();
    let mut calls = 0;
    let mut watch = |now: &Progress| {
        assert!(now.bytes >= last.bytes && now.entries >= last.entries);
        last = *now;
        calls += 1;
    };
    let added = add(&root, Profile::default(), &mut |_, _| Ok(()), &mut watch).unwrap();
    assert_eq!((added.size, added.files, added.links, added.dirs), ((1 << 20) + 2, 2, 1, 3));
    // Two leaves and their node, one leaf, one link, three directories.
    assert_eq!(added.blocks, 3 + 1 + 1 + 3);
    assert_eq!((last.bytes, last.entries), (added.size, 6));
    assert!(calls >= 8);
}

// CONTENT-3
#[test]
fn a_link_at_the_root_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "hello world\n").unwrap();
    symlink("file", dir.path().join("link")).unwrap();
    let direct = quiet(&dir.path().join("file"), Profile::V0_2015).unwrap();
    assert_eq!(quiet(&dir.path().join("link"), Profile::V0_2015).unwrap(), direct);
}

// CONTENT-3
#[test]
fn a_link_that_leads_out_is_refused() {
    for (target, out) in
        [("/etc/passwd", true), ("..", true), ("../d/a", true), ("sub/../../x", true), ("./sub/../a", true), ("nowhere", false)]
    {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("d");
        fs::create_dir(&root).unwrap();
        symlink(target, root.join("link")).unwrap();
        let result = quiet(&root, Profile::default());
        assert_eq!(matches!(result, Err(ContentError::Escape { .. })), out, "{target}: {result:?}");
        assert_eq!(result.is_err(), out, "{target}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("d/sub")).unwrap();
    symlink("../x", dir.path().join("d/sub/inside")).unwrap();
    assert!(quiet(&dir.path().join("d"), Profile::default()).is_ok());
    symlink("../../x", dir.path().join("d/sub/outside")).unwrap();
    assert!(matches!(quiet(&dir.path().join("d"), Profile::default()), Err(ContentError::Escape { .. })));
}

// CONTENT-3
#[test]
fn two_links_that_lead_out_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("d");
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    symlink("../../..", root.join("a/b/c/l")).unwrap();
    assert!(quiet(&root, Profile::default()).is_ok(), "up to the root, by real directories");
    symlink("a/b/c/l/d", root.join("down")).unwrap();
    assert!(quiet(&root, Profile::default()).is_ok(), "through it, and down");
    symlink("a/b/c/l/../x", root.join("s")).unwrap();
    assert!(matches!(quiet(&root, Profile::default()), Err(ContentError::Escape { path, .. }) if path.ends_with("s")));
}

// CONTENT-4
#[test]
fn what_has_no_content_is_refused_and_never_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
    let error = quiet(dir.path(), Profile::default()).unwrap_err().to_string();
    assert!(error.contains("is a socket, which has no content"), "{error}");
    assert!(quiet(Path::new("/dev/null"), Profile::default()).unwrap_err().to_string().contains("is a device"));
    let fifo = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(fifo.path().join("p")).status().unwrap();
    assert!(made.success());
    assert!(quiet(fifo.path(), Profile::default()).unwrap_err().to_string().contains("is a pipe"));
    assert!(matches!(quiet(&dir.path().join("none"), Profile::default()), Err(ContentError::Io { what: "find", .. })));
}

// CONTENT-4
#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    assert!(matches!(quiet(dir.path(), Profile::default()), Err(ContentError::Name { .. })));
}

// CONTENT-5
#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("grows", |path| fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap()),
        ("shrinks", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(5).unwrap()),
        ("is rewritten", |path| {
            use std::os::unix::fs::FileExt;
            fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"other", 0).unwrap();
        }),
        ("is emptied", |path| drop(fs::File::create(path).unwrap())),
    ];
    for (name, change) in changes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, vec![1; 3 << 20]).unwrap();
        // The clock that stamps files ticks every few milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let mut done = false;
        let mut watch = |_: &Progress| {
            if !std::mem::replace(&mut done, true) {
                change(&path);
            }
        };
        let result = add(&path, Profile::default(), &mut |_, _| Ok(()), &mut watch);
        assert!(matches!(result, Err(ContentError::Changed { .. })), "it {name}: {result:?}");
    }
}

// CONTENT-5
#[test]
fn a_directory_that_gains_an_entry_meanwhile_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "a").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut watch = |_: &Progress| fs::write(dir.path().join("b"), "b").unwrap();
    let result = add(dir.path(), Profile::default(), &mut |_, _| Ok(()), &mut watch);
    assert!(matches!(result, Err(ContentError::Changed { .. })), "{result:?}");
}

// CONTENT-7
#[test]
fn a_sink_that_fails_stops_the_work() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), vec![1; 3 << 20]).unwrap();
    let mut calls = 0;
    let mut sink = |_: &Cid, _: Vec<u8>| {
        calls += 1;
        Err(std::io::Error::other("full"))
    };
    let error = add(dir.path(), Profile::default(), &mut sink, &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "a block could not be kept: full");
    assert_eq!(calls, 1);
}

// CONTENT-6
#[test]
fn directories_nest_to_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let deep = |n: usize| (0..n).fold(dir.path().to_path_buf(), |path, _| path.join("d"));
    fs::create_dir_all(deep(DEPTH_MAX - 1)).unwrap();
    assert!(quiet(dir.path(), Profile::default()).is_ok());
    fs::create_dir(deep(DEPTH_MAX)).unwrap();
    assert!(matches!(quiet(dir.path(), Profile::default()), Err(ContentError::TooMuch { .. })));
}

// CONTENT-8
#[test]
fn an_id_has_one_binary_form_on_chain() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "a").unwrap();
    for profile in Profile::ALL {
        let added = quiet(dir.path(), profile).unwrap();
        let id = added.content_id().unwrap();
        assert_eq!(cid_of(&id), Some(added.cid));
        let longer = Blob::new([&id.0[..], &[0]].concat()).map(ContentId).unwrap();
        assert_eq!(cid_of(&longer), None);
    }
    assert_eq!(cid_of(&ContentId::default()), None);
    assert!("unixfs-v2".parse::<Profile>().unwrap_err().to_string().contains("unixfs-v1-2025"));
}
