//! What follows from a contract's answer: events, then its messages, each with all that it leads to (WASM-1, WASM-2).

use super::events::Pair;
use super::gas::{ATTRIBUTE_GAS, EVENT_BYTE_GAS, EVENT_GAS, LOOKUP_GAS, MESSAGE_GAS, RECORD_GAS};
use super::run::{Birth, Go, Halt, Run, set_admin};
use super::{Error, Event, money};
use crate::{accounts, tokens};
use leither_types::{AccountId, List, Text};
use leither_vm::abi::{
    self, Attribute, BankMsg, Binary, ContractEvent, Message, MsgResponse, Reply, ReplyOn, SubMsg, SubMsgResponse, SubMsgResult,
    WasmMsg,
};
use leither_vm::{Entry, GAS_PER_SDK_GAS, address_of};
use parity_scale_codec::Encode;

/// Names of kinds are at least as long as this.
const KIND_BYTES_MIN: usize = 3;
/// An event is no longer than this, as a receipt carries it.
const EVENT_BYTES_MAX: usize = 4_000;

/// What a message came to.
struct Done {
    /// The ABI's name of the answer's type.
    type_url: &'static str,
    /// In protobuf.
    value: Vec<u8>,
    /// Whether its events are told to the sender: those of contracts alone are the same on every chain.
    by_contract: bool,
}

impl Run<'_, '_> {
    /// What it hands back; `code` is that which it has anew.
    pub fn respond(
        &mut self,
        contract: &AccountId,
        verb: &str,
        code: Option<u64>,
        response: abi::Response,
    ) -> Go<Option<Vec<u8>>> {
        let code = code.map(|code| Attribute { key: "code_id".into(), value: code.to_string() });
        self.tell(contract, verb, code.into_iter().collect())?;
        if !response.attributes.is_empty() {
            self.tell(contract, "wasm", checked(response.attributes)?)?;
        }
        for event in response.events {
            let kind = event.kind.trim();
            if kind.len() < KIND_BYTES_MIN {
                return Err(Error::EventForm.into());
            }
            self.tell(contract, &format!("wasm-{kind}"), checked(event.attributes)?)?;
        }
        let mut data = response.data;
        for message in response.messages {
            if let Some(other) = self.send(contract, message).map_err(Halt::below)? {
                data = Some(other);
            }
        }
        Ok(data.map(Into::into))
    }

    /// Verbs are told to contracts alone: receipts have events of their own for them.
    fn tell(&mut self, contract: &AccountId, kind: &str, mut attributes: Vec<Attribute>) -> Go<()> {
        let own = Attribute { key: "_contract_address".into(), value: contract.to_string() };
        let bytes = attributes.iter().map(|a| a.key.len().saturating_add(a.value.len())).fold(kind.len(), usize::saturating_add);
        self.charge(EVENT_GAS.saturating_add(ATTRIBUTE_GAS.saturating_mul(attributes.len() as u64)))?;
        self.charge_bytes(bytes, EVENT_BYTE_GAS)?;
        if kind.starts_with("wasm") {
            let event = receipt_event(contract, kind, &attributes).ok_or(Error::EventForm)?;
            self.ctx.emit(event);
        }
        attributes.insert(0, own);
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        let pairs = attributes.into_iter().map(|a| (a.key, a.value));
        self.told.push(ContractEvent::new(kind).add_attributes(pairs));
        Ok(())
    }

    /// One message: done, or taken back; and its sender is told if it asked to be.
    fn send(&mut self, contract: &AccountId, message: SubMsg) -> Go<Option<Binary>> {
        let before = self.left;
        let limit = message.gas_limit.map(|limit| limit.saturating_mul(GAS_PER_SDK_GAS));
        let given = limit.map_or(before, |limit| limit.min(before));
        let (mark, told, said) = (self.ctx.state.mark(), self.told.len(), self.ctx.events.len());
        self.left = given;
        let done = self.dispatch(contract, message.msg);
        let used = given.saturating_sub(self.left);
        self.left = before.saturating_sub(used);
        let is_own_limit = given < before;
        let result = match done {
            Ok(done) => Ok(done),
            Err(Halt::Fault(fault)) => return Err(Halt::Fault(fault)),
            // All that there was is used up: nobody is left to be told.
            Err(Halt::OutOfGas) if !is_own_limit => {
                self.tell_refusal(contract, message.id, &Halt::OutOfGas);
                return Err(Halt::OutOfGas);
            }
            Err(halt) => {
                self.ctx.state.revert(mark);
                self.told.truncate(told);
                self.ctx.events.truncate(said);
                self.tell_refusal(contract, message.id, &halt);
                Err(halt)
            }
        };
        let wants = |asked: &[ReplyOn]| asked.contains(&message.reply_on);
        let result = match result {
            Ok(done) if wants(&[ReplyOn::Always, ReplyOn::Success]) => SubMsgResult::Ok(self.outcome(done, told)),
            Ok(_) => return Ok(None),
            Err(halt) if wants(&[ReplyOn::Always, ReplyOn::Error]) => SubMsgResult::Err(words(&halt)),
            Err(halt) => return Err(halt),
        };
        let reply = Reply { id: message.id, payload: message.payload, gas_used: used / GAS_PER_SDK_GAS, result };
        Ok(self.reply(contract, &reply)?.map(Binary::new))
    }

    /// For who watches: in full, since it reaches no receipt.
    fn tell_refusal(&self, contract: &AccountId, id: u64, halt: &Halt) {
        let Some(watch) = &self.ctx.block.contracts.watch else { return };
        watch.refused(self.depth, contract, id, &halt.in_full());
    }

    #[allow(deprecated)] // `data` is what contracts before 2.0 read
    fn outcome(&self, done: Done, told: usize) -> SubMsgResponse {
        let events = if done.by_contract { self.told.get(told..).unwrap_or_default().to_vec() } else { Vec::new() };
        let value = Binary::new(done.value);
        let response = MsgResponse { type_url: done.type_url.into(), value: value.clone() };
        SubMsgResponse { events, data: Some(value), msg_responses: vec![response] }
    }

    fn dispatch(&mut self, contract: &AccountId, message: Message) -> Go<Done> {
        self.charge(MESSAGE_GAS)?;
        match message {
            Message::Bank(BankMsg::Send { to_address, amount }) => {
                let to = address_of(&to_address).ok_or(Error::Address)?;
                let coins = money::coins(&amount)?;
                // wasmd passes over no coins at all, and refuses coins of which there is nothing.
                if coins.is_empty() && !amount.is_empty() {
                    return Err(Error::Funds.into());
                }
                self.pay(contract, &to, &coins)?;
                Ok(Done { type_url: "/cosmos.bank.v1beta1.MsgSendResponse", value: Vec::new(), by_contract: false })
            }
            Message::Bank(BankMsg::Burn { amount }) => {
                let coins = money::coins(&amount)?;
                if coins.is_empty() {
                    return Err(Error::Funds.into());
                }
                self.burn(contract, &coins)?;
                Ok(Done { type_url: "/cosmos.bank.v1beta1.MsgBurnResponse", value: Vec::new(), by_contract: false })
            }
            Message::Wasm(message) => self.wasm(contract, message),
            Message::Custom(message) => {
                self.custom(contract, message.get())?;
                Ok(Done { type_url: "/leither.v1.Done", value: Vec::new(), by_contract: false })
            }
            Message::Staking(_)
            | Message::Distribution(_)
            | Message::Stargate(_)
            | Message::Any(_)
            | Message::Ibc(_)
            | Message::Ibc2(_)
            | Message::Gov(_) => Err(Error::Unsupported.into()),
        }
    }

    fn wasm(&mut self, sender: &AccountId, message: WasmMsg) -> Go<Done> {
        let done = |type_url, value| Ok(Done { type_url, value, by_contract: true });
        let known = |text: &str| address_of(text).ok_or(Halt::from(Error::Address));
        match message {
            WasmMsg::Execute { contract_addr, msg, funds } => {
                let data = self.execute(sender, &known(&contract_addr)?, &msg, &money::coins(&funds)?)?;
                done("/cosmwasm.wasm.v1.MsgExecuteContractResponse", field(1, data.as_deref()))
            }
            WasmMsg::Instantiate { admin, code_id, msg, funds, label } => {
                let birth = (admin, code_id, msg, funds, label, None);
                done("/cosmwasm.wasm.v1.MsgInstantiateContractResponse", self.born(sender, birth)?)
            }
            WasmMsg::Instantiate2 { admin, code_id, label, msg, funds, salt } => {
                let birth = (admin, code_id, msg, funds, label, Some(salt));
                done("/cosmwasm.wasm.v1.MsgInstantiateContract2Response", self.born(sender, birth)?)
            }
            WasmMsg::Migrate { contract_addr, new_code_id, msg } => {
                let data = self.migrate(sender, &known(&contract_addr)?, new_code_id, &msg)?;
                done("/cosmwasm.wasm.v1.MsgMigrateContractResponse", field(1, data.as_deref()))
            }
            WasmMsg::UpdateAdmin { contract_addr, admin } => {
                self.charge(LOOKUP_GAS + RECORD_GAS)?;
                set_admin(self.ctx, sender, &known(&contract_addr)?, Some(known(&admin)?))?;
                done("/cosmwasm.wasm.v1.MsgUpdateAdminResponse", Vec::new())
            }
            WasmMsg::ClearAdmin { contract_addr } => {
                self.charge(LOOKUP_GAS + RECORD_GAS)?;
                set_admin(self.ctx, sender, &known(&contract_addr)?, None)?;
                done("/cosmwasm.wasm.v1.MsgClearAdminResponse", Vec::new())
            }
        }
    }

    #[allow(clippy::type_complexity)] // the fields of two messages that differ in one
    fn born(
        &mut self,
        creator: &AccountId,
        (admin, code, msg, funds, label, salt): (Option<String>, u64, Binary, Vec<abi::Coin>, String, Option<Binary>),
    ) -> Go<Vec<u8>> {
        let admin = match admin {
            Some(text) => Some(address_of(&text).ok_or(Error::Address)?),
            None => None,
        };
        let funds = money::coins(&funds)?;
        let label = Text::new(label).ok_or(Error::Form)?;
        let birth = Birth { code, msg: &msg, funds: &funds, label, admin, salt: salt.as_ref().map(|salt| salt.as_slice()) };
        let (contract, data) = self.instantiate(creator, birth)?;
        let mut value = field(1, Some(contract.to_string().as_bytes()));
        value.extend(field(2, data.as_deref()));
        Ok(value)
    }
}

/// A word of the chain's own begins with `_`.
fn checked(attributes: Vec<Attribute>) -> Go<Vec<Attribute>> {
    let one = |a: Attribute| {
        let (key, value) = (a.key.trim(), a.value.trim());
        let fine = !key.is_empty() && !key.starts_with('_');
        fine.then(|| Attribute { key: key.into(), value: value.into() })
    };
    let checked: Option<Vec<Attribute>> = attributes.into_iter().map(one).collect();
    checked.ok_or(Error::EventForm.into())
}

fn receipt_event(contract: &AccountId, kind: &str, attributes: &[Attribute]) -> Option<Event> {
    let pair = |a: &Attribute| Some(Pair { key: Text::new(a.key.clone())?, value: Text::new(a.value.clone())? });
    let pairs: Option<Vec<Pair>> = attributes.iter().map(pair).collect();
    let event = Event::Told { contract: *contract, kind: Text::new(kind)?, attributes: List::new(pairs?)? };
    (event.encoded_size() <= EVENT_BYTES_MAX).then_some(event)
}

/// WASM-7: what a sender is told of a failure.
fn words(halt: &Halt) -> String {
    let code = |codespace: &str, code: u32| format!("codespace: {codespace}, code: {code}");
    match halt {
        Halt::Said(text, Entry::Instantiate) => format!("{text}: instantiate wasm contract failed"),
        Halt::Said(text, Entry::Migrate) => format!("{text}: migrate wasm contract failed"),
        Halt::Said(text, _) => format!("{text}: execute wasm contract failed"),
        Halt::Failed(_, entry) | Halt::Below(_, entry) => code("wasm", failed(*entry)),
        Halt::OutOfGas => code("sdk", 11),
        Halt::Refused(crate::Error::Accounts(accounts::Error::Short { .. })) => code("sdk", 5),
        Halt::Refused(crate::Error::Tokens(tokens::Error::Unknown)) | Halt::Refused(crate::Error::Wasm(Error::Funds)) => {
            code("sdk", 10)
        }
        Halt::Refused(crate::Error::Wasm(Error::Address)) => code("sdk", 7),
        Halt::Refused(crate::Error::Wasm(Error::NotAdmin)) => code("sdk", 4),
        Halt::Refused(crate::Error::Wasm(Error::NoContract)) => code("wasm", 22),
        Halt::Refused(crate::Error::Wasm(Error::NoCode { .. })) => code("wasm", 28),
        Halt::Refused(crate::Error::Wasm(Error::Unsupported)) => code("wasm", 17),
        Halt::Refused(crate::Error::Wasm(Error::Depth)) => code("wasm", 30),
        // What this chain adds: the number of the reason among its kind's.
        Halt::Refused(error @ crate::Error::Orgs(_)) => code("orgs", number(error)),
        Halt::Refused(error @ crate::Error::Mimei(_)) => code("mimei", number(error)),
        Halt::Refused(error @ crate::Error::Tokens(_)) => code("tokens", number(error)),
        Halt::Refused(error @ crate::Error::Streams(_)) => code("streams", number(error)),
        Halt::Refused(_) | Halt::Fault(_) => code("undefined", 1),
    }
}

/// What wasmd calls the failure of an entry.
fn failed(entry: Entry) -> u32 {
    match entry {
        Entry::Instantiate => 4,
        Entry::Migrate => 11,
        _ => 5,
    }
}

/// The second byte of an error's form, after its kind.
fn number(error: &crate::Error) -> u32 {
    error.encode().get(1).copied().map_or(0, u32::from)
}

/// A field of bytes in protobuf; nothing where they are empty, as its encoders leave it out.
fn field(number: u8, bytes: Option<&[u8]>) -> Vec<u8> {
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Vec::new() };
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_fields_are_written_as_by_its_encoders() {
        assert_eq!(field(1, Some(b"ab")), [0x0a, 2, b'a', b'b']);
        assert_eq!(field(2, Some(&[7; 300]))[..3], [0x12, 0xac, 0x02]);
        assert!(field(1, None).is_empty() && field(1, Some(b"")).is_empty());
    }
}
