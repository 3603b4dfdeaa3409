use super::Wallet;
use crate::exit::{Done, Exit, Failure};
use crate::print::complain;
use clap::Args;
use leither_pallets::{Call, orgs};
use leither_rpc_api::{
    Bytes, ClientError, GetAccount, Hash32, NoParams, RawTx, Receipt, Simulation, StateChanges, TxStatus, U64, WAIT_MS_MAX,
    WaitMs, WaitTx, methods,
};
use leither_types::{AccountId, Amount, Hash, List, SecretKey, TX_VERSION, Tx};
use parity_scale_codec::Encode;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a transaction of this wallet may wait for its block.
const VALID_FOR_MS: u64 = 10 * 60 * 1000;

/// A transaction that is not final by now has a reason that its sender wants to know.
const PATIENCE: Duration = Duration::from_secs(5);

/// What every transaction command takes.
#[derive(Args, Clone, Debug)]
pub struct TxFlags {
    /// Who signs: a key's name or its account.
    #[arg(long)]
    pub from: String,
    /// Signs as well; may be given several times.
    #[arg(long)]
    pub cosign: Vec<String>,
    /// Who pays the fee: @name of an organization that sponsors its members, or a co-signer.
    #[arg(long)]
    pub payer: Option<String>,
    /// The most that may be taken as fee, e.g. 0.01mei; twice the present price where it is not given.
    #[arg(long)]
    pub max_fee: Option<String>,
    /// Only says what it would do; nothing is sent.
    #[arg(long)]
    pub dry_run: bool,
    /// Does not wait until it is final, nor look first whether it would be refused.
    #[arg(long)]
    pub no_wait: bool,
    /// Opens a proposal with this title, so that the organization does it by vote.
    #[arg(long, value_name = "TITLE")]
    pub propose: Option<String>,
}

/// A call of it would fail, so it was not sent: what fails in a block costs its fee all the same.
const REFUSED: &str = "refused";
const SIMULATED: &str = "simulated";

/// A transaction before it is signed.
struct Draft {
    tx: Tx,
    /// Nothing of its first signer waits before it.
    is_next: bool,
}

/// A transaction that can be sent.
struct Signed {
    id: Hash,
    raw: RawTx,
    /// Nothing of its first signer waits before it.
    is_next: bool,
}

/// What became of a transaction; a transaction command prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Sent {
    /// Its id.
    pub tx: Hash32,
    /// `pending`, `final`, `settled` or `failed`; `simulated` and `refused` where it was not sent.
    pub status: String,
    /// Its block.
    pub height: Option<U64>,
    /// What it did.
    pub receipt: Option<Receipt>,
    /// What it would change, where it was only tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<StateChanges>,
    /// Why nobody knows yet what became of it, though it was sent: the id is printed all the same, and then the command fails with this.
    #[serde(skip)]
    pub unknown: Option<Failure>,
}

impl Sent {
    /// Sent, and waiting in the pool as far as is known.
    pub fn pending(tx: Hash32, unknown: Option<Failure>) -> Self {
        Self { tx, status: "pending".into(), height: None, receipt: None, changes: None, unknown }
    }

    /// What a command says with it: done, or why not.
    pub fn outcome(&self) -> Done {
        if let Some(failure) = &self.unknown {
            return Err(failure.clone());
        }
        let unsent = if self.status == REFUSED { ". Nothing was sent, and no fee was taken" } else { "" };
        match self.receipt.as_ref().and_then(|receipt| receipt.failure.as_ref()) {
            Some(failure) => Err(Failure::new(Exit::Refused, format!("call {}: {}{unsent}", failure.call, failure.message))),
            None => Ok(()),
        }
    }

    /// With `more` beside it: the one object that is printed.
    pub fn shown<T: Serialize>(&self, more: &T) -> Done<serde_json::Value> {
        let mut value = serde_json::to_value(self).map_err(Failure::fault)?;
        if let Some(number) = self.proposal() {
            value["proposal"] = number.clone();
        }
        if let (Some(map), Ok(serde_json::Value::Object(more))) = (value.as_object_mut(), serde_json::to_value(more)) {
            map.extend(more);
        }
        Ok(value)
    }

    /// Whether it was sent at all.
    pub fn is_sent(&self) -> bool {
        self.status != REFUSED && self.status != SIMULATED
    }

    /// The number of the proposal that it opened, for the next command.
    pub fn proposal(&self) -> Option<&serde_json::Value> {
        let mut events = self.receipt.iter().flat_map(|receipt| &receipt.events);
        events.find(|event| event.event == "proposed").and_then(|event| event.args.get("proposal"))
    }

    /// After the node took it: whatever fails from here on, the id must not be lost.
    fn after_submission(tx: Hash32, waited: Done<Self>) -> Self {
        waited.unwrap_or_else(|failure| {
            let sentence = format!("{}. The transaction was sent: ask for it with `leither tx wait {tx}`", failure.sentence);
            Self::pending(tx, Some(Failure::new(failure.exit, sentence)))
        })
    }
}

impl Wallet {
    /// Signs, sends and waits, and prints what became of it. `more` is printed beside.
    pub async fn send_and_print<T: Serialize>(&self, flags: &TxFlags, calls: Vec<Call>, more: &T) -> Done {
        let sent = self.send(flags, calls).await?;
        self.print_sent(&sent, more)
    }

    /// Prints a transaction's end with more beside it; one that failed, or whose end is not known, is a failure of the command.
    pub fn print_sent<T: Serialize>(&self, sent: &Sent, more: &T) -> Done {
        self.printer.answer(&sent.shown(more)?);
        sent.outcome()
    }

    /// Signs, sends, and waits until it is final unless `--no-wait`. An error means that nothing was taken; what happens after that is
    /// told by [`Sent::outcome`].
    pub async fn send(&self, flags: &TxFlags, calls: Vec<Call>) -> Done<Sent> {
        let proposes = |call: &Call| matches!(call, Call::Orgs(orgs::Call::Propose { .. }));
        if flags.propose.is_some() && !calls.iter().any(proposes) {
            // What was meant to be voted on must not be done at once.
            return Err(Failure::usage(
                "--propose: this command cannot be put to the vote of an organization; write its call into a file for `leither org propose --calls`",
            ));
        }
        let Signed { id, raw, is_next } = self.signed(flags, calls).await?;
        if flags.dry_run {
            return simulated(self.client.call(&methods::TX_SIMULATE, raw).await?);
        }
        // Behind others of this account that wait, what it would do is not known yet.
        if is_next && !flags.no_wait {
            let would = self.client.call(&methods::TX_SIMULATE, raw.clone()).await?;
            if would.receipt.as_ref().is_some_and(|receipt| receipt.failure.is_some()) {
                return Ok(Sent { status: REFUSED.into(), changes: None, ..simulated(would)? });
            }
        }
        let tx = match self.client.call(&methods::TX_SUBMIT, raw).await {
            Ok(taken) => taken.tx,
            Err(ClientError::Timeout { url }) => return Err(perhaps_sent(&url, id)),
            Err(other) => return Err(other.into()),
        };
        if flags.no_wait {
            return Ok(Sent::pending(tx, None));
        }
        Ok(Sent::after_submission(tx, self.wait(tx, WAIT_MS_MAX).await))
    }

    /// What a call would do as the next transaction of its signers; a refusal as it is printed.
    pub async fn trial(&self, flags: &TxFlags, call: Call) -> Done<Result<Receipt, Sent>> {
        let Signed { raw, .. } = self.signed(flags, vec![call]).await?;
        let would = simulated(self.client.call(&methods::TX_SIMULATE, raw).await?)?;
        match &would.receipt {
            Some(receipt) if receipt.failure.is_none() => Ok(Ok(receipt.clone())),
            _ => Ok(Err(Sent { status: REFUSED.into(), changes: None, ..would })),
        }
    }

    /// Waits until a transaction is final, or the time is up.
    pub async fn wait(&self, tx: Hash32, timeout_ms: u32) -> Done<Sent> {
        let timeout_ms = WaitMs::new(timeout_ms).ok_or_else(|| Failure::usage("the longest wait is 60 s"))?;
        let wait = self.client.call(&methods::TX_WAIT, WaitTx { tx, timeout_ms });
        tokio::pin!(wait);
        let view = tokio::select! {
            view = &mut wait => view?,
            () = tokio::time::sleep(PATIENCE) => {
                self.explain_wait().await;
                wait.await?
            }
        };
        if view.status == TxStatus::Pending {
            let sentence = format!("{tx} is not final yet: ask again with `leither tx wait {tx}`");
            return Ok(Sent::pending(tx, Some(Failure::new(Exit::Refused, sentence))));
        }
        let status = serde_json::to_value(view.status).map_err(Failure::fault)?;
        let status = status.as_str().unwrap_or_default().to_string();
        Ok(Sent { tx, status, height: view.height, receipt: view.receipt, changes: None, unknown: None })
    }

    /// Says what is known of why it takes so long. Nothing where the node does not tell: the wait itself will.
    async fn explain_wait(&self) {
        let Ok(status) = self.client.call(&methods::NODE_GET_STATUS, NoParams {}).await else { return };
        let idle = now_ms().unwrap_or(0).saturating_sub(status.time.0) / 1_000;
        complain(&format!(
            "not final yet. The newest block is {} and {idle} s old; where it stays so, too few validators are there to decide, and the \
             transaction waits for them",
            status.height.0
        ));
    }

    /// By the keys that the flags name.
    async fn signed(&self, flags: &TxFlags, calls: Vec<Call>) -> Done<Signed> {
        let mut keys = vec![self.signer(&flags.from).await?];
        for name in &flags.cosign {
            keys.push(self.signer(name).await?);
        }
        let Draft { tx, is_next } = self.draft(flags, &keys, calls).await?;
        let refs: Vec<&SecretKey> = keys.iter().collect();
        let signed = tx.sign(&refs).ok_or_else(|| Failure::usage("more than 8 signers"))?;
        Ok(Signed { id: signed.id(), raw: RawTx { raw: Bytes(signed.encode()) }, is_next })
    }

    async fn draft(&self, flags: &TxFlags, keys: &[SecretKey], calls: Vec<Call>) -> Done<Draft> {
        let signers: Vec<AccountId> = keys.iter().map(|key| AccountId::of_key(&key.public())).collect();
        let first = signers.first().copied().unwrap_or_default();
        let account = self.client.call(&methods::ACCOUNT_GET, GetAccount { account: first.into() }).await?;
        let payer = match &flags.payer {
            Some(payer) => Some(self.account(payer).await?),
            None => None,
        };
        let bytes: Option<Vec<_>> = calls.iter().map(Call::write).collect();
        let bytes = bytes.and_then(List::new).ok_or_else(|| Failure::usage("more than 16 calls, or one that is too long"))?;
        let mut tx = Tx {
            version: TX_VERSION,
            chain: self.chain(),
            signers: List::new(signers).ok_or_else(|| Failure::usage("more than 8 signers"))?,
            payer,
            nonce: account.next_nonce.0,
            valid_until: now_ms()?.max(self.info.time.0).saturating_add(VALID_FOR_MS),
            max_fee: Amount::ZERO,
            weight_limit: 0,
            calls: bytes,
        };
        let weight = leither_executor::weight(&tx).ok_or_else(|| Failure::usage("a call cannot be read"))?;
        tx.weight_limit = weight;
        tx.max_fee = match &flags.max_fee {
            Some(text) => self.mei(text)?,
            // The price may move by an eighth a block; twice the present one lasts six full blocks.
            None => Amount::new(self.info.base_fee.0.saturating_mul(u128::from(weight)).saturating_mul(2)),
        };
        Ok(Draft { tx, is_next: account.nonce == account.next_nonce })
    }
}

fn simulated(simulation: Simulation) -> Done<Sent> {
    if let Some(refusal) = simulation.refusal {
        return Err(Failure::new(Exit::Refused, refusal.message));
    }
    let Simulation { tx, receipt, changes, .. } = simulation;
    Ok(Sent { tx, status: SIMULATED.into(), height: None, receipt, changes, unknown: None })
}

/// The node may have taken it before it fell silent; sending it again would do no harm, another one would.
fn perhaps_sent(url: &str, tx: Hash) -> Failure {
    let sentence =
        format!("the node at {url} did not answer in time, but may have taken the transaction: look with `leither tx show {tx}`");
    Failure::new(Exit::Unreachable, sentence)
}

/// This machine's clock.
pub fn now_ms() -> Done<u64> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| Failure::fault("this machine's clock is before 1970"))?;
    u64::try_from(since.as_millis()).map_err(Failure::fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TX: Hash32 = Hash32(Hash([7; 32]));

    #[test]
    fn an_id_is_printed_even_where_the_wait_for_it_fails() {
        let lost = Failure::new(Exit::Unreachable, "cannot reach the node");
        let sent = Sent::after_submission(TX, Err(lost));
        let shown = sent.shown(&json!({ "mimei": "m" })).unwrap();
        let id = TX.to_string();
        assert_eq!(shown, json!({ "tx": id, "status": "pending", "height": null, "receipt": null, "mimei": "m" }));
        let failure = sent.outcome().unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(failure.sentence.starts_with("cannot reach the node. The transaction was sent"), "{}", failure.sentence);
        assert!(failure.sentence.contains(&format!("leither tx wait {id}")), "{}", failure.sentence);
    }

    #[test]
    fn what_is_still_pending_when_the_time_is_up_is_printed_and_refused() {
        let late = Failure::new(Exit::Refused, "not final yet");
        let sent = Sent::after_submission(TX, Ok(Sent::pending(TX, Some(late))));
        assert_eq!(sent.outcome().unwrap_err().sentence, "not final yet");
        assert!(Sent::pending(TX, None).outcome().is_ok(), "--no-wait asks for no more");
    }
}
