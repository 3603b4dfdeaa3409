//! account_*, token_*, mimei_*, state_getProof: what wallets ask.

use super::reads::LastRead;
use super::{At, Node, fault, versions};
use leither_pallets::{accounts, mimei, orgs, tokens};
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_state::{Holding, Question};
use leither_storage::content::cid_of;
use leither_store::Unproven;
use leither_types::{AccountId, ContentId, MimeiId, TokenId, Trusted};
use parity_scale_codec::Encode;

/// Tokens that `account_get` lists.
const TOKENS_SHOWN: usize = 100;
/// Tokens that it looks through: holdings are kept by token, not by holder.
const TOKENS_SCANNED: usize = 256;
/// Grants in force that `mimei_get` lists.
const GRANTS_SHOWN: usize = 200;

pub(super) fn balance(holding: &Holding) -> Balance {
    Balance { free: holding.free.into(), locked: holding.locked.into() }
}

/// A page from one row more than was asked for: the row behind it tells that there is a next.
pub(super) fn page<K, T>(rows: Vec<(K, T)>, limit: usize, height: u64, place: impl Fn(&K) -> String) -> Page<T> {
    let more = rows.len() > limit;
    let mut last = None;
    let mut items = Vec::with_capacity(rows.len().min(limit));
    for (key, item) in rows.into_iter().take(limit) {
        last = Some(key);
        items.push(item);
    }
    let next = last.filter(|_| more).map(|key| Cursor::new(place(&key)));
    Page { items, next, height: height.into() }
}

/// The place that a cursor of ours names.
pub(super) fn place<T: std::str::FromStr>(after: &Option<Cursor>) -> Answer<Option<T>> {
    let read = |cursor: &Cursor| cursor.as_str().parse().map_err(|_| ApiError::params("`after` is no `next` of an earlier page"));
    after.as_ref().map(read).transpose()
}

/// Why a node has no proof, and what to ask instead.
fn unproven(why: Unproven) -> ApiError {
    match why {
        Unproven::NoBlock => ApiError::new(Reason::NotReady, "there is no block yet whose state could be proven"),
        Unproven::TooMany { from } => {
            let sentence = format!(
                "more than 512 changes of validators lie between the start of this proof and its block: get the block of height {from}, or \
                 a later one, from somebody you trust, and ask with `from`"
            );
            ApiError::new(Reason::Pruned, sentence).with("from", from.to_string())
        }
        Unproven::NoStart(height) => ApiError::new(
            Reason::UnknownBlock,
            format!(
                "no proof can begin at height {height}: it must be below the newest block, and be a change of validators or a block that \
                 this node still keeps; give another `from`, or ask another node"
            ),
        ),
    }
}

impl Node {
    pub(super) fn token_id(&self, at: &At, token: &TokenRef) -> Answer<TokenId> {
        let found = match token {
            TokenRef::Id(id) => tokens::views::token(&*at.state, id).map_err(fault)?.map(|_| *id),
            TokenRef::Symbol(symbol) => tokens::views::by_symbol(&*at.state, symbol).map_err(fault)?,
        };
        found.ok_or_else(|| {
            ApiError::new(
                Reason::UnknownToken,
                format!("there is no token `{token}`: `leither org list` shows the organizations and their tokens"),
            )
        })
    }

    pub(super) fn token_info(&self, at: &At, id: &TokenId) -> Answer<tokens::TokenInfo> {
        let info = tokens::views::token(&*at.state, id).map_err(fault)?;
        info.ok_or_else(|| ApiError::new(Reason::UnknownToken, format!("there is no token {id}")))
    }

    pub(super) fn token_balance(&self, at: &At, token: &TokenId, who: &AccountId) -> Answer<TokenBalance> {
        let info = self.token_info(at, token)?;
        let holding = accounts::views::holding(&*at.state, token, who).map_err(fault)?;
        Ok(TokenBalance {
            token: (*token).into(),
            symbol: info.symbol.to_string(),
            decimals: info.decimals,
            balance: balance(&holding),
        })
    }

    pub(super) fn account(&self, at: &At, who: AccountId) -> Answer<AccountView> {
        let holding = accounts::views::holding(&*at.state, &TokenId::NATIVE, &who).map_err(fault)?;
        let mut others = Vec::new();
        for (token, info) in tokens::views::tokens(&*at.state, None, TOKENS_SCANNED).map_err(fault)? {
            let holding = accounts::views::holding(&*at.state, &token, &who).map_err(fault)?;
            if token != TokenId::NATIVE && !holding.is_vacant() && others.len() < TOKENS_SHOWN {
                let (symbol, decimals) = (info.symbol.to_string(), info.decimals);
                others.push(TokenBalance { token: token.into(), symbol, decimals, balance: balance(&holding) });
            }
        }
        let key = (holding.key != Holding::default().key).then_some(leither_types::Hash(holding.key.0).into());
        Ok(AccountView {
            account: who.into(),
            mei: balance(&holding),
            nonce: holding.nonce.into(),
            next_nonce: self.engine.pending_nonce(&who).unwrap_or(holding.nonce).into(),
            key,
            org: self.org_of(at, &who)?,
            tokens: others,
            height: at.head.height.into(),
        })
    }

    /// The organization whose treasury this is.
    pub(super) fn org_of(&self, at: &At, who: &AccountId) -> Answer<Option<OrgKey>> {
        let id = leither_types::OrgId(who.0);
        Ok(orgs::views::org(&*at.state, &id).map_err(fault)?.map(|_| id.into()))
    }

    pub(super) fn history(&self, ask: &GetHistory) -> Answer<Page<HistoryEntry>> {
        let limit = Limit::of(ask.limit);
        let before = match &ask.after {
            None => None,
            Some(cursor) => {
                let parts = cursor.as_str().split_once('.').and_then(|(h, i)| Some((h.parse().ok()?, i.parse().ok()?)));
                Some(parts.ok_or_else(|| ApiError::params("`after` is no `next` of an earlier page"))?)
            }
        };
        let who = ask.account.0;
        let mut rows = Vec::new();
        let mut opened = LastRead::new();
        for (height, index) in self.store.account_history(&who, before, limit + 1).map_err(fault)? {
            let (block, receipts) = opened.at(height, || self.opened(height))?;
            let signed = block.txs.get(index as usize);
            let receipt = receipts.get(index as usize);
            rows.push((
                (height, index),
                HistoryEntry {
                    tx: signed.map(|tx| tx.id()).unwrap_or_default().into(),
                    height: height.into(),
                    index,
                    time: block.header.time.into(),
                    signed: signed.is_some_and(|tx| tx.tx.signers.contains(&who)),
                    done: receipt.is_some_and(|r| r.status == leither_types::Status::Done),
                    calls: signed.map(|tx| tx.tx.calls.iter().map(verb).collect()).unwrap_or_else(|| vec!["block.end".into()]),
                },
            ));
        }
        let height = self.store.head().map_err(fault)?.height;
        Ok(page(rows, limit, height, |(h, i)| format!("{h}.{i}")))
    }

    pub(super) fn token(&self, at: &At, token: &TokenRef) -> Answer<TokenView> {
        let id = self.token_id(at, token)?;
        let info = self.token_info(at, &id)?;
        let supply = at.state.supply(&id).map_err(fault)?;
        let terms = orgs::views::terms(&*at.state, &id).map_err(fault)?;
        Ok(TokenView {
            token: id.into(),
            symbol: info.symbol.to_string(),
            decimals: info.decimals,
            org: info.org.map(Into::into),
            supply: supply.into(),
            issued: info.issued.into(),
            burned: info.burned.into(),
            cap: terms.map(|terms| terms.cap.into()),
            minter: terms.and_then(|terms| terms.minter).map(Into::into),
            dividends: self.dividends(at, &id)?,
            height: at.head.height.into(),
        })
    }

    pub(super) fn dividends(&self, at: &At, token: &TokenId) -> Answer<Vec<DividendIndex>> {
        let mut all = Vec::new();
        for (income, index) in tokens::views::indices(&*at.state, token).map_err(fault)? {
            let symbol = self.token_info(at, &income)?.symbol.to_string();
            all.push(DividendIndex { income: income.into(), symbol, index });
        }
        Ok(all)
    }

    pub(super) fn balance_of(&self, at: &At, token: &TokenRef, who: AccountId) -> Answer<BalanceView> {
        let id = self.token_id(at, token)?;
        let held = self.token_balance(at, &id, &who)?;
        let mut claimable = Vec::new();
        for income in tokens::views::incomes(&*at.state, &id).map_err(fault)? {
            let amount = tokens::views::claimable(&*at.state, &id, &who, &income).map_err(fault)?;
            let symbol = self.token_info(at, &income)?.symbol.to_string();
            claimable.push(Claimable { income: income.into(), symbol, amount: amount.into() });
        }
        let height = at.head.height.into();
        Ok(BalanceView {
            token: held.token,
            symbol: held.symbol,
            decimals: held.decimals,
            account: who.into(),
            balance: held.balance,
            claimable,
            height,
        })
    }

    pub(super) fn holders(&self, at: &At, ask: &GetHolders) -> Answer<Page<Holder>> {
        let id = self.token_id(at, &ask.token)?;
        let limit = Limit::of(ask.limit);
        let after = place::<AccountId>(&ask.after)?;
        let mut rows = Vec::new();
        for (who, holding) in at.state.holders(&id, after.as_ref(), limit + 1).map_err(fault)? {
            let org = self.org_of(at, &who)?;
            rows.push((who, Holder { account: who.into(), balance: balance(&holding), org }));
        }
        Ok(page(rows, limit, at.head.height, AccountId::to_string))
    }

    pub(super) fn proof(&self, ask: &GetProof) -> Answer<Proof> {
        let question = self.read(|at| self.question(at, &ask.subject))?;
        // The genesis is where it begins anyway.
        let from = ask.from.map(|from| from.0).filter(|from| *from > 0);
        let proof = self.store.prove_from(&question, from).map_err(fault)?.map_err(unproven)?;
        // Whether it is the block that the caller trusts is for the caller to see.
        let start = proof.handovers.first().filter(|_| from.is_some()).map(|start| &start.header);
        let trusted = start.map(|start| Trusted { height: start.height, block: start.id() });
        let verified = proof.verify_from(&self.chain_id(), trusted.as_ref(), &question);
        let proven = verified.map_err(|e| fault(leither_state::Fault::Corrupt(format!("a proof of ours fails: {e}"))))?;
        let (present, value) = match proven {
            leither_state::Answer::Holding(holding) => (holding.is_some(), holding.map(|h| serde_json::to_value(balance(&h)))),
            leither_state::Answer::Record(value) => (value.is_some(), value.map(|v| Ok(leither_types::json::hex_of(&v).into()))),
        };
        let value = value.transpose().map_err(|e| ApiError::new(Reason::Internal, e.to_string()))?.unwrap_or_default();
        let key = match &question {
            Question::Record(key) => Some(Bytes(key.to_vec())),
            Question::Holding { .. } => None,
        };
        Ok(Proof {
            height: proof.header.height.into(),
            present,
            value,
            key,
            state_root: proof.header.state_root.into(),
            header: super::show::final_header(&proof.header, &proof.certificate),
            genesis: Bytes(proof.genesis.encode()),
            proof: Bytes(proof.encode()),
        })
    }

    fn question(&self, at: &At, subject: &ProofSubject) -> Answer<Question> {
        let record = |key: Vec<u8>| {
            leither_types::List::new(key)
                .map(Question::Record)
                .ok_or_else(|| ApiError::params("a record's key is at most 256 bytes"))
        };
        match subject {
            ProofSubject::Holding { account, token } => Ok(Question::Holding { token: self.token_id(at, token)?, id: account.0 }),
            ProofSubject::Member { org, member } => record(orgs::views::member_key(&self.org_id(at, org)?, &member.0)),
            ProofSubject::Mimei { mimei } => record(mimei::views::head_key(&mimei.0)),
            ProofSubject::Record { record: key } => record(key.0.clone()),
        }
    }

    fn head_of(&self, at: &At, id: &MimeiId) -> Answer<mimei::Head> {
        let head = mimei::views::head(&*at.state, id).map_err(fault)?;
        head.ok_or_else(|| ApiError::new(Reason::UnknownMimei, format!("there is no MiMei {id}")))
    }

    pub(super) fn mimei(&self, at: &At, id: MimeiId) -> Answer<MimeiView> {
        let head = self.head_of(at, &id)?;
        let grants = mimei::views::grants(&*at.state, &id, None, GRANTS_SHOWN).map_err(fault)?;
        Ok(MimeiView {
            mimei: id.into(),
            author: head.author.into(),
            owner: head.owner.into(),
            app: head.app.to_string(),
            kind: head.kind.to_string(),
            mark: head.mark.to_string(),
            head: head.last.as_ref().map(version),
            release: head.release.map(Into::into),
            history: head.history.into(),
            forked_from: head.parent.map(|(mimei, number)| ForkView { mimei: mimei.into(), version: number.into() }),
            referenced: head.referenced,
            groups: groups(head.mask),
            grants: grants.into_iter().map(|(who, mask)| GrantView { account: who.into(), rights: rights(mask) }).collect(),
            created: head.height.into(),
            height: at.head.height.into(),
        })
    }

    pub(super) fn mimei_rights(&self, at: &At, ask: GetMimeiRights) -> Answer<RightsView> {
        let (id, who) = (ask.mimei.0, ask.account.0);
        let head = self.head_of(at, &id)?;
        let view = mimei::View::Final(&*at.state);
        let all = mimei::views::rights(view, &id, &head, &who).map_err(fault)?;
        let grant = mimei::views::grant(&*at.state, &id, &head, &who).map_err(fault)?;
        Ok(RightsView {
            mimei: ask.mimei,
            account: ask.account,
            owner: head.owner == who,
            grant: grant.map(rights),
            rights: rights(all),
            height: at.head.height.into(),
        })
    }

    /// The newest first (MIMEI-6).
    pub(super) fn versions(&self, at: &At, ask: &GetMimeiPage) -> Answer<Page<VersionView>> {
        let id = ask.mimei.0;
        let head = self.head_of(at, &id)?;
        let from = match &ask.after {
            None => head.last.as_ref().map(|v| (v.number, v.height)),
            Some(cursor) => {
                let parts = cursor.as_str().split_once('.').and_then(|(n, h)| Some((n.parse().ok()?, h.parse().ok()?)));
                Some(parts.ok_or_else(|| ApiError::params("`after` is no `next` of an earlier page"))?)
            }
        };
        let (found, next) = versions::page(&self.store, &id, from, Limit::of(ask.limit))?;
        let next = next.map(|(number, height)| Cursor::new(format!("{number}.{height}")));
        Ok(Page { items: found.iter().map(version).collect(), next, height: at.head.height.into() })
    }

    /// MIMEI-7: in id order of what is referred to.
    pub(super) fn references(&self, at: &At, ask: &GetMimeiPage) -> Answer<Page<ReferenceView>> {
        let id = ask.mimei.0;
        let limit = Limit::of(ask.limit);
        let after = place::<MimeiId>(&ask.after)?;
        // One that the chain does not know is told as that, not as one that refers to nothing.
        self.head_of(at, &id)?;
        let found = mimei::views::references(&*at.state, &id, after.as_ref(), limit + 1).map_err(fault)?;
        let rows: Vec<_> = found.into_iter().map(|(to, count)| (to, ReferenceView { to: to.into(), count })).collect();
        Ok(page(rows, limit, at.head.height, MimeiId::to_string))
    }

    pub(super) fn mimeis(&self, at: &At, ask: &ListMimei) -> Answer<Page<MimeiSummary>> {
        let limit = Limit::of(ask.limit);
        let after = place::<MimeiId>(&ask.after)?;
        let mut rows = Vec::new();
        for id in mimei::views::by_author(&*at.state, &ask.author.0, after.as_ref(), limit + 1).map_err(fault)? {
            let head = self.head_of(at, &id)?;
            rows.push((
                id,
                MimeiSummary {
                    mimei: id.into(),
                    app: head.app.to_string(),
                    kind: head.kind.to_string(),
                    mark: head.mark.to_string(),
                    version: head.last.map(|v| v.number.into()),
                },
            ));
        }
        Ok(page(rows, limit, at.head.height, MimeiId::to_string))
    }
}

/// Rights by their names.
fn rights(of: mimei::Rights) -> Vec<String> {
    let name = |right| match right {
        mimei::Right::Backup => "backup",
        mimei::Right::Release => "release",
        mimei::Right::Refer => "refer",
    };
    of.list().into_iter().map(|right| name(right).to_string()).collect()
}

fn groups(mask: mimei::Mask) -> GroupsView {
    let of = |group| rights(mask.of(group));
    GroupsView {
        mask: mask.0.into(),
        guests: of(mimei::Group::Guests),
        members: of(mimei::Group::Members),
        supervisors: of(mimei::Group::Supervisors),
    }
}

fn verb(bytes: &leither_types::CallBytes) -> String {
    let call = super::show::call(bytes);
    format!("{}.{}", call.pallet, call.call)
}

fn version(v: &mimei::Version) -> VersionView {
    VersionView { version: v.number.into(), cid: cid_text(&v.content), height: v.height.into(), time: v.time.into() }
}

/// As IPFS tools write it; bytes that are no CID (somebody may record anything) as hex.
fn cid_text(content: &ContentId) -> String {
    cid_of(content).map_or_else(|| content.to_string(), |cid| cid.to_string())
}
