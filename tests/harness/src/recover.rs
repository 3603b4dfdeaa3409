use crate::{Chain, account, key, text};
use leither_executor::{Parent, RecoveryError, recovered_state};
use leither_state::Read;
use leither_types::{
    Certificate, GENESIS_RECOVERED, Genesis, GenesisHead, Hash, List, Millis, Origin, Validator, ValidatorSet, recovery_bytes,
};
use std::sync::Arc;

impl Chain {
    /// The genesis of a recovery of this chain to these seats: the number of a validator, its operator's name, its power. The time is this
    /// long after the last block's.
    pub fn recovery(&self, seats: &[(usize, &str, u64)], after: Millis) -> GenesisHead {
        let seat = |(n, operator, power): &(usize, &str, u64)| Validator {
            key: key(&format!("validator-{n}")).public(),
            power: *power,
            operator: account(operator),
        };
        let validators = ValidatorSet::new(seats.iter().map(seat).collect()).expect("the test's seats are a set");
        let sign = |seat: &Validator| {
            let secret = (0..64).map(|n| key(&format!("validator-{n}"))).find(|secret| secret.public() == seat.key);
            secret.expect("a validator's key").sign(&recovery_bytes(&self.id(), &seat.operator, &seat.key))
        };
        let possessions = List::new(validators.iter().map(sign).collect()).expect("at most 64");
        let last = &self.blocks.last().expect("a chain with a block").header;
        GenesisHead {
            version: GENESIS_RECOVERED,
            name: text("harness"),
            time: last.time + after,
            validators,
            params: self.genesis.head.params.clone(),
            dev: true,
            allocations: Genesis::root(&[]),
            origin: Some(Origin {
                chain: self.id(),
                height: last.height,
                block: last.id(),
                state_root: last.state_root,
                first_root: Hash::ZERO,
                possessions,
            }),
        }
    }

    /// The chain that goes on from this one's newest state by such a genesis, at its height 0.
    pub fn go_on(&self, mut head: GenesisHead) -> Result<Chain, RecoveryError> {
        let last = &self.blocks.last().expect("a chain with a block").header;
        let writes = recovered_state(self.state().clone(), &head, last)?;
        head.origin.as_mut().expect("a recovery").first_root = self.state().root_after(&writes)?;
        let mut state = self.state().as_ref().clone();
        state.commit(&writes);
        let state = Arc::new(state);
        let genesis = Genesis::new(head, Vec::new()).expect("no allocation");
        let parent = Parent {
            chain: genesis.chain(),
            height: 0,
            id: Hash::ZERO,
            time: genesis.head.time,
            certificate: Certificate::genesis(),
            state: state.clone(),
            contracts: Default::default(),
        };
        Ok(self.with_parent(genesis, parent, state))
    }
}
