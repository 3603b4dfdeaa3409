//! CARs in and out.
mod common;

use common::*;
use leither_storage::StorageError;
use leither_storage::content::Profile;
use std::fs;

#[test]
fn car_2_a_tree_that_goes_out_as_a_car_comes_in_whole() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir_all(tree.join("sub/deep")).unwrap();
    fs::write(tree.join("big"), noise(1, 3 << 20)).unwrap();
    fs::write(tree.join("zeros"), vec![0; 5 << 20]).unwrap();
    fs::write(tree.join("sub/deep/small"), "small").unwrap();
    for profile in Profile::ALL {
        let store = open(&dir.path().join(format!("out-{profile}")));
        let added = store.add(&tree, profile, &pin("tree"), NOW, &mut |_| ()).unwrap();
        assert_eq!(added.cid, id_of(&tree, profile));
        let mut car = Vec::new();
        let written = store.export(&added.cid, &mut car).unwrap();
        assert_eq!(written, blocks(&store), "each block once");

        let other = open(&dir.path().join(format!("in-{profile}")));
        assert_eq!(other.import(&car[..], &pin("tree"), profile, NOW).unwrap(), added.cid);
        assert_eq!(other.stat().unwrap().bytes, store.stat().unwrap().bytes);
        check(&other);
        // Again: nothing new.
        other.import(&car[..], &pin("again"), profile, NOW).unwrap();
        assert_eq!(blocks(&other), written);
        check(&other);

        // Cut anywhere, or with a byte turned, it is refused, and nothing stays.
        let third = open(&dir.path().join(format!("cut-{profile}")));
        for cut in [car.len() - 1, car.len() / 2, 70, 10] {
            assert!(third.import(&car[..cut], &pin("tree"), profile, NOW).is_err(), "{cut}");
            assert_eq!(blocks(&third), 0, "{cut}");
        }
        let mut turned = car.clone();
        *turned.last_mut().unwrap() ^= 1;
        assert!(matches!(third.import(&turned[..], &pin("tree"), profile, NOW), Err(StorageError::Car(_))));
        assert_eq!(blocks(&third), 0);
        check(&third);
    }
}

#[test]
fn car_1_a_car_whose_root_is_not_in_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut car = leither_kit::car::header(&[raw(b"other")]).to_vec();
    car.extend(leither_kit::car::section(&raw(b"a"), b"a"));
    assert!(matches!(store.import(&car[..], &pin("x"), Profile::default(), NOW), Err(StorageError::NoBlock(_))));
    let none = leither_kit::car::header(&[]);
    assert!(matches!(store.import(&none[..], &pin("x"), Profile::default(), NOW), Err(StorageError::NoRoots)));
    assert_eq!(blocks(&store), 0);
    check(&store);
}
