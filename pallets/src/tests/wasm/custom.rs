use super::*;
use leither_harness::pallets::mimei;
use leither_harness::pallets::orgs::{self, Error as OrgError, Limit, Mandate, Role, Via};
use leither_harness::pallets::tokens::{Error as TokenError, Event as Tokens};
use leither_harness::pallets::wasm::Chosen;
use leither_harness::{charter, issue, proposal, transfer};
use leither_types::{ContentId, MimeiId, OrgId};

/// A puppet that is the consensus contract of an organization of alice, bob and carol.
pub(super) struct Bound {
    pub(super) stage: Stage,
    pub(super) org: OrgId,
    pub(super) puppet: AccountId,
}

pub(super) fn binding(org: OrgId, contract: Option<AccountId>, mandate: Mandate) -> Call {
    Call::Wasm(Do::Bind { org, contract: contract.map(|contract| Chosen { contract, code: 1 }), mandate })
}

pub(super) fn mandate(members: bool, issue: u128, spend: u128) -> Mandate {
    let spend = if spend == 0 { Vec::new() } else { vec![Limit { token: MEI, amount: Amount(spend) }] };
    Mandate { members, issue_cap: Amount(issue), spend: List::new(spend).unwrap() }
}

/// Whoever makes it, nobody can change it.
pub(super) fn final_puppet(code: u64) -> Call {
    let Call::Wasm(Do::Instantiate { code, msg, funds, label, salt, gas, .. }) = instantiate(code, &json!({}), 1_000_000, None)
    else {
        unreachable!()
    };
    Call::Wasm(Do::Instantiate { code, msg, funds, label, admin: None, salt, gas })
}

pub(super) fn custom(message: Value) -> Value {
    json!({ "messages": [sub(1, json!({ "custom": message }), "never")] })
}

impl Bound {
    pub(super) fn new(mandate: Mandate) -> Self {
        let mut stage = Stage::new();
        let open = charter(&["alice"], 1);
        let join = orgs::JoinPolicy { sponsorship: true, ..open.join.clone() };
        let org = stage.chain.found(&["alice"], "tube", orgs::Charter { join, ..open });
        let (code, _) = stage.store("alice", PUPPET);
        let puppet = stage.born("alice", final_puppet(code));
        stage.chain.ok("alice", binding(org, Some(puppet), mandate));
        for who in ["bob", "carol"] {
            stage.chain.join(org, who);
        }
        Self { stage, org, puppet }
    }

    pub(super) fn say(&mut self, message: Value) -> Vec<Event> {
        self.stage.chain.ok("dave", execute(self.puppet, &custom(message)))
    }

    pub(super) fn refused(&mut self, message: Value) -> Error {
        self.stage.chain.refused("dave", execute(self.puppet, &custom(message)))
    }

    pub(super) fn ask(&self, query: Value) -> Value {
        match self.stage.ask_within(&json!({ "custom": query }), GAS) {
            Some(QueryAnswer::Bytes(bytes)) => serde_json::from_slice(&bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn to_pay(coin: u128, denom: &str) -> Value {
    json!({ "amount": coin.to_string(), "denom": denom })
}

#[test]
fn org_15_founders_alone_or_a_vote_name_the_contract() {
    let mut stage = Stage::new();
    let org = stage.chain.found(&["alice"], "tube", charter(&["alice"], 1));
    let (code, _) = stage.store("alice", PUPPET);
    let (first, second) = (stage.born("alice", final_puppet(code)), stage.born("alice", final_puppet(code)));
    let only_by_vote = Error::Orgs(OrgError::OnlyByVote);
    assert_eq!(stage.chain.refused("bob", binding(org, Some(first), Mandate::default())), only_by_vote);
    assert_eq!(stage.chain.refused("alice", binding(org, Some(account("bob")), Mandate::default())), refusal(Why::NoContract));
    stage.chain.ok("alice", binding(org, Some(first), mandate(true, 5, 0)));
    // Once there is one, or somebody else is a member, not even the founder changes it alone.
    assert_eq!(stage.chain.refused("alice", binding(org, Some(second), Mandate::default())), only_by_vote);
    stage.chain.join(org, "bob");
    assert_eq!(stage.chain.refused("alice", binding(org, None, Mandate::default())), only_by_vote);
    stage.chain.ok("alice", proposal(org, &[binding(org, Some(second), Mandate::default())]));
    for who in ["alice", "bob"] {
        stage.chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: None }));
    }
    stage.chain.idle();
    let bound = orgs::views::binding(&**stage.chain.state(), &org, 0).unwrap().unwrap();
    assert_eq!((bound.contract, bound.mandate), (second, Mandate::default()));
    assert_eq!(orgs::views::bound_to(&**stage.chain.state(), &first).unwrap(), None);
}

#[test]
fn org_17_a_contract_is_one_organizations_and_nobody_else_can_change_it() {
    let mut bound = Bound::new(mandate(true, 0, 0));
    let other = bound.stage.chain.found(&["erin"], "vids", charter(&["erin"], 1));
    let second = bound.stage.chain.found(&["alice"], "scnd", charter(&["alice"], 1));
    let why = bound.stage.chain.refused("alice", binding(second, Some(bound.puppet), Mandate::default()));
    assert_eq!(why, Error::Orgs(OrgError::BoundElsewhere));
    // With an admin of its own it is none.
    let open = bound.stage.born("alice", instantiate(1, &json!({}), 0, None));
    let why = bound.stage.chain.refused("erin", binding(other, Some(open), Mandate::default()));
    assert_eq!(why, refusal(Why::ForeignAdmin));
    let treasury = Some(other.treasury());
    bound.stage.chain.ok("alice", Call::Wasm(Do::SetAdmin { contract: open, admin: treasury }));
    bound.stage.chain.ok("erin", binding(other, Some(open), Mandate::default()));
    // What nobody may change is bound to nobody whose maker has not joined them: else anybody could take it.
    let lonely = bound.stage.born("alice", final_puppet(1));
    let third = bound.stage.chain.found(&["frank"], "thrd", charter(&["frank"], 1));
    assert_eq!(
        bound.stage.chain.refused("frank", binding(third, Some(lonely), Mandate::default())),
        refusal(Why::ForeignMaker)
    );
    // Nor is other code than was chosen.
    let chosen = Chosen { contract: lonely, code: 2 };
    let other_code = Call::Wasm(Do::Bind { org: bound.org, contract: Some(chosen), mandate: Mandate::default() });
    assert_eq!(bound.stage.chain.refused("alice", other_code), refusal(Why::OtherCode { code: 1 }));
    let twice = vec![Limit { token: MEI, amount: Amount(1) }; 2];
    let unsound = Mandate { spend: List::new(twice).unwrap(), ..Mandate::default() };
    assert_eq!(bound.stage.chain.refused("frank", binding(third, None, unsound)), Error::Orgs(OrgError::Mandate));
    // A vote may fix it for ever, or give it new code, but hand it to nobody.
    let hand = Call::Wasm(Do::SetAdmin { contract: open, admin: Some(account("erin")) });
    bound.stage.chain.ok("erin", proposal(other, &[hand]));
    bound
        .stage
        .chain
        .ok("erin", Call::Orgs(orgs::Call::Vote { org: other, proposal: 0, yes: true, weight: None }));
    bound.stage.chain.idle();
    assert_eq!(bound.stage.chain.proposal(other, 0).stage, orgs::Stage::Closed(orgs::Outcome::Failed));
    assert_eq!(bound.stage.contract(open).admin, treasury);
    let why = bound.stage.chain.refused("erin", migrate(open, 1, &json!({})));
    assert_eq!(why, refusal(Why::NotAdmin), "an upgrade without a vote");
}

#[test]
fn org_16_a_contract_acts_within_its_mandate_and_no_further() {
    let mut bound = Bound::new(mandate(true, 100, 500));
    let org = bound.org;
    bound.stage.chain.ok("alice", transfer(MEI, org.treasury(), 10_000));
    let (bob, carol) = (account("bob").to_string(), account("carol").to_string());
    bound.say(json!({ "set_role": { "who": bob, "role": "marketing", "granted": true } }));
    let issue = |amount: u128| {
        json!({ "issue": { "to": bob, "amount": amount.to_string(), "role": "developer", "reason": "code",
        "evidence": format!("0x{}", "11".repeat(32)) } })
    };
    bound.say(issue(60));
    assert_eq!(bound.refused(issue(41)), Error::Orgs(OrgError::OverMandate { left: Amount(40) }));
    let entries = orgs::views::entries(&**bound.stage.chain.state(), &org, None, 9).unwrap();
    let orgs::EntryKind::Issuance { via, role, .. } = &entries[0].1.kind else { panic!("{entries:?}") };
    assert_eq!((*via, *role), (Via::Contract(bound.puppet), Role::Developer));
    // Whom supervisors would have to ask for evidence of, so has a contract.
    let in_no_role = json!({ "issue": { "to": carol, "amount": "1", "role": "investor", "reason": "code", "evidence": format!("0x{}", "11".repeat(32)) } });
    assert_eq!(bound.refused(in_no_role), Error::Orgs(OrgError::NotInRole));
    let no_evidence = json!({ "issue": { "to": bob, "amount": "1", "role": "developer", "reason": "code", "evidence": format!("0x{}", "00".repeat(32)) } });
    assert_eq!(bound.refused(no_evidence), Error::Orgs(OrgError::NoReason));
    let spend = |amount| json!({ "spend": { "to": carol, "coin": to_pay(amount, "nmei") } });
    bound.say(spend(300));
    assert_eq!(bound.refused(spend(201)), Error::Orgs(OrgError::OverMandate { left: Amount(200) }));
    let own = bound.stage.chain.org(org).token.to_string();
    let other_money = json!({ "spend": { "to": carol, "coin": to_pay(1, &own) } });
    assert_eq!(bound.refused(other_money), Error::Orgs(OrgError::NoMandate));
    assert_eq!(
        bound.ask(json!({ "mandate": { "org": org.to_string() } })),
        json!({ "contract": bound.puppet.to_string(), "members": true, "issue": "40", "spend": [{ "denom": "nmei", "amount": "200" }] })
    );
    // In the next epoch all begins anew.
    let epoch = bound.stage.chain.next_info().params.epoch_ms;
    bound.stage.chain.pass(epoch);
    bound.say(spend(500));
    bound.say(issue(100));
    // Not what others may by vote alone.
    bound.stage.chain.join(org, "erin");
    bound.say(json!({ "expel": { "who": account("erin").to_string() } }));
    assert!(bound.stage.chain.member(org, "erin").is_none());
    bound.stage.chain.ok("frank", Call::Orgs(orgs::Call::Apply { org, evidence: None, note: text("") }));
    bound.say(json!({ "admit": { "who": account("frank").to_string() } }));
    assert!(bound.stage.chain.member(org, "frank").is_some());
}

#[test]
fn wasm_11_without_a_mandate_a_contract_is_anybody() {
    let mut bound = Bound::new(Mandate::default());
    let who = account("bob").to_string();
    let role = json!({ "set_role": { "who": who, "role": "developer", "granted": true } });
    assert_eq!(bound.refused(role.clone()), Error::Orgs(OrgError::NoMandate));
    // Another one of the same code is nobody's.
    let stranger = bound.stage.born("alice", final_puppet(1));
    assert_eq!(bound.stage.chain.refused("dave", execute(stranger, &custom(role))), Error::Orgs(OrgError::NoMandate));
    // What it is told of it is a number of ours.
    let told = json!({ "messages": [sub(1, json!({ "custom": { "expel": { "who": who } } }), "error")] });
    bound.stage.chain.ok("dave", execute(stranger, &told));
    assert_eq!(bound.stage.replies(stranger)[0]["result"]["error"], "codespace: orgs, code: 26");
    // What another chain calls custom is not done, and harms nobody who asked to be told.
    let foreign = json!({ "messages": [sub(1, json!({ "custom": { "swap": { "amount": 1.5 } } }), "error")] });
    bound.stage.chain.ok("dave", execute(stranger, &foreign));
    assert_eq!(bound.stage.replies(stranger)[1]["result"]["error"], "codespace: wasm, code: 17");
}

/// TOKENS-8, too.
#[test]
fn wasm_12_a_split_gives_out_all_of_it_or_nothing() {
    let mut bound = Bound::new(mandate(false, 0, 1_000));
    let share = |who: &str, bp: u16| json!({ "to": account(who).to_string(), "bp": bp });
    let split = |amount: u128, shares: Value, from: &str| json!({ "split": { "coin": to_pay(amount, "nmei"), "shares": shares, "from": from } });
    let thirds = json!([share("x", 3_334), share("y", 3_333), share("z", 3_333)]);
    let events = bound.say(split(101, thirds.clone(), "own"));
    let paid: Vec<u128> = events
        .iter()
        .filter_map(|event| match event {
            Event::Tokens(Tokens::Transferred { amount, .. }) => Some(amount.0),
            _ => None,
        })
        .collect();
    assert_eq!(paid, [35, 33, 33], "the first has what no share divides");
    assert_eq!(bound.stage.has(bound.puppet), 1_000_000 - 101);
    for (wrong, sum) in [(json!([share("x", 9_999)]), 9_999), (json!([share("x", 9_999), share("y", 2)]), 10_001), (json!([]), 0)]
    {
        assert_eq!(bound.refused(split(100, wrong, "own")), Error::Tokens(TokenError::Shares { sum }));
    }
    assert!(matches!(bound.refused(split(1_000_000, thirds.clone(), "own")), Error::Accounts(_)), "more than there is");
    // The treasury's within the mandate; what one of the payees is, stays.
    bound.stage.chain.ok("alice", transfer(MEI, bound.org.treasury(), 5_000));
    let with_itself = json!([share("x", 5_000), { "to": bound.org.treasury().to_string(), "bp": 5_000 }]);
    bound.say(split(1_000, with_itself, "treasury"));
    assert_eq!(bound.stage.has(bound.org.treasury()), 4_500);
    assert_eq!(bound.refused(split(1, thirds.clone(), "treasury")), Error::Orgs(OrgError::OverMandate { left: Amount(0) }));
}

#[test]
fn org_18_a_table_is_one_whole_and_everybody_can_read_it() {
    let mut bound = Bound::new(Mandate::default());
    let share = |who: &str, bp: u16| json!({ "to": account(who).to_string(), "bp": bp });
    let thirds = json!([share("x", 3_334), share("y", 3_333), share("z", 3_333)]);
    bound.say(json!({ "set_table": { "table": 3, "shares": thirds } }));
    assert_eq!(bound.ask(json!({ "table": { "org": bound.org.to_string(), "table": 3 } }))["shares"], thirds);
    bound.say(json!({ "split_by_table": { "coin": to_pay(10, "nmei"), "table": 3, "from": "own" } }));
    assert_eq!(bound.stage.has(account("x")), 4);
    let none = json!({ "split_by_table": { "coin": to_pay(10, "nmei"), "table": 4, "from": "own" } });
    assert_eq!(bound.refused(none), Error::Tokens(TokenError::Shares { sum: 0 }));
    let short = json!({ "set_table": { "table": 3, "shares": [share("x", 1)] } });
    assert_eq!(bound.refused(short), Error::Tokens(TokenError::Shares { sum: 1 }));
    let kept = orgs::views::tables(&**bound.stage.chain.state(), &bound.org).unwrap();
    assert_eq!((kept.len(), kept[0].0, kept[0].1.len()), (1, 3, 3));
    bound.say(json!({ "set_table": { "table": 3, "shares": [] } }));
    assert!(orgs::views::tables(&**bound.stage.chain.state(), &bound.org).unwrap().is_empty());
    let beyond = json!({ "set_table": { "table": 64, "shares": [] } });
    assert_eq!(bound.refused(beyond), Error::Orgs(OrgError::TooMany { max: 64 }));
}

#[test]
fn wasm_10_a_contract_pays_income_claims_and_owns_mimei_as_anybody_does() {
    let mut bound = Bound::new(Mandate::default());
    let org = bound.org;
    bound.stage.chain.ok("alice", issue(org, account("bob"), 100));
    let token = bound.stage.chain.org(org).token;
    bound.stage.chain.ok("bob", transfer(token, bound.puppet, 25));
    let org_text = org.to_string();
    bound.say(json!({ "income": { "org": org_text, "coin": to_pay(1_000, "nmei"), "note": "ads" } }));
    let owed: u128 = bound.stage.chain.claimable(org, MEI, bound.puppet);
    assert!(owed > 0);
    let asked = bound.ask(json!({ "dividend": { "org": org_text, "who": bound.puppet.to_string(), "denom": "nmei" } }));
    assert_eq!(asked["amount"], owed.to_string());
    let before = bound.stage.has(bound.puppet);
    bound.say(json!({ "claim": { "org": org_text, "denom": "nmei" } }));
    assert_eq!(bound.stage.has(bound.puppet), before + owed);
    // A MiMei that was given to it.
    let create = Call::Mimei(mimei::Call::Create { app: text("files"), kind: text("file"), mark: text("a") });
    bound.stage.chain.ok("bob", create);
    let id = MimeiId::derive(&account("bob"), "files", "file", "a");
    let content = ContentId(Blob::new(vec![1, 2, 3]).unwrap());
    bound.stage.chain.ok("bob", Call::Mimei(mimei::Call::Backup { mimei: id, base: None, content }));
    let release = json!({ "mimei_release": { "mimei": id.to_string(), "number": 0 } });
    assert!(matches!(bound.refused(release.clone()), Error::Mimei(_)), "not its own");
    bound.stage.chain.ok("bob", Call::Mimei(mimei::Call::Give { mimei: id, to: bound.puppet }));
    bound.say(release);
    bound.say(json!({ "mimei_grant": { "mimei": id.to_string(), "who": account("carol").to_string(), "rights": 3 } }));
    let asked = bound.ask(json!({ "mimei": { "mimei": id.to_string() } }));
    assert_eq!(
        (&asked["owner"], &asked["release"], &asked["content"]),
        (&json!(bound.puppet.to_string()), &json!(0), &json!("0x010203"))
    );
    let right = bound.ask(json!({ "mimei_right": { "mimei": id.to_string(), "who": account("carol").to_string() } }));
    assert_eq!(right, json!({ "owner": false, "rights": 3 }));
    // What anybody may, and what one account may not all the same.
    let may = |bound: &Bound, who: &str| {
        bound.ask(json!({ "mimei_right": { "mimei": id.to_string(), "who": account(who).to_string() } }))["rights"].clone()
    };
    bound.say(json!({ "mimei_mask": { "mimei": id.to_string(), "mask": 4 } }));
    bound.say(json!({ "mimei_grant": { "mimei": id.to_string(), "who": account("dave").to_string(), "rights": 0 } }));
    assert_eq!([may(&bound, "erin"), may(&bound, "dave"), may(&bound, "carol")], [json!(4), json!(0), json!(3)]);
    bound.say(json!({ "mimei_grant": { "mimei": id.to_string(), "who": account("dave").to_string(), "rights": null } }));
    assert_eq!(may(&bound, "dave"), json!(4));
    let wrong = json!({ "mimei_mask": { "mimei": id.to_string(), "mask": 1u64 << 48 } });
    assert!(matches!(bound.refused(wrong), Error::Mimei(_)));
    bound.say(json!({ "mimei_give": { "mimei": id.to_string(), "to": account("carol").to_string() } }));
    assert_eq!(bound.stage.chain.head(&id).owner, account("carol"));
    // What form forbids to anybody, it forbids to contracts.
    let nothing = json!({ "income": { "org": org_text, "coin": to_pay(0, "nmei"), "note": "" } });
    assert!(matches!(bound.refused(nothing), Error::Tokens(_)));
}

#[test]
fn wasm_13_it_asks_of_members_roles_tokens_and_mimei() {
    let mut bound = Bound::new(mandate(true, 0, 0));
    let (org, bob) = (bound.org.to_string(), account("bob").to_string());
    // What its own call did stands already.
    let grant = json!({ "custom": { "set_role": { "who": bob, "role": "service_provider", "granted": true } } });
    let ask = json!({ "messages": [sub(7, grant, "always")],
        "at_reply": [[7, { "ask": [{ "custom": { "member": { "org": org, "who": bob } } }] }]] });
    bound.stage.chain.ok("dave", execute(bound.puppet, &ask));
    let kept = bound.stage.kept(bound.puppet, "asked/0").unwrap();
    let encoded = |roles: &str| {
        let told = format!("{{\"member\":true,\"roles\":{roles},");
        told.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert!(kept.contains(&encoded(r#"["developer","service_provider"]"#)), "{kept}");
    assert_eq!(bound.ask(json!({ "member": { "org": org, "who": bob } }))["roles"], json!(["developer", "service_provider"]));
    let dave = account("dave").to_string();
    bound.stage.chain.ok("bob", Call::Orgs(orgs::Call::Sponsor { org: bound.org, who: account("dave") }));
    let guest = bound.ask(json!({ "member": { "org": org, "who": dave } }));
    assert_eq!(guest, json!({ "member": false, "roles": [], "since": null, "sponsor": bob }));
    let all = bound.ask(json!({ "members": { "org": org, "role": null, "start_after": null, "limit": 2 } }));
    assert_eq!(all["members"].as_array().unwrap().len(), 2);
    let rest = bound.ask(json!({ "members": { "org": org, "role": null, "start_after": all["next"], "limit": 30 } }));
    assert_eq!((rest["members"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let served = bound.ask(json!({ "members": { "org": org, "role": "service_provider", "start_after": null, "limit": null } }));
    assert_eq!(served["members"], json!([{ "who": bob, "roles": ["developer", "service_provider"] }]));
    assert_eq!(bound.ask(json!({ "org_of": { "contract": bound.puppet.to_string() } }))["org"], org);
    assert_eq!(bound.ask(json!({ "org": { "org": org } }))["contract"], bound.puppet.to_string());
    assert_eq!(bound.ask(json!({ "token": { "denom": "nmei" } }))["symbol"], "mei");
    for wrong in [json!({ "org": { "org": org.to_uppercase() } }), json!({ "mimei": { "mimei": "lthmm1x" } })] {
        assert!(matches!(bound.stage.ask_within(&json!({ "custom": wrong }), GAS), Some(QueryAnswer::Failed(_))));
    }
    let foreign = json!({ "custom": { "oracle": {} } });
    assert!(matches!(bound.stage.ask_within(&foreign, GAS), Some(QueryAnswer::Unsupported(_))));
}

#[test]
fn org_19_its_contract_opens_a_vote_on_what_it_shall_be_told() {
    let mut bound = Bound::new(mandate(false, 0, 0));
    let (org, puppet) = (bound.org, bound.puppet);
    let propose = |words: &str, gas: u64| {
        let told = base64(&json!({ "write": [["voted", words]] }));
        json!({ "propose": { "title": "a grant", "msg": told, "gas": gas } })
    };
    let asked = |bound: &Bound, number: u64| bound.ask(json!({ "proposal": { "org": org.to_string(), "proposal": number } }));
    // The treasury's is the deposit: an empty one proposes nothing.
    let short = bound.refused(propose("yes", 1_000_000_000));
    assert!(matches!(short, Error::Accounts(_)), "{short:?}");
    bound.stage.chain.ok("alice", transfer(MEI, org.treasury(), 1_000_000_000));
    let locked = |bound: &Bound| bound.stage.chain.holding(MEI, org.treasury()).locked;
    bound.say(propose("yes", 1_000_000_000));
    assert!(locked(&bound) > Amount::ZERO);
    let open = asked(&bound, 0);
    assert_eq!((&open["stage"], &open["by"], &open["yes"]), (&json!("open"), &json!(org.treasury().to_string()), &json!("0")));
    assert_eq!(bound.ask(json!({ "org": { "org": org.to_string() } }))["proposals"], 1);
    // Nobody but the vote says it for the treasury.
    assert_eq!(bound.stage.kept(puppet, "voted"), None);
    for who in ["alice", "bob"] {
        bound.stage.chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: None }));
    }
    bound.stage.chain.idle();
    assert_eq!(asked(&bound, 0)["stage"], json!("done"));
    assert_eq!(bound.stage.kept(puppet, "voted").as_deref(), Some("yes"));
    let info: Value = serde_json::from_str(&bound.stage.kept(puppet, "info").unwrap()).unwrap();
    assert_eq!(info["sender"], json!(org.treasury().to_string()));
    assert_eq!(locked(&bound), Amount::ZERO, "the deposit is back");
    // What it will use is paid for beforehand; and it is no more than closing a proposal may use.
    assert_eq!(bound.refused(propose("no", GAS)), refusal(Why::OutOfGas));
    let much = execute_within(puppet, &custom(propose("no", 40_000_000_000)), 0, 60_000_000_000);
    assert_eq!(bound.stage.chain.refused("dave", much), Error::Orgs(OrgError::ProposalCalls));
    // A contract that is nobody's.
    let stranger = bound.stage.born("alice", instantiate(1, &json!({}), 1_000_000, None));
    let refused = bound.stage.chain.refused("dave", execute(stranger, &custom(propose("no", 1_000_000_000))));
    assert_eq!(refused, Error::Orgs(OrgError::NoMandate));
    // At most 16 of its proposals are open at a time.
    bound.stage.chain.ok("judy", transfer(MEI, org.treasury(), 100_000_000_000));
    (0..16).for_each(|_| drop(bound.say(propose("more", 100_000_000))));
    assert_eq!(bound.refused(propose("more", 100_000_000)), Error::Orgs(OrgError::TooManyOpen { max: 16 }));
}

#[test]
fn org_20_its_contract_has_its_users_fees_paid_within_what_it_may_spend() {
    let mut bound = Bound::new(mandate(false, 0, 1_000));
    let cover = |per_use: u128, per_day: u128| json!({ "cover_fees": { "per_use": per_use.to_string(), "per_day": per_day.to_string() } });
    let covers = |bound: &Bound| orgs::views::covers(&**bound.stage.chain.state(), &bound.org, bound.stage.chain.now).unwrap();
    assert_eq!(bound.refused(cover(10, 1_001)), Error::Orgs(OrgError::OverMandate { left: Amount(1_000) }));
    bound.say(cover(10, 1_000));
    let expected = orgs::Cover { per_use: Amount(10), per_day: Amount(1_000) };
    assert_eq!(covers(&bound), [(bound.puppet, expected, Amount::ZERO)]);
    bound.say(cover(0, 0));
    assert_eq!(covers(&bound), []);
    let mut other = Bound::new(mandate(false, 0, 1_000));
    other.say(cover(10, 1_000));
    other.stage.chain.ok("alice", proposal(other.org, &[binding(other.org, None, Mandate::default())]));
    for who in ["alice", "bob"] {
        other
            .stage
            .chain
            .ok(who, Call::Orgs(orgs::Call::Vote { org: other.org, proposal: 0, yes: true, weight: None }));
    }
    other.stage.chain.idle();
    assert_eq!(covers(&other), [], "what it said ends with its binding");
    // Nobody says it for the organization, and at most 16 are named, by vote.
    let (org, puppet) = (bound.org, bound.puppet);
    let name = |contract: AccountId, per_day: u128| {
        Call::Orgs(orgs::Call::CoverFees { org, contract, per_use: Amount(5), per_day: Amount(per_day) })
    };
    assert_eq!(bound.stage.chain.refused("alice", name(puppet, 5)), Error::Orgs(OrgError::OnlyByVote));
    for (number, part) in (0..17u8).collect::<Vec<_>>().chunks(8).enumerate() {
        let calls: Vec<Call> = part.iter().map(|n| name(AccountId([n + 1; 20]), 5)).collect();
        bound.stage.chain.ok("alice", proposal(org, &calls));
        for who in ["alice", "bob"] {
            let number = number as u64;
            bound.stage.chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: number, yes: true, weight: None }));
        }
        bound.stage.chain.idle();
    }
    assert_eq!(covers(&bound).len(), 16);
    let closed = bound.stage.chain.proposal(org, 2).stage;
    assert_eq!(closed, orgs::Stage::Closed(orgs::Outcome::Failed), "the seventeenth");
}

#[test]
fn org_21_a_further_token_is_issued_by_its_minter_for_a_reason_and_within_its_bound() {
    let mut bound = Bound::new(mandate(false, 1, 0));
    let (org, puppet) = (bound.org, bound.puppet);
    bound.stage.chain.ok("alice", transfer(MEI, org.treasury(), 1_000_000_000));
    let make = |symbol: &str, cap: u128| json!({ "token_create": { "symbol": symbol, "decimals": 0, "cap": cap.to_string() } });
    let token = TokenId::further_of(&org, 0);
    let mint = |amount: u128, reason: &str, evidence: u8| {
        let evidence = format!("0x{}", format!("{evidence:02x}").repeat(32));
        let (to, amount) = (account("judy").to_string(), amount.to_string());
        json!({ "token_mint": { "denom": token.to_string(), "to": to, "amount": amount, "reason": reason, "evidence": evidence } })
    };
    assert_eq!(bound.refused(mint(1, "x", 1)), Error::Tokens(TokenError::Unknown));
    bound.say(make("ticket", 100));
    assert_eq!(bound.refused(make("ticket", 100)), Error::Tokens(TokenError::SymbolTaken));
    assert_eq!(bound.refused(make("no", 100)), Error::Tokens(TokenError::SymbolForm));
    assert_eq!(bound.refused(make("other", 0)), Error::Tokens(TokenError::Nothing));
    assert_eq!(bound.refused(mint(1, "", 1)), Error::Orgs(OrgError::NoReason));
    assert_eq!(bound.refused(mint(1, "x", 0)), Error::Orgs(OrgError::NoReason));
    // Judy is no member.
    bound.say(mint(60, "saw the film", 1));
    assert_eq!(bound.refused(mint(41, "saw it again", 2)), Error::Orgs(OrgError::OverTokenCap { left: Amount(40) }));
    bound.say(mint(40, "saw it again", 2));
    assert_eq!(bound.stage.chain.free(token, "judy"), 100);
    // What is burnt makes no room, and they are no votes.
    let burn = leither_harness::pallets::tokens::Call::Burn { token, amount: Amount(10) };
    bound.stage.chain.ok("judy", Call::Tokens(burn));
    assert_eq!(bound.refused(mint(1, "once more", 3)), Error::Orgs(OrgError::OverTokenCap { left: Amount(0) }));
    let answer = bound.ask(json!({ "token": { "denom": token.to_string() } }));
    let expected = (json!("100"), json!("100"), json!("10"), json!(puppet.to_string()));
    assert_eq!(
        (answer["cap"].clone(), answer["issued"].clone(), answer["burned"].clone(), answer["minter"].clone()),
        expected
    );
    assert!(!bound.stage.chain.org(org).issued, "heads still decide");
    let lines = orgs::views::entries(&**bound.stage.chain.state(), &org, None, 10).unwrap();
    let minted = |entry: &orgs::Entry| matches!(&entry.kind, orgs::EntryKind::Minted { via: Via::Contract(by), to, .. } if *by == puppet && *to == account("judy"));
    assert_eq!(lines.iter().filter(|(_, entry)| minted(entry)).count(), 2);
    // By vote another; nobody else makes or issues any.
    let create = Call::Orgs(orgs::Call::CreateToken { org, symbol: text("point"), decimals: 2, cap: Amount(5), minter: None });
    assert_eq!(bound.stage.chain.refused("alice", create.clone()), Error::Orgs(OrgError::OnlyByVote));
    let second = TokenId::further_of(&org, 1);
    let (to, amount) = (account("judy"), Amount(5));
    let issue = Call::Orgs(orgs::Call::Mint { token: second, to, amount, reason: text("work"), evidence: Hash([1; 32]) });
    bound.stage.chain.ok("alice", proposal(org, &[create, issue.clone()]));
    for who in ["alice", "bob"] {
        bound.stage.chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: None }));
    }
    bound.stage.chain.idle();
    assert_eq!(bound.stage.chain.free(second, "judy"), 5);
    assert_eq!(bound.stage.chain.refused("alice", issue), Error::Orgs(OrgError::NotMinter));
    // A vote takes the minter's power.
    let take = Call::Orgs(orgs::Call::SetMinter { token, minter: None });
    assert_eq!(bound.stage.chain.refused("alice", take.clone()), Error::Orgs(OrgError::OnlyByVote));
    bound.stage.chain.ok("alice", proposal(org, &[take]));
    for who in ["alice", "bob"] {
        bound.stage.chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: 1, yes: true, weight: None }));
    }
    bound.stage.chain.idle();
    assert_eq!(bound.refused(mint(1, "once more", 3)), Error::Orgs(OrgError::NotMinter));
    assert_eq!(orgs::views::further_tokens(&**bound.stage.chain.state(), &org).unwrap(), [token, second]);
}
