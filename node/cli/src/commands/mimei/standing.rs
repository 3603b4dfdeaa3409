//! How the working copy stands to the chain, and what is said of it.

use crate::content::api::Local;
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use leither_rpc_api::{GetMimeiPage, Limit, MimeiView, VersionView, methods};
use leither_types::MimeiId;
use serde_json::{Value, json};

/// Versions of one page, and pages that are looked at.
const PAGE: u32 = 200;
const PAGES_MAX: usize = 5;

/// How the working copy stands to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    None,
    /// They are the same.
    Same,
    /// Only the working copy moved: `backup` makes it the newest version.
    Ahead,
    /// Only the chain moved: `restore` brings its version.
    Behind,
    /// Both moved: both are kept, and a person decides.
    Conflict,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Same => "same",
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Conflict => "conflict",
        }
    }
}

/// HOLD-12: what this node has. A working copy with the same content as a version that is newer than the one it came from comes from that version,
/// whoever made both: equal content is no conflict, neither now nor when the next version comes.
pub async fn local(wallet: &Wallet, socket: &Socket, view: &MimeiView) -> Done<Local> {
    let mimei = view.mimei.0;
    let local = socket.local(&mimei).await?;
    let found = match standing(&local, view) {
        Standing::Same => view.head.as_ref().filter(|head| agrees(&local, head)).map(|head| head.version.0),
        Standing::Conflict => same_before(wallet, view, &local).await,
        Standing::None | Standing::Ahead | Standing::Behind => None,
    };
    let (Some(number), Some(cur)) = (found, &local.cur) else { return Ok(local) };
    match socket.record(&mimei, number, &cur.cid, &cur.profile).await {
        Ok(_) => Ok(socket.local(&mimei).await?),
        // It was changed at this very moment, or the disk is full: what stands there is told, and the next look tries again.
        Err(_) => Ok(local),
    }
}

/// The number of the newest version when the working copy began.
fn seen(local: &Local) -> Option<u64> {
    local.base.as_ref().and_then(|base| base.version.parse().ok())
}

/// Whether the working copy has the content of a version, and nothing says yet that it comes from that one.
fn agrees(local: &Local, version: &VersionView) -> bool {
    let Some(cur) = &local.cur else { return false };
    let is_known = local.base.as_ref().is_some_and(|base| base.cid == cur.cid) && seen(local) >= Some(version.version.0);
    version.cid == cur.cid && !is_known
}

/// The newest version that is newer than the one that the working copy came from, and has the same content. Of those the newest thousand are looked
/// at, as far as the node can tell them.
async fn same_before(wallet: &Wallet, view: &MimeiView, local: &Local) -> Option<u64> {
    let seen = seen(local);
    let mut after = None;
    for _ in 0..PAGES_MAX {
        let ask = GetMimeiPage { mimei: view.mimei, after, limit: Limit::new(PAGE) };
        // The newest first.
        let page = wallet.client.call(&methods::MIMEI_GET_VERSIONS, ask).await.ok()?;
        let mut newer = page.items.iter().take_while(|version| seen.is_none_or(|seen| version.version.0 > seen));
        if let Some(found) = newer.find(|version| agrees(local, version)) {
            return Some(found.version.0);
        }
        let is_over = page.items.last().is_some_and(|last| seen.is_some_and(|seen| last.version.0 <= seen));
        after = page.next;
        if is_over || after.is_none() {
            break;
        }
    }
    None
}

/// VERSION-3: by what the working copy came from, and what was the newest then.
pub fn standing(local: &Local, view: &MimeiView) -> Standing {
    let Some(cur) = &local.cur else { return Standing::None };
    let head = view.head.as_ref();
    if head.is_some_and(|head| head.cid == cur.cid) {
        return Standing::Same;
    }
    let mine = local.base.as_ref().is_none_or(|base| base.cid != cur.cid);
    let seen = local.base.as_ref().map(|base| base.version.clone());
    let theirs = head.map(|head| head.version.0.to_string()) != seen;
    match (mine, theirs) {
        (true, true) => Standing::Conflict,
        (false, true) => Standing::Behind,
        // An older version that was restored is a step forward, too.
        (_, false) => Standing::Ahead,
    }
}

/// CONFLICT-1: both sides by their names, and how to go on.
pub fn conflict(id: &MimeiId, local: &Local, view: &MimeiView) -> String {
    let cur = local.cur.as_ref().map(|cur| cur.cid.as_str()).unwrap_or_default();
    let came = local.base.as_ref().map_or_else(|| "no version".into(), |base| format!("version {}", base.version));
    let (number, cid) = view.head.as_ref().map(|head| (head.version.0, head.cid.as_str())).unwrap_or_default();
    format!(
        "the newest version of {id} is {number} ({cid}), but the working copy ({cur}) came from {came}; both are kept: \
         `leither mimei sync {id}` brings version {number} here, `leither mimei get {id}@cur` and `leither mimei get {id}@{number}` write them to \
         directories. To keep both, bring what is to stay of version {number} into the working copy (`leither mimei cur`), then \
         `leither mimei backup {id} --from NAME --base {number}`; to go on with version {number} alone, \
         `leither mimei restore {id} --discard`"
    )
}

/// CONFLICT-1: the sides of a conflict, and the trees that lost one (HOLD-3): what `mimei get` takes, the content id, and what keeps it here.
fn sides(local: &Local, view: &MimeiView, standing: Standing) -> Vec<Value> {
    let id = view.mimei.0;
    let side = |side: &str, which: &str, cid: &str, root: String| {
        let get = format!("{id}@{which}");
        json!({ "side": side, "get": get, "cid": cid, "root": root })
    };
    let mut sides = Vec::new();
    if standing == Standing::Conflict {
        sides.extend(local.cur.as_ref().map(|cur| side("mine", "cur", &cur.cid, format!("cur/{id}"))));
        let theirs = view.head.as_ref().map(|head| (head.version.0.to_string(), &head.cid));
        sides.extend(theirs.map(|(number, cid)| side("theirs", &number, cid, format!("version/{id}/{number}"))));
    }
    sides.extend(local.lost.iter().map(|lost| side("lost", &lost.cid, &lost.cid, lost.root.clone())));
    sides
}

/// CONFLICT-1: that something lost, whatever became of the working copy since, and how to go on.
fn lost(id: &MimeiId, local: &Local) -> Option<String> {
    let first = local.lost.first()?;
    let (count, cid, root) = (local.lost.len(), &first.cid, &first.root);
    Some(format!(
        "{count} of what was to become a version of {id} did not, since another tree became that one, as after a backup that was cut off; all is kept, \
         see `sides`: `leither mimei get {id}@{cid}` writes the first to a directory, `leither storage release {root} --discard` lets go of it"
    ))
}

/// CONFLICT-1: `--base` names the newest version, as its owner has seen it; then a conflict is settled, and nothing else is said by it.
pub fn settled(standing: Standing, base: Option<u64>, view: &MimeiView) -> Done<Standing> {
    let Some(base) = base else { return Ok(standing) };
    let (id, last) = (view.mimei.0, view.head.as_ref().map(|head| head.version.0));
    match (standing, last) {
        (_, Some(last)) if last != base => Err(Failure::new(
            Exit::Refused,
            format!(
                "the newest version of {id} is {last}, not {base}: look at it with `leither mimei get {id}@{last}`, bring over what is to stay, \
                 and back up with --base {last}"
            ),
        )),
        (_, None) => Err(Failure::usage(format!("{id} has no version yet: leave --base out"))),
        (Standing::Conflict, Some(_)) => Ok(Standing::Ahead),
        (standing, Some(_)) => Ok(standing),
    }
}

/// The chain's view, and beside it what this node has.
pub fn shown(view: &MimeiView, local: &Local) -> Done<Value> {
    let mut value = serde_json::to_value(view).map_err(Failure::fault)?;
    let standing = standing(local, view);
    value["local"] = serde_json::to_value(local).map_err(Failure::fault)?;
    value["standing"] = standing.word().into();
    if standing == Standing::Conflict {
        value["conflict"] = conflict(&view.mimei.0, local, view).into();
    }
    if let Some(lost) = lost(&view.mimei.0, local) {
        value["lost"] = lost.into();
    }
    let sides = sides(local, view, standing);
    if !sides.is_empty() {
        value["sides"] = sides.into();
    }
    Ok(value)
}

/// HOLD-4: the generation of the working copy that a version may take the place of; nothing where there is none. What has changes that no version has is
/// refused. The generation is that of what was judged, so that a change that comes later is not overwritten either.
pub fn replaceable<'a>(local: &'a Local, view: &MimeiView, discard: bool) -> Done<Option<&'a str>> {
    let changed = matches!(standing(local, view), Standing::Ahead | Standing::Conflict)
        && local.cur.as_ref().map(|cur| &cur.cid) != local.base.as_ref().map(|base| &base.cid);
    if changed && !discard {
        let mimei = &view.mimei.0;
        let sentence = format!(
            "the working copy of {mimei} has changes that no version has: `leither mimei backup {mimei} --from NAME` keeps them, --discard takes them out"
        );
        return Err(Failure::new(Exit::Refused, sentence));
    }
    Ok(local.cur.as_ref().map(|cur| cur.generation.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::api::{Cur, Held, RootView};
    use leither_rpc_api::{GroupsView, Hash32, U64, VersionView};
    use leither_storage::content::Profile;
    use leither_types::{AccountId, Hash};

    fn at(number: u64, cid: &str) -> MimeiView {
        let (author, owner) = (AccountId([1; 20]).into(), AccountId([1; 20]).into());
        let groups = GroupsView { mask: U64(0), guests: vec![], members: vec![], supervisors: vec![] };
        MimeiView {
            mimei: MimeiId([7; 20]).into(),
            author,
            owner,
            app: String::new(),
            kind: "dir".into(),
            mark: String::new(),
            head: Some(VersionView { version: U64(number), cid: cid.into(), height: U64(1), time: U64(0) }),
            release: None,
            history: Hash32(Hash([0; 32])),
            forked_from: None,
            referenced: 0,
            groups,
            grants: vec![],
            created: U64(1),
            height: U64(1),
        }
    }

    fn here(cur: (&str, u64), base: (&str, u64)) -> Local {
        let profile = Profile::default().name();
        Local {
            cur: Some(Cur { cid: cur.0.into(), profile: profile.into(), generation: cur.1.to_string() }),
            base: Some(Held { version: base.1.to_string(), cid: base.0.into(), profile: profile.into() }),
            ..Local::default()
        }
    }

    #[test]
    fn hold_4_a_change_that_came_while_a_version_was_fetched_is_not_overwritten() {
        let view = at(1, "new");
        let before = here(("old", 5), ("old", 0));
        assert_eq!(replaceable(&before, &view, false).unwrap(), Some("5"), "this and no later generation is replaced");
        let changed = here(("mine", 6), ("old", 0));
        let refused = replaceable(&changed, &view, false).unwrap_err();
        assert!(refused.exit == Exit::Refused && refused.sentence.contains("--discard"), "{}", refused.sentence);
        assert_eq!(replaceable(&changed, &view, true).unwrap(), Some("6"));
        let followed = here(("new", 6), ("new", 1));
        assert_eq!(replaceable(&followed, &view, false).unwrap(), Some("6"), "what followed by itself has no changes");
        assert_eq!(replaceable(&Local::default(), &view, false).unwrap(), None);
    }

    #[test]
    fn hold_12_equal_content_is_no_conflict_when_another_version_comes() {
        let mine = here(("mine", 5), ("old", 0));
        let (same, next) = (at(1, "mine"), at(2, "theirs"));
        assert_eq!(standing(&mine, &same), Standing::Same);
        // Who looks after the next one has come finds the version of before.
        assert_eq!(standing(&mine, &next), Standing::Conflict);
        assert!(agrees(&mine, same.head.as_ref().unwrap()) && !agrees(&mine, next.head.as_ref().unwrap()));
        // What recording that version makes of it.
        let recorded = here(("mine", 5), ("mine", 1));
        assert_eq!(standing(&recorded, &next), Standing::Behind);
        assert!(!agrees(&recorded, same.head.as_ref().unwrap()), "it is known");
        let empty = Local { base: None, ..mine };
        assert!(agrees(&empty, same.head.as_ref().unwrap()), "it came from no version");
        assert!(!agrees(&Local::default(), same.head.as_ref().unwrap()));
    }

    #[test]
    fn conflict_1_both_sides_and_what_lost_are_named_so_that_each_can_be_got() {
        let (view, mut local) = (at(4, "theirs"), here(("mine", 6), ("old", 3)));
        let lost = RootView { root: "pin/conflict/x/lost".into(), cid: "lost".into(), profile: String::new() };
        local.lost = vec![lost];
        let value = shown(&view, &local).unwrap();
        let id = MimeiId([7; 20]);
        let side = |n: usize| {
            let one = &value["sides"][n];
            ["side", "get", "cid", "root"].map(|name| one[name].as_str().unwrap().to_string())
        };
        assert_eq!(side(0), ["mine".into(), format!("{id}@cur"), "mine".into(), format!("cur/{id}")]);
        assert_eq!(side(1), ["theirs".into(), format!("{id}@4"), "theirs".into(), format!("version/{id}/4")]);
        assert_eq!(side(2), ["lost".into(), format!("{id}@lost"), "lost".into(), "pin/conflict/x/lost".to_string()]);
        let said = value["conflict"].as_str().unwrap();
        for part in ["both are kept", "@cur`", "@4`", "--base 4`", "--discard`"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let same = shown(&view, &here(("theirs", 6), ("old", 3))).unwrap();
        assert!(same["standing"] == "same" && ["sides", "conflict", "lost"].iter().all(|name| same.get(name).is_none()));
        // What lost is told of without a conflict, too.
        let ahead = shown(&view, &Local { lost: local.lost, ..here(("mine", 6), ("theirs", 4)) }).unwrap();
        assert_eq!((ahead["standing"].as_str(), ahead["sides"].as_array().map(Vec::len)), (Some("ahead"), Some(1)));
        let said = ahead["lost"].as_str().unwrap();
        for part in ["cut off", "@lost`", "storage release pin/conflict/x/lost --discard`"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn conflict_1_a_conflict_is_settled_by_who_names_the_newest_version_and_no_older_one() {
        let view = at(4, "theirs");
        let word = |standing, base| settled(standing, base, &view).map(Standing::word).map_err(|failure| failure.exit);
        assert_eq!(word(Standing::Conflict, None), Ok("conflict"));
        assert_eq!(word(Standing::Conflict, Some(4)), Ok("ahead"));
        assert_eq!(word(Standing::Conflict, Some(3)), Err(Exit::Refused), "it moved again since it was seen");
        assert_eq!((word(Standing::Behind, Some(4)), word(Standing::Same, Some(4))), (Ok("behind"), Ok("same")));
        let none = MimeiView { head: None, ..at(0, "") };
        assert_eq!(settled(Standing::Ahead, Some(0), &none).unwrap_err().exit, Exit::Usage);
    }
}
