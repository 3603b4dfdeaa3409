//! Writes down what happens inside contracts while one transaction is done again, in bounded room.

use super::changes::{cut, excerpt};
use leither_pallets::wasm::{Entered, Watch};
use leither_rpc_api::*;
use leither_types::{AccountId, Hash};
use leither_vm::Failure;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Kinds of money of one message that are shown.
const COINS_SHOWN: usize = 16;

/// The first steps, and the last ones: where something fails it is mostly there.
#[derive(Default)]
struct Steps {
    first: Vec<TraceStep>,
    last: VecDeque<TraceStep>,
    /// How many there were in all.
    count: usize,
    /// Which steps are entries that are not left yet, the innermost last.
    open: Vec<usize>,
}

impl Steps {
    fn push(&mut self, step: TraceStep) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < STEPS_FIRST {
            return self.first.push(step);
        }
        if self.last.len() >= STEPS_LAST {
            self.last.pop_front();
        }
        self.last.push_back(step);
    }

    /// The entry that is open, if it was not left off.
    fn current(&mut self) -> Option<&mut TraceEntry> {
        let at = *self.open.last()?;
        let step = match at.checked_sub(self.count.saturating_sub(self.last.len())) {
            Some(place) => self.last.get_mut(place),
            None => self.first.get_mut(at),
        };
        match step {
            Some(TraceStep::Entered(entry)) => Some(entry),
            _ => None,
        }
    }
}

/// TRACE-2: what was written down.
#[derive(Default)]
pub(super) struct Recorder(Mutex<Steps>);

impl Recorder {
    fn with<T>(&self, what: impl FnOnce(&mut Steps) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The steps, and how many were left off.
    pub fn told(&self) -> (Vec<TraceStep>, u32) {
        self.with(|steps| {
            let mut told = std::mem::take(&mut steps.first);
            told.extend(std::mem::take(&mut steps.last));
            let more = steps.count.saturating_sub(told.len());
            (told, u32::try_from(more).unwrap_or(u32::MAX))
        })
    }
}

/// A line, without what would move a terminal's cursor.
fn line(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

fn funds(info: &Value) -> Vec<TraceCoin> {
    let coins = info["funds"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    coins
        .iter()
        .take(COINS_SHOWN)
        .map(|coin| TraceCoin { denom: text(&coin["denom"]), amount: text(&coin["amount"]) })
        .collect()
}

impl Watch for Recorder {
    fn entered(&self, entered: &Entered<'_>) {
        let call = entered.call;
        let info = serde_json::from_slice::<Value>(call.info).unwrap_or_default();
        let sender = info["sender"].as_str().and_then(|text| text.parse::<AccountId>().ok());
        let entry = TraceEntry {
            depth: entered.depth,
            contract: (*entered.contract).into(),
            entry: call.entry.name().into(),
            checksum: Hash(call.code.0).into(),
            sender: sender.map(Into::into),
            funds: funds(&info),
            msg: excerpt(call.msg, TRACE_BYTES_MAX),
            gas_given: call.gas.into(),
            gas: 0.into(),
            debug: Vec::new(),
            debug_more: 0,
            answer: None,
            failure: None,
            engine: None,
        };
        self.with(|steps| {
            steps.open.push(steps.count);
            steps.push(TraceStep::Entered(entry));
        });
    }

    fn debug(&self, text: &str) {
        self.with(|steps| {
            let Some(entry) = steps.current() else { return };
            if entry.debug.len() < DEBUG_LINES_MAX {
                entry.debug.push(line(text, DEBUG_CHARS_MAX));
            } else {
                entry.debug_more = entry.debug_more.saturating_add(1);
            }
        });
    }

    fn failed(&self, words: &str) {
        self.with(|steps| {
            if let Some(entry) = steps.current() {
                entry.engine = Some(line(cut(words, TRACE_BYTES_MAX), TRACE_BYTES_MAX));
            }
        });
    }

    fn left(&self, gas: u64, answer: Result<&[u8], Failure>) {
        self.with(|steps| {
            if let Some(entry) = steps.current() {
                entry.gas = gas.into();
                match answer {
                    Ok(bytes) => entry.answer = Some(excerpt(bytes, TRACE_BYTES_MAX)),
                    Err(failure) => entry.failure = Some(failure.to_string()),
                }
            }
            steps.open.pop();
        });
    }

    fn refused(&self, depth: u32, sender: &AccountId, id: u64, why: &str) {
        let why = line(cut(why, TRACE_BYTES_MAX), TRACE_BYTES_MAX);
        let refusal = TraceRefusal { depth, sender: (*sender).into(), id: id.into(), why };
        self.with(|steps| steps.push(TraceStep::Refused(refusal)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_vm::{Call, Checksum, Entry};

    fn enter(recorder: &Recorder, depth: u32, entry: Entry, msg: &[u8], then: impl FnOnce()) {
        let sender = AccountId([2; 20]);
        let info = format!(r#"{{"sender":"{sender}","funds":[{{"denom":"nmei","amount":"5"}}]}}"#);
        let code = Checksum([7; 32]);
        let info = if entry == Entry::Query { b"".as_slice() } else { info.as_bytes() };
        let call = Call { code: &code, entry, env: b"{}", info, msg, gas: 100 };
        recorder.entered(&Entered { depth, contract: &AccountId([1; 20]), call: &call });
        then();
        recorder.left(60, Ok(b"{}"));
    }

    fn entry(step: &TraceStep) -> &TraceEntry {
        match step {
            TraceStep::Entered(entry) => entry,
            TraceStep::Refused(_) => panic!("{step:?}"),
        }
    }

    /// TRACE-2.
    #[test]
    fn lines_belong_to_the_contract_that_writes_them() {
        let recorder = Recorder::default();
        enter(&recorder, 0, Entry::Execute, br#"{"a":1}"#, || {
            recorder.debug("before");
            enter(&recorder, 1, Entry::Query, b"{}", || recorder.debug("in\nside"));
            recorder.debug("after");
        });
        recorder.refused(1, &AccountId([1; 20]), 7, "no");
        let (steps, more) = recorder.told();
        assert_eq!((steps.len(), more), (3, 0));
        let (outer, inner) = (entry(&steps[0]), entry(&steps[1]));
        assert_eq!(
            (outer.debug.as_slice(), outer.gas.0, outer.funds[0].amount.as_str()),
            (["before".into(), "after".into()].as_slice(), 60, "5")
        );
        assert_eq!((inner.debug.as_slice(), inner.sender, inner.depth), (["in side".to_string()].as_slice(), None, 1));
        assert!(matches!(&steps[2], TraceStep::Refused(refusal) if refusal.id.0 == 7 && refusal.why == "no"));
    }

    /// TRACE-2.
    #[test]
    fn a_long_story_keeps_its_beginning_and_its_end_and_no_part_grows_without_bound() {
        let recorder = Recorder::default();
        let long = "x".repeat(10_000);
        enter(&recorder, 0, Entry::Execute, long.as_bytes(), || {
            for n in 0..1_000u32 {
                recorder.debug(&long);
                enter(&recorder, 1, Entry::Query, n.to_string().as_bytes(), || {
                    recorder.failed(&long);
                });
            }
        });
        let (steps, more) = recorder.told();
        assert_eq!((steps.len(), more), (STEPS_FIRST + STEPS_LAST, 1_001 - 256));
        let outer = entry(&steps[0]);
        assert_eq!((outer.debug.len(), outer.debug_more, outer.debug[0].len()), (DEBUG_LINES_MAX, 968, DEBUG_CHARS_MAX));
        assert_eq!((outer.msg.bytes, outer.msg.text.as_ref().unwrap().len(), outer.gas.0), (10_000, TRACE_BYTES_MAX, 60));
        assert_eq!(entry(&steps[63]).msg.text.as_deref(), Some("62"));
        assert_eq!(entry(&steps[64]).msg.text.as_deref(), Some("808"));
        let last = entry(&steps[255]);
        assert_eq!((last.msg.text.as_deref(), last.engine.as_ref().unwrap().len()), (Some("999"), TRACE_BYTES_MAX));
    }
}
