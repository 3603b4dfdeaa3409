//! Versions of MiMeis that are not the newest: a row each in the database (STORE-26), or else walked back to: each backup's event names the block
//! of the one before (MIMEI-6). Of rows alone a node answers whose blocks are gone.

use super::chain::gone;
use super::fault;
use super::reads::LastRead;
use leither_pallets::mimei::{Event, Version};
use leither_rpc_api::{ApiError, Reason};
use leither_rpc_server::Answer;
use leither_state::Fault;
use leither_store::Store;
use leither_types::codec::decode_trusted;
use leither_types::{Header, Height, MimeiId, Receipt};

/// Versions that one question for a single one walks back over, where rows lack.
const WALK_MAX: usize = 12_800;
/// So many of them at once.
const STEP: usize = 200;

/// A version's number, and a block that made it.
pub(super) type Place = (u64, Height);

/// A version of which the database has a row.
pub(super) fn kept(store: &Store, id: &MimeiId, number: u64) -> Answer<Option<Version>> {
    let row = store.version(id, number).map_err(fault)?;
    let read = |row: Vec<u8>| decode_trusted(&row).map_err(|e| fault(Fault::Corrupt(format!("version {number} of {id}: {e}"))));
    row.map(read).transpose()
}

/// At most `limit` versions from this one on, the newest first; and the one that comes next. Fewer where that one's block is no longer kept, which is
/// told to whoever asks for it.
pub(super) fn page(store: &Store, id: &MimeiId, from: Option<Place>, limit: usize) -> Answer<(Vec<Version>, Option<Place>)> {
    let (mut found, mut next, mut opened) = (Vec::new(), from, LastRead::new());
    let mut row = match from {
        Some((number, _)) => kept(store, id, number)?,
        None => None,
    };
    while let Some((number, height)) = next.filter(|_| found.len() < limit) {
        // A row says the block itself; the place may be anybody's word.
        let height = row.as_ref().map_or(height, |row| row.height);
        let below = number.checked_sub(1);
        let row_below = match below {
            Some(below) => kept(store, id, below)?,
            None => None,
        };
        let before = row_below.as_ref().map(|row| row.height);
        let (version, before) = match row.take() {
            Some(version) if below.is_none() || before.is_some() => (version, before),
            known => match walked(store, &mut opened, id, (number, height)) {
                Err(no) if no.reason == Reason::Pruned && (known.is_some() || !found.is_empty()) => {
                    // The place of the one before is told by this block alone, which stands for it.
                    let next = if known.is_some() { below.map(|below| (below, height)) } else { Some((number, height)) };
                    found.extend(known);
                    return Ok((found, next));
                }
                read => read?,
            },
        };
        found.push(version);
        next = below.zip(before);
        row = row_below;
    }
    Ok((found, next))
}

/// The version of this number, which is no newer than `last`, the newest.
pub(super) fn one(store: &Store, id: &MimeiId, number: u64, last: &Version) -> Answer<Option<Version>> {
    if number == last.number {
        return Ok(Some(last.clone()));
    }
    if let Some(version) = kept(store, id, number)? {
        return Ok(Some(version));
    }
    let mut next = Some((last.number, last.height));
    for _ in 0..WALK_MAX / STEP {
        if next.is_none() {
            break;
        }
        let (found, after) = page(store, id, next, STEP)?;
        if let Some(version) = found.into_iter().find(|version| version.number == number) {
            return Ok(Some(version));
        }
        next = after;
    }
    Ok(None)
}

/// What a block says of the version that it made, and the block of the one before.
fn walked(
    store: &Store,
    opened: &mut LastRead<(Header, Vec<Receipt>)>,
    id: &MimeiId,
    (number, height): Place,
) -> Answer<(Version, Option<Height>)> {
    let (header, receipts) = opened.at(height, || {
        let header = store.header(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        let receipts = store.receipts(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        Ok((header, receipts))
    })?;
    backup_in(header, receipts, id, number)
}

/// The backup of this number in this block, and the block of the one before.
fn backup_in(header: &Header, receipts: &[Receipt], id: &MimeiId, number: u64) -> Answer<(Version, Option<Height>)> {
    for bytes in receipts.iter().flat_map(|receipt| &receipt.events) {
        let Some(leither_pallets::Event::Mimei(Event::BackedUp { mimei, number: n, content, previous })) =
            leither_pallets::describe_event(bytes)
        else {
            continue;
        };
        if mimei == *id && n == number {
            return Ok((Version { number, content, height: header.height, time: header.time }, previous));
        }
    }
    Err(ApiError::params("`after` is no `next` of an earlier page"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_solo::{genesis, grow, grow_with, open};
    use leither_store::VersionRow;
    use leither_types::{Blob, ContentId};
    use parity_scale_codec::Encode;

    const ME: MimeiId = MimeiId([7; 20]);

    fn version(number: u64, height: Height) -> Version {
        Version { number, content: ContentId(Blob::new(vec![0x55, number as u8]).unwrap()), height, time: height }
    }

    fn row(version: &Version) -> VersionRow {
        VersionRow { mimei: ME, number: version.number, bytes: version.encode() }
    }

    #[test]
    fn mimei_6_and_store_26_an_older_version_is_told_where_its_block_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("data"), &genesis());
        let all: Vec<Version> = (0..5).map(|number| version(number, number + 1)).collect();
        all.iter().for_each(|version| grow_with(&store, &[row(version)]));
        (0..150).for_each(|_| grow(&store));
        store.prune(50).unwrap();
        assert!(store.receipts(1).unwrap().is_none());
        let last = &all[4];
        for version in &all {
            assert_eq!(one(&store, &ME, version.number, last).unwrap().as_ref(), Some(version));
        }
        let newest_first: Vec<Version> = all.iter().rev().cloned().collect();
        let from = Some((4, last.height));
        assert_eq!(page(&store, &ME, from, 200).unwrap(), (newest_first.clone(), None));
        let (first, next) = page(&store, &ME, from, 2).unwrap();
        assert_eq!((&first[..], next), (&newest_first[..2], Some((2, 3))));
        assert_eq!(page(&store, &ME, Some((2, 999)), 3).unwrap(), (newest_first[2..].to_vec(), None), "rows know their blocks");
        assert_eq!(page(&store, &ME, from, 5).unwrap().1, None, "a page that ends with the first has no next");
    }

    #[test]
    fn mimei_6_where_rows_lack_it_is_walked_back_and_a_block_that_is_gone_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("data"), &genesis());
        // The database began with version 3: it has rows of that and the next alone.
        let (third, fourth) = (version(3, 1), version(4, 2));
        [&third, &fourth].iter().for_each(|version| grow_with(&store, &[row(version)]));
        (0..150).for_each(|_| grow(&store));
        assert_eq!(one(&store, &ME, 3, &fourth).unwrap(), Some(third));
        assert_eq!(page(&store, &ME, Some((4, 2)), 1).unwrap(), (vec![fourth.clone()], Some((3, 1))));
        // These blocks have no such event: the walk looked into them.
        assert_eq!(one(&store, &ME, 2, &fourth).unwrap_err().reason, ApiError::params("").reason);
        store.prune(50).unwrap();
        let no = one(&store, &ME, 2, &fourth).unwrap_err();
        assert!(no.reason == Reason::Pruned && no.message.contains("block 1 "), "{}", no.message);
        // What is known is told, and then that the rest is not.
        let (found, next) = page(&store, &ME, Some((4, 2)), 200).unwrap();
        assert_eq!((found, next), (vec![fourth, version(3, 1)], Some((2, 1))));
        assert_eq!(page(&store, &ME, next, 200).unwrap_err().reason, Reason::Pruned);
    }
}
