//! From the genesis hash to a header of today, by signatures alone: each set of validators signs the block that names the next one.

use crate::Handover;
use crate::handovers::hands_over;
use leither_types::{Certificate, GenesisHead, Hash, Header, Height, ValidatorSet};

/// Why a header is not believed. Whoever sent it is mistaken or lies: ask another peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A header is of another chain.
    #[error("the header of height {0} is another chain's; ask a peer of this chain")]
    OtherChain(Height),
    /// Heights do not ascend, or a handover is of a later height than the header that it leads to.
    #[error("the handover of height {0} stands in the wrong place; ask another peer")]
    Order(Height),
    /// What is given as a handover names the same validators for the next block.
    #[error("the block of height {0} is no handover; ask another peer")]
    NoHandover(Height),
    /// Others should have voted: a handover before it was left out, or sets were exchanged.
    #[error("the header of height {0} names other validators than those who were handed the books; ask another peer")]
    Validators(Height),
    /// The certificate is another block's, or two thirds of the power did not sign it.
    #[error("the header of height {0} has no valid certificate; ask another peer")]
    Certificate(Height),
    /// The set that comes with a handover is not the one that its header names.
    #[error("the set of validators that comes with height {0} is not the one that its header names; ask another peer")]
    NextSet(Height),
    /// It is older than the block that is trusted already.
    #[error("height {0} lies before the trusted block; ask for a newer one")]
    BeforeTrusted(Height),
    /// The chain has another block at the trusted height.
    #[error("height {0} has another block than the trusted one: this peer follows a fork; ask another peer, or correct --trust")]
    NotTrusted(Height),
}

/// The walk so far.
struct Walk<'a> {
    chain: Hash,
    /// Who votes on the next block.
    set: &'a ValidatorSet,
}

impl<'a> Walk<'a> {
    /// The present set made this header final.
    fn check(&self, header: &Header, certificate: &Certificate) -> Result<(), TrustError> {
        let height = header.height;
        if header.chain != self.chain {
            return Err(TrustError::OtherChain(height));
        }
        if header.validators != self.set.hash() {
            return Err(TrustError::Validators(height));
        }
        let is_its = certificate.height == height && certificate.block == header.id();
        if !is_its || !certificate.is_valid(&self.chain, self.set) {
            return Err(TrustError::Certificate(height));
        }
        Ok(())
    }

    fn hand_over(&mut self, handover: &'a Handover) -> Result<(), TrustError> {
        let Handover { header, certificate, set } = handover;
        self.check(header, certificate)?;
        if !hands_over(header) {
            return Err(TrustError::NoHandover(header.height));
        }
        if set.hash() != header.next_validators {
            return Err(TrustError::NextSet(header.height));
        }
        self.set = set;
        Ok(())
    }
}

/// STORE-17: whether `header` is final on the chain of `genesis`; gives the set that votes on the block after it.
///
/// The walk begins with the genesis set or, if there is one, after a block that is trusted already: its height, its id and the set that
/// votes on the block after it. `handovers` are those after that, in the order of heights, up to and including the header's own height;
/// older ones are passed over. How old a trusted block may be is the caller's affair, since it takes a clock.
pub fn check_chain_of_trust(
    genesis: &GenesisHead,
    trusted: Option<(Height, Hash, ValidatorSet)>,
    handovers: &[Handover],
    header: &Header,
    certificate: &Certificate,
) -> Result<ValidatorSet, TrustError> {
    let (since, id, first) = trusted.unwrap_or_else(|| (0, Hash::ZERO, genesis.validators.clone()));
    if header.chain != genesis.chain() {
        return Err(TrustError::OtherChain(header.height));
    }
    if header.height < since || header.height == 0 {
        return Err(TrustError::BeforeTrusted(header.height));
    }
    let mut walk = Walk { chain: genesis.chain(), set: &first };
    let mut last = 0;
    for handover in handovers {
        let height = handover.header.height;
        if height <= last || height > header.height {
            return Err(TrustError::Order(height));
        }
        last = height;
        if height == since && handover.header.id() != id {
            return Err(TrustError::NotTrusted(height));
        }
        if height > since && height < header.height {
            walk.hand_over(handover)?;
        }
    }
    if header.height == since && (header.id() != id || header.next_validators != first.hash()) {
        return Err(TrustError::NotTrusted(since));
    }
    // At the trusted height itself this asks those who vote after it. If others voted on it, they are not known, and it is refused: its
    // certificate would be taken on faith.
    walk.check(header, certificate)?;
    if !hands_over(header) {
        return Ok(walk.set.clone());
    }
    // Only a set that comes with this very block can say who votes on the next.
    match handovers.last() {
        Some(handover) if handover.header == *header => {
            walk.hand_over(handover)?;
            Ok(walk.set.clone())
        }
        _ => Err(TrustError::NextSet(header.height)),
    }
}
