//! From the genesis hash to a header of today: what has to be shown at once to be believed, as the files of a snapshot are.

use crate::Handover;
use leither_types::{Certificate, GenesisHead, Header, TrustError, Trusted, ValidatorSet, Walk};

/// STORE-17: whether `header` is final on the chain of `genesis`; gives the set that votes on the block after it.
///
/// The walk begins with the genesis set. `handovers` are all up to and including the header's own height, ascending. Where a block is
/// trusted, it has to be one of theirs, or the header's. How old that or the genesis may be is the caller's affair, since it takes a clock.
pub fn check_chain_of_trust(
    genesis: &GenesisHead,
    trusted: Option<&Trusted>,
    handovers: &[Handover],
    header: &Header,
    certificate: &Certificate,
) -> Result<ValidatorSet, TrustError> {
    if let Some(Trusted { height, block }) = trusted {
        let shown = handovers.iter().map(|handover| &handover.header).chain([header]);
        let ids: Vec<_> = shown.filter(|shown| shown.height == *height).map(Header::id).collect();
        if ids.is_empty() {
            return Err(TrustError::NotShown(*height));
        }
        if ids.iter().any(|id| id != block) {
            return Err(TrustError::NotTrusted(*height));
        }
    }
    let (own, before) = match handovers.split_last() {
        Some((last, before)) if last.header.height == header.height => (Some(last), before),
        _ => (None, handovers),
    };
    let mut walk = Walk::from_genesis(genesis);
    for handover in before {
        let height = handover.header.height;
        if height >= header.height {
            return Err(TrustError::Order(height));
        }
        if !handover.header.hands_over() {
            return Err(TrustError::NoHandover(height));
        }
        walk.step(handover)?;
    }
    walk.arrive(header, certificate, own)?;
    Ok(walk.set().clone())
}
