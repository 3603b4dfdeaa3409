//! Messages by chance, from a seed: puppets that write, pay, ask, make others, migrate, fail and come back to, at every depth.

use crate::app::DENOM;
use crate::dice::Dice;
use serde_json::{json, Value};
use std::collections::BTreeMap;

type Names = BTreeMap<String, String>;

/// Messages within messages.
const DEPTH: u32 = 4;
/// Of one step, all depths together.
const MESSAGES: u32 = 8;

/// Three puppets with money: of one alice is the admin, of one the first puppet, of one nobody.
pub fn prelude(names: &Names) -> Vec<Value> {
    let admins = [Some(&names["@alice"]), Some(&names["@1.1"]), None];
    let born = |admin: &Option<&String>| {
        let funds = [json!({ "denom": DENOM, "amount": "1000" })];
        let fields = json!({ "admin": admin, "code_id": 1, "msg": { "$json": {} }, "funds": funds, "label": "puppet" });
        json!({ "sender": names["@alice"], "do": { "wasm": { "instantiate": fields } } })
    };
    admins.iter().map(born).collect()
}

pub struct Author<'a> {
    dice: Dice,
    names: &'a Names,
    /// Numbers of messages: each but once in a sequence, so that nothing that is kept for a reply comes to itself again.
    ids: u64,
    /// What may still be sent in this step.
    left: u32,
}

impl<'a> Author<'a> {
    pub fn new(seed: u64, names: &'a Names) -> Self {
        Self { dice: Dice(seed), names, ids: 0, left: 0 }
    }

    /// What an account sends.
    pub fn step(&mut self) -> Value {
        self.left = MESSAGES;
        let sender = self.names[*self.dice.pick(&["@alice", "@alice", "@alice", "@bob"])].clone();
        let message = match self.dice.roll(12) {
            0 => self.birth(DEPTH),
            1 => self.migration(DEPTH),
            _ => {
                let contract = self.contract();
                self.execute(&contract, DEPTH)
            }
        };
        json!({ "sender": sender, "do": message })
    }

    /// One that is there, more often than not.
    fn contract(&mut self) -> String {
        let name = match self.dice.roll(30) {
            0 | 3 => "@1.4",
            1 => "@2.5",
            2 => "@dave",
            n => ["@1.1", "@1.2", "@1.3"][n as usize % 3],
        };
        self.names[name].clone()
    }

    fn coins(&mut self) -> Value {
        let amount = match self.dice.roll(12) {
            0 => 5_000,
            1 => 900,
            n => n * 7,
        };
        let denom = if self.dice.once_in(30) { "gold" } else { DENOM };
        json!([{ "denom": denom, "amount": amount.to_string() }])
    }

    /// Nothing of money is left out: cw-multi-test refuses what wasmd adds up.
    fn funds(&mut self) -> Value {
        if self.dice.once_in(3) {
            self.coins()
        } else {
            json!([])
        }
    }

    fn execute(&mut self, contract: &str, depth: u32) -> Value {
        let msg = self.act(contract, depth, "own");
        json!({ "wasm": { "execute": { "contract_addr": contract, "msg": { "$json": msg }, "funds": self.funds() } } })
    }

    fn birth(&mut self, depth: u32) -> Value {
        let admin = self.dice.pick(&[None, Some("@1.1"), Some("@alice")]).map(|name| self.names[name].clone());
        let code = *self.dice.pick(&[1, 1, 1, 1, 2, 2, 2, 2, 9]);
        let label = if self.dice.once_in(20) { "" } else { "made" };
        let msg = self.act("itself", depth, "own");
        let mut fields =
            json!({ "admin": admin, "code_id": code, "msg": { "$json": msg }, "funds": self.funds(), "label": label });
        if self.dice.once_in(3) {
            let salt = *self.dice.pick(&["a", "b", "", "a salt that is somewhat longer"]);
            fields["salt"] = json!({ "$text": salt });
            return json!({ "wasm": { "instantiate2": fields } });
        }
        json!({ "wasm": { "instantiate": fields } })
    }

    fn migration(&mut self, depth: u32) -> Value {
        let contract = self.contract();
        let msg = self.act(&contract, depth, "own");
        let code = *self.dice.pick(&[1, 2, 2, 2, 2, 9]);
        json!({ "wasm": { "migrate": { "contract_addr": contract, "new_code_id": code, "msg": { "$json": msg } } } })
    }

    fn message(&mut self, depth: u32) -> Value {
        match self.dice.roll(20) {
            0..=4 => {
                let to = match self.dice.roll(3) {
                    0 => self.contract(),
                    1 => self.names["@dave"].clone(),
                    _ => self.names["@erin"].clone(),
                };
                json!({ "bank": { "send": { "to_address": to, "amount": self.payment() } } })
            }
            5 => json!({ "bank": { "burn": { "amount": self.payment() } } }),
            6..=7 => self.birth(depth),
            8..=9 => self.migration(depth),
            10 => {
                let admin = self.names[*self.dice.pick(&["@1.1", "@1.3", "@bob"])].clone();
                json!({ "wasm": { "update_admin": { "contract_addr": self.contract(), "admin": admin } } })
            }
            11 => json!({ "wasm": { "clear_admin": { "contract_addr": self.contract() } } }),
            _ => {
                let contract = self.contract();
                self.execute(&contract, depth)
            }
        }
    }

    /// At times nothing at all, or twice of a kind.
    fn payment(&mut self) -> Value {
        match self.dice.roll(10) {
            0 => json!([{ "denom": DENOM, "amount": "0" }]),
            1 => json!([{ "denom": DENOM, "amount": "3" }, { "denom": DENOM, "amount": "4" }]),
            _ => self.coins(),
        }
    }

    /// What a puppet is told to do; `kind` says in whose failure's words.
    fn act(&mut self, contract: &str, depth: u32, kind: &str) -> Value {
        let mut act = json!({});
        if self.dice.once_in(2) {
            let value = format!("v{}", self.dice.roll(100));
            act["write"] = json!([[self.key(), value]]);
        }
        if self.dice.once_in(6) {
            act["remove"] = json!([self.key()]);
        }
        if self.dice.once_in(5) {
            act["ask"] = (0..=self.dice.roll(2)).map(|_| self.question(contract)).collect();
        }
        if self.dice.once_in(4) {
            act["attributes"] = json!([self.attribute(), ["a", format!("{}", self.dice.roll(9))]]);
        }
        if self.dice.once_in(5) {
            // A kind of two letters is one for cw-multi-test, and none for wasmd.
            let kind = *self.dice.pick(&["paid", "told", "paid", "told", "settled", "x"]);
            act["events"] = json!([[kind, [self.attribute()]]]);
        }
        if self.dice.once_in(3) {
            act["data"] = json!({ "$text": format!("data {}", self.dice.roll(100)) });
        }
        if self.dice.once_in(16) {
            act["fail"] = json!(format!("{kind} words {}", self.dice.roll(100)));
        }
        if self.dice.once_in(80) {
            act["panic"] = json!(true);
        }
        if depth > 0 {
            self.send(&mut act, contract, depth);
        }
        act
    }

    fn send(&mut self, act: &mut Value, contract: &str, depth: u32) {
        let (mut messages, mut replies) = (Vec::new(), Vec::new());
        let count = self.dice.roll(4).min(u64::from(self.left)) as u32;
        self.left -= count;
        for _ in 0..count {
            self.ids += 1;
            let id = self.ids;
            let reply_on = *self.dice.pick(&["always", "always", "error", "error", "success", "never"]);
            let mut message = json!({ "id": id, "msg": self.message(depth - 1), "reply_on": reply_on });
            if self.dice.once_in(3) {
                message["payload"] = json!({ "$text": format!("payload {id}") });
            }
            messages.push(message);
            if self.dice.once_in(3) {
                replies.push(json!([id, self.act(contract, depth - 1, "reply")]));
            }
        }
        if !messages.is_empty() {
            act["messages"] = json!(messages);
        }
        if !replies.is_empty() {
            act["at_reply"] = json!(replies);
        }
    }

    fn key(&mut self) -> String {
        format!("k{}", self.dice.roll(4))
    }

    fn attribute(&mut self) -> Value {
        let key = match self.dice.roll(50) {
            0 => "_reserved",
            1 => "",
            n => ["b", "z", "key"][n as usize % 3],
        };
        json!([key, format!("{}", self.dice.roll(9))])
    }

    /// Of others than itself: cw-multi-test shows a contract its own data as it was before the call.
    fn question(&mut self, asker: &str) -> Value {
        let mut other = self.contract();
        while other == asker {
            other = self.contract();
        }
        let smart = |msg: Value| json!({ "wasm": { "smart": { "contract_addr": other, "msg": { "$json": msg } } } });
        match self.dice.roll(7) {
            0 => smart(json!({ "get": { "key": self.key() } })),
            1 => smart(json!({ "list": { "from": "k", "to": "l", "descending": self.dice.once_in(2), "limit": 2 } })),
            2 => smart(json!({ "nothing": {} })),
            3 => json!({ "wasm": { "raw": { "contract_addr": other, "key": { "$text": self.key() } } } }),
            4 => json!({ "wasm": { "contract_info": { "contract_addr": other } } }),
            5 => json!({ "wasm": { "code_info": { "code_id": self.dice.pick(&[1, 2, 9]) } } }),
            _ => json!({ "bank": { "balance": { "address": other, "denom": DENOM } } }),
        }
    }
}
