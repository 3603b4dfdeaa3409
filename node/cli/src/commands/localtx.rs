//! `leither tx …`.

use super::Session;
use crate::exit::{Done, Failure};
use crate::print::Printer;
use clap::Subcommand;
use leither_rpc_api::{Excerpt, GetTx, Hash32, Trace, TraceEntry, TraceStep, methods};
use serde_json::json;

/// Transactions: looking up, looking into and waiting.
#[derive(Subcommand, Debug)]
pub enum Tx {
    /// A transaction and what became of it.
    Show {
        /// Its id.
        tx: String,
    },
    /// What happened inside a final one: each entry into a contract, what it wrote for its author, where a failure came from. This machine's node
    /// does it again on the state before its block.
    Trace {
        /// Its id.
        tx: String,
    },
    /// Waits until a transaction is final.
    Wait {
        /// Its id.
        tx: String,
        /// In ms, at most 60000.
        #[arg(long, default_value_t = 60_000)]
        timeout_ms: u32,
    },
}

fn id(text: &str) -> Done<Hash32> {
    text.parse()
        .map_err(|_| Failure::usage(format!("`{text}` is no transaction id: expected 0x and 64 hex digits")))
}

impl Tx {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        match self {
            Tx::Show { tx } => {
                session.printer.answer(&wallet.client.call(&methods::TX_GET, GetTx { tx: id(&tx)? }).await?);
                Ok(())
            }
            Tx::Trace { tx } => trace(session, &wallet.client.call(&methods::TX_TRACE, GetTx { tx: id(&tx)? }).await?),
            Tx::Wait { tx, timeout_ms } => {
                let sent = wallet.wait(id(&tx)?, timeout_ms).await?;
                wallet.print_sent(&sent, &json!({}))
            }
        }
    }
}

fn trace(session: &Session, trace: &Trace) -> Done {
    if session.printer.json {
        session.printer.answer(trace);
    } else {
        tell(&session.printer, trace);
    }
    verdict(trace)
}

/// TRACE-3: a replay that comes to something else than the block is a fault of the machine.
fn verdict(trace: &Trace) -> Done {
    match &trace.differs {
        None => Ok(()),
        Some(_) => Err(Failure::fault(format!(
            "the node's replay of {} came to another receipt than block {} has: its machine or its database is at fault; compare with another node",
            trace.tx, trace.height.0
        ))),
    }
}

/// For people: each step with what led to it further left.
fn tell(printer: &Printer, trace: &Trace) {
    for step in lines(trace) {
        printer.say(&step);
    }
    printer.answer(&json!({ "receipt": trace.receipt, "changes": trace.changes }));
}

fn lines(trace: &Trace) -> Vec<String> {
    let mut lines = vec![format!("block {}, transaction {}", trace.height.0, trace.index)];
    for (n, step) in trace.steps.iter().enumerate() {
        if n == leither_rpc_api::STEPS_FIRST && trace.more > 0 {
            lines.push(format!("… {} steps are left out …", trace.more));
        }
        match step {
            TraceStep::Entered(entry) => entered(&mut lines, entry),
            TraceStep::Refused(refusal) => {
                let pad = "  ".repeat(refusal.depth as usize);
                lines.push(format!("{pad}taken back: message {} of {}: {}", refusal.id.0, refusal.sender, refusal.why));
            }
        }
    }
    match &trace.receipt.failure {
        Some(failure) => lines.push(format!("call {} failed: {}", failure.call, failure.message)),
        None => lines.push("done".into()),
    }
    lines
}

fn entered(lines: &mut Vec<String>, entry: &TraceEntry) {
    let pad = "  ".repeat(entry.depth as usize);
    let by = entry.sender.map_or_else(String::new, |sender| format!(" by {sender}"));
    let with: String = entry.funds.iter().map(|coin| format!(" with {} {}", coin.amount, coin.denom)).collect();
    lines.push(format!("{pad}{} {}{by}{with}, gas {} of {}", entry.entry, entry.contract, entry.gas.0, entry.gas_given.0));
    lines.push(format!("{pad}  told    {}", shown(&entry.msg)));
    lines.extend(entry.debug.iter().map(|line| format!("{pad}  debug   {line}")));
    if entry.debug_more > 0 {
        lines.push(format!("{pad}  debug   … {} lines more", entry.debug_more));
    }
    lines.extend(entry.answer.iter().map(|answer| format!("{pad}  answers {}", shown(answer))));
    lines.extend(entry.failure.iter().map(|why| format!("{pad}  failed  {why}")));
    lines.extend(entry.engine.iter().map(|words| format!("{pad}  engine  {words}")));
}

fn shown(excerpt: &Excerpt) -> String {
    let (text, bytes) = match (&excerpt.text, &excerpt.hex) {
        (Some(text), _) => (text.clone(), text.len()),
        (None, Some(hex)) => (leither_types::json::hex_of(&hex.0), hex.0.len()),
        (None, None) => (String::new(), 0),
    };
    if bytes < excerpt.bytes as usize { format!("{text}… ({} bytes)", excerpt.bytes) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_rpc_api::{Bytes, Id, Receipt, StateChanges, TraceCoin, TraceRefusal};
    use leither_types::{AccountId, Hash};

    fn receipt(fee: u128) -> Receipt {
        Receipt { done: true, failure: None, weight: 1.into(), fee: fee.into(), events: Vec::new() }
    }

    fn trace_of(steps: Vec<TraceStep>) -> Trace {
        let (tx, changes) = (Hash([9; 32]).into(), StateChanges::default());
        Trace { tx, height: 12.into(), index: 0, receipt: receipt(1), differs: None, steps, more: 0, changes }
    }

    #[test]
    fn trace_3_another_receipt_is_a_fault_of_the_machine() {
        let trace = trace_of(Vec::new());
        verdict(&trace).unwrap();
        let failure = verdict(&Trace { differs: Some(receipt(2)), ..trace }).unwrap_err();
        assert_eq!(failure.exit, crate::exit::Exit::Fault);
        assert!(failure.sentence.contains("another receipt than block 12"), "{}", failure.sentence);
    }

    /// TRACE-2.
    #[test]
    fn a_trace_reads_like_a_story() {
        let (contract, sender) = (Id(AccountId([1; 20])), Id(AccountId([2; 20])));
        let entry = TraceEntry {
            depth: 1,
            contract,
            entry: "execute".into(),
            checksum: Hash([7; 32]).into(),
            sender: Some(sender),
            funds: vec![TraceCoin { denom: "nmei".into(), amount: "5".into() }],
            msg: Excerpt { bytes: 9, text: Some("{}".into()), hex: None },
            gas_given: 100.into(),
            gas: 60.into(),
            debug: vec!["here".into()],
            debug_more: 2,
            answer: None,
            failure: Some("it came to a bad end".into()),
            engine: Some("panicked at src/lib.rs:7".into()),
        };
        let refusal = TraceRefusal { depth: 1, sender: contract, id: 3.into(), why: "no".into() };
        let told = lines(&trace_of(vec![TraceStep::Entered(entry), TraceStep::Refused(refusal)]));
        assert_eq!(told[0], "block 12, transaction 0");
        assert_eq!(told[1], format!("  execute {contract} by {sender} with 5 nmei, gas 60 of 100"));
        assert_eq!(
            told[2..6],
            ["    told    {}… (9 bytes)", "    debug   here", "    debug   … 2 lines more", "    failed  it came to a bad end"]
        );
        assert_eq!(
            told[6..],
            [
                "    engine  panicked at src/lib.rs:7".to_string(),
                format!("  taken back: message 3 of {contract}: no"),
                "done".into()
            ]
        );
        assert_eq!(shown(&Excerpt { bytes: 2, text: None, hex: Some(Bytes(vec![1, 2])) }), "0x0102");
    }
}
