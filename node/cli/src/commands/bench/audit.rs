//! A run counts only if this holds: each accepted transaction exactly once, supply conserved, all nodes of one mind.

use super::fleet::{FUNDS, Fleet};
use super::load::Sent;
use super::watch::Seen;
use crate::exit::{Done, Failure};
use leither_rpc_api::{BlockRef, GetHeader, GetHolders, GetToken, Limit, NoParams, TokenRef, methods};

/// Accounts in one page of holders.
const PAGE: u32 = 200;

/// Audits a run over the nodes' public interface.
pub async fn run(fleet: &Fleet, sent: &Sent, seen: &Seen, accounts: usize) -> Done {
    once(sent, seen)?;
    agreement(fleet).await?;
    conservation(fleet, accounts).await
}

fn once(sent: &Sent, seen: &Seen) -> Done {
    let mut lost = 0;
    for (tx, taken) in sent.txs.iter().zip(&sent.taken) {
        match (taken, seen.times.get(&tx.id).copied().unwrap_or(0)) {
            (true, 0) => lost += 1,
            (_, n) if n > 1 => return Err(Failure::fault(format!("{} is in {n} blocks", tx.id))),
            _ => {}
        }
    }
    if lost > 0 { Err(Failure::fault(format!("{lost} accepted transactions are in no block"))) } else { Ok(()) }
}

/// Every node has the same block and state root at the lowest head, give the slower ones a moment.
async fn agreement(fleet: &Fleet) -> Done {
    let mut heights = Vec::new();
    let nodes = fleet.urls().len();
    for n in 0..nodes {
        heights.push(fleet.client(n).await?.call(&methods::CHAIN_GET_INFO, NoParams {}).await?.height.0);
    }
    let height = heights.into_iter().min().unwrap_or(0);
    let mut first = None;
    for n in 0..nodes {
        let ask = GetHeader { block: BlockRef::Height(height) };
        let header = fleet.client(n).await?.call(&methods::CHAIN_GET_HEADER, ask).await?.header;
        let this = (header.id, header.state_root);
        if *first.get_or_insert(this) != this {
            return Err(Failure::fault(format!("node {n} has another block {height} than node 0")));
        }
    }
    Ok(())
}

/// All balances, summed up one by one, are what was issued less what was burned.
async fn conservation(fleet: &Fleet, accounts: usize) -> Done {
    let client = fleet.client(0).await?;
    let mei = || "mei".parse::<TokenRef>().map_err(Failure::fault);
    let mut sum: u128 = 0;
    let mut holders = 0usize;
    let mut after = None;
    loop {
        let ask = GetHolders { token: mei()?, after, limit: Limit::new(PAGE) };
        let page = client.call(&methods::TOKEN_GET_HOLDERS, ask).await?;
        holders += page.items.len();
        for holder in page.items {
            sum += holder.balance.free.0 + holder.balance.locked.0;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let token = client.call(&methods::TOKEN_GET, GetToken { token: mei()? }).await?;
    let issued = FUNDS * accounts as u128;
    if token.issued.0 != issued || token.supply.0 != sum || issued.checked_sub(token.burned.0) != Some(sum) {
        let told =
            format!("{holders} holders have {sum}, the tree sums {}, issued {issued}, burned {}", token.supply.0, token.burned.0);
        return Err(Failure::fault(format!("supply is not conserved: {told}")));
    }
    Ok(())
}
