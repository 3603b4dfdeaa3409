//! From validators who are known to those of later, by signatures alone: each set makes the block final that names the next one. Whoever
//! believes a header by certificates walks here: a light client, a device that joins, a snapshot that is restored.

use crate::{BLOCK_VERSION, Certificate, GenesisHead, Handover, Hash, Header, Height, List, ValidatorSet};

/// A block that somebody has by another way than the one that is to be checked, from whom he trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Its number.
    pub height: Height,
    /// Its id.
    pub block: Hash,
}

/// Why a header is not believed. Whoever sent it is mistaken or lies: ask another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A header is of another chain.
    #[error("the header of height {0} is another chain's; ask a node of this chain")]
    OtherChain(Height),
    /// A header in a form that this program does not know.
    #[error("the header of height {0} has a version that is not known here; install the current leither, or ask another node")]
    Version(Height),
    /// Heights do not ascend, or a handover is of a later height than the header that it leads to.
    #[error("height {0} stands in the wrong place among the changes of validators; ask another node")]
    Order(Height),
    /// What is given as a handover names the same validators for the next block.
    #[error("the block of height {0} changes no validators; ask another node")]
    NoHandover(Height),
    /// Others should have voted: a handover before it was left out, or sets were exchanged.
    #[error("the header of height {0} names other validators than those who were handed the books; ask another node")]
    Validators(Height),
    /// The certificate is another block's, or two thirds of the power did not sign it.
    #[error("the header of height {0} has no valid certificate; ask another node")]
    Certificate(Height),
    /// The set that comes with a handover is not the one that its header names.
    #[error("the set of validators that comes with height {0} is not the one that its header names; ask another node")]
    NextSet(Height),
    /// The chain has another block at the trusted height.
    #[error("height {0} has another block than the trusted one: this is a fork; ask another node, or correct --trust")]
    NotTrusted(Height),
    /// What was given leads past the trusted height without showing its block.
    #[error(
        "nothing here shows the trusted block of height {0}; take that of the header that is to be believed, or of a change of validators before \
         it, or ask a node"
    )]
    NotShown(Height),
}

/// Where a walk stands: who votes on the block after a height.
#[derive(Clone, Debug)]
pub struct Walk {
    chain: Hash,
    height: Height,
    set: ValidatorSet,
    /// The set's hash.
    votes: Hash,
}

impl Walk {
    /// At the start: the first validators.
    pub fn from_genesis(genesis: &GenesisHead) -> Self {
        Self::after(genesis.chain(), 0, genesis.validators.clone())
    }

    /// After a block that is believed already: `set` votes on the next.
    pub fn after(chain: Hash, height: Height, set: ValidatorSet) -> Self {
        let votes = set.hash();
        Self { chain, height, set, votes }
    }

    /// After a block that is trusted by its id. It comes as [`Handover::unsigned`] makes it.
    pub fn after_trusted(chain: Hash, trusted: &Trusted, shown: &Handover) -> Result<Self, TrustError> {
        let Handover { header, certificate, set } = shown;
        let height = header.height;
        if header.chain != chain {
            return Err(TrustError::OtherChain(height));
        }
        if header.version != BLOCK_VERSION {
            return Err(TrustError::Version(height));
        }
        if height != trusted.height || header.id() != trusted.block {
            return Err(TrustError::NotTrusted(height));
        }
        // Who signed it is not known here, so there is nothing to be said by signatures, and no room for any.
        if *certificate != unsigned(header) {
            return Err(TrustError::Certificate(height));
        }
        let walk = Self::after(chain, height, set.clone());
        if walk.votes == header.next_validators { Ok(walk) } else { Err(TrustError::NextSet(height)) }
    }

    /// The height after which it stands.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Who votes on the next block, and on those after it up to the next handover.
    pub fn set(&self) -> &ValidatorSet {
        &self.set
    }

    /// The hash of [`Walk::set`].
    pub fn votes(&self) -> Hash {
        self.votes
    }

    /// Whether those who vote by now made this header final. Costs a signature check for each of them.
    pub fn check(&self, header: &Header, certificate: &Certificate) -> Result<(), TrustError> {
        let height = header.height;
        if header.chain != self.chain {
            return Err(TrustError::OtherChain(height));
        }
        if header.version != BLOCK_VERSION {
            return Err(TrustError::Version(height));
        }
        if height <= self.height {
            return Err(TrustError::Order(height));
        }
        if header.validators != self.votes {
            return Err(TrustError::Validators(height));
        }
        let is_its = certificate.height == height && certificate.block == header.id();
        if !is_its || !certificate.is_valid(&self.chain, &self.set) {
            return Err(TrustError::Certificate(height));
        }
        Ok(())
    }

    /// Goes on to those whom a block names: one that they who vote by now made final.
    pub fn step(&mut self, handover: &Handover) -> Result<(), TrustError> {
        let Handover { header, certificate, set } = handover;
        let votes = set.hash();
        if header.next_validators != votes {
            return Err(TrustError::NextSet(header.height));
        }
        self.check(header, certificate)?;
        (self.height, self.set, self.votes) = (header.height, set.clone(), votes);
        Ok(())
    }

    /// Goes on to a header, once all handovers below it were walked. If it is one itself, it comes with the set that it names: `own`.
    pub fn arrive(&mut self, header: &Header, certificate: &Certificate, own: Option<&Handover>) -> Result<(), TrustError> {
        self.check(header, certificate)?;
        match own {
            None if header.hands_over() => Err(TrustError::NextSet(header.height)),
            None => {
                self.height = header.height;
                Ok(())
            }
            // Only a set that comes with this very block can say who votes on the next.
            Some(own) if own.header != *header => Err(TrustError::NextSet(header.height)),
            Some(own) => self.step(own),
        }
    }
}

/// The certificate of a block that needs none.
fn unsigned(header: &Header) -> Certificate {
    Certificate { height: header.height, round: 0, block: header.id(), signatures: List::default() }
}

impl Header {
    /// Whether others vote after this block.
    pub fn hands_over(&self) -> bool {
        self.validators != self.next_validators
    }
}

impl Handover {
    /// Any block, with the set that votes after it and without signatures: what a proof for somebody begins with who trusts it by its id.
    pub fn unsigned(header: Header, set: ValidatorSet) -> Self {
        Self { certificate: unsigned(&header), header, set }
    }
}
