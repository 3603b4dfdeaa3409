//! chain_*, validator_*, node_*, dev_*.

use super::{At, Node, fault, show};
use crate::keys::{DEV_NAMES, DEV_WORDS, KeyPath, dev_account};
use leither_pallets::{accounts, params, staking};
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_types::{AccountId, Height, TokenId};

/// Why there is no answer that takes this block.
pub(super) fn gone(height: Height) -> ApiError {
    ApiError::new(Reason::Pruned, format!("block {height} is no longer kept here"))
}

impl Node {
    pub(super) fn info(&self, at: &At) -> Answer<ChainInfo> {
        let rules = params::views::params(&*at.state).map_err(fault)?;
        let base_fee = params::views::base_fee_at(&*at.state).map_err(fault)?;
        let genesis = self.store.genesis();
        Ok(ChainInfo {
            name: genesis.name.to_string(),
            chain: self.chain_id().into(),
            dev: genesis.dev,
            height: at.head.height.into(),
            time: at.head.time.into(),
            base_fee: base_fee.into(),
            native: NativeToken {
                token: TokenId::NATIVE.into(),
                symbol: crate::amounts::NATIVE_SYMBOL.into(),
                decimals: crate::amounts::NATIVE_DECIMALS,
            },
            params: ChainParams {
                version: rules.version,
                pulse_ms: rules.pulse_ms.into(),
                pulse_min_ms: rules.pulse_min_ms.into(),
                heartbeat_ms: rules.heartbeat_ms.into(),
                propose_timeout_ms: rules.propose_timeout_ms.into(),
                vote_timeout_ms: rules.vote_timeout_ms.into(),
                epoch_ms: rules.epoch_ms.into(),
                publicity_ms: rules.publicity_ms.into(),
                block_weight_max: rules.block_weight_max.into(),
                block_bytes_max: rules.block_bytes_max,
                base_fee_min: rules.base_fee_min.into(),
                byte_deposit: rules.byte_deposit.into(),
                emission: rules.emission.into(),
                pushes_max: rules.pushes_max,
                pledge_min: rules.pledge_min.into(),
                pledge_unit: rules.pledge_unit.into(),
                unbonding_ms: rules.unbonding_ms.into(),
                jail_ms: rules.jail_ms.into(),
                misses_max: rules.misses_max,
                slash_permille: rules.slash_permille,
                validators_max: rules.validators_max,
            },
        })
    }

    /// The height that is meant; refused where there is no such final block.
    pub(super) fn height_of(&self, block: &BlockRef) -> Answer<Height> {
        let none = || ApiError::new(Reason::UnknownBlock, "there is no such final block; the newest is told by `chain_getInfo`");
        let head = self.store.head().map_err(fault)?;
        let height = match block {
            BlockRef::Latest => head.height,
            BlockRef::Height(height) => *height,
            BlockRef::Hash(id) => self.store.height_of(id).map_err(fault)?.ok_or_else(none)?,
        };
        if height == 0 || height > head.height { Err(none()) } else { Ok(height) }
    }

    /// A block and its receipts.
    pub(super) fn opened(&self, height: Height) -> Answer<(leither_types::Block, Vec<leither_types::Receipt>)> {
        let block = self.store.block(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        let receipts = self.store.receipts(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        Ok((block, receipts))
    }

    pub(super) fn final_header(&self, block: &BlockRef) -> Answer<FinalHeader> {
        let height = self.height_of(block)?;
        let header = self.store.header(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        let certificate = self.store.certificate(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        Ok(show::final_header(&header, &certificate))
    }

    pub(super) fn block(&self, block: &BlockRef, from: u32, limit: usize) -> Answer<Block> {
        let height = self.height_of(block)?;
        let (body, receipts) = self.opened(height)?;
        let certificate = self.store.certificate(height).map_err(fault)?.ok_or_else(|| gone(height))?;
        Ok(show::block(&body, &certificate, &receipts, from, limit))
    }

    pub(super) fn pulse_at(&self, height: Height) -> Answer<Option<Pulse>> {
        let Some(block) = self.store.block(height).map_err(fault)? else { return Ok(None) };
        let header = &block.header;
        Ok(Some(Pulse {
            height: height.into(),
            id: header.id().into(),
            time: header.time.into(),
            proposer: header.proposer.into(),
            state_root: header.state_root.into(),
            tx_count: block.txs.len() as u32,
            txs: Some(block.txs.iter().map(|tx| tx.id().into()).collect()),
        }))
    }

    pub(super) fn validators(&self, at: &At) -> Answer<ValidatorList> {
        let set = staking::views::set(&*at.state).map_err(fault)?;
        let one = |v: &leither_types::Validator| ValidatorView {
            validator: v.id().into(),
            key: leither_types::Hash(v.key.0).into(),
            power: v.power.into(),
            operator: v.operator.into(),
        };
        let mut stakes = Vec::new();
        for (operator, stake) in staking::views::stakes(&*at.state).map_err(fault)? {
            let missed = staking::views::misses(&*at.state, &operator).map_err(fault)?;
            stakes.push(show::stake(&operator, &stake, missed, set.iter().any(|v| v.operator == operator)));
        }
        Ok(ValidatorList {
            stakes,
            epoch: staking::views::epoch(&*at.state).map_err(fault)?.number.into(),
            validators: set.iter().map(one).collect(),
            // 64 powers of 64 bits may exceed 64 bits; such a chain shows the highest number there is.
            total_power: u64::try_from(set.total_power()).unwrap_or(u64::MAX).into(),
            height: at.head.height.into(),
        })
    }

    /// The validator that this node is: one that votes on the next block or the one after it.
    fn seat(&self) -> Option<leither_types::ValidatorId> {
        let tip = self.engine.tip();
        self.engine.validator().filter(|me| tip.validators.seat(me).or(tip.after.seat(me)).is_some())
    }

    pub(super) fn status(&self, data_peers: usize) -> Answer<NodeStatus> {
        let head = self.store.head().map_err(fault)?;
        let engine = self.engine.status();
        Ok(NodeStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            name: self.names.moniker.clone(),
            chain: self.chain_id().into(),
            height: head.height.into(),
            head: head.id.into(),
            time: head.time.into(),
            syncing: engine.syncing,
            abstains_up_to: engine.abstains_up_to.map(Into::into),
            validator: self.seat().map(Into::into),
            data_peer_id: self.names.data.clone(),
            consensus_peer_id: self.names.consensus.clone(),
            data_peers: data_peers as u32,
            consensus_peers: engine.peers as u32,
            pool_txs: engine.pool_txs as u32,
            pool_bytes: (engine.pool_bytes as u64).into(),
            gateway: self.places.gateway.get().cloned(),
            socket: self.places.socket.get().cloned(),
            uptime_s: self.started.elapsed().as_secs().into(),
        })
    }

    pub(super) fn dev_accounts(&self, at: &At) -> Answer<DevAccounts> {
        if !self.store.genesis().dev {
            return Err(ApiError::new(Reason::DevOnly, "this is no development chain: nobody's keys are public here"));
        }
        let mut accounts = Vec::new();
        for (index, name) in DEV_NAMES.iter().enumerate() {
            let Some(key) = dev_account(name) else { continue };
            let account = AccountId::of_key(&key.public());
            let mei = accounts::views::holding(&*at.state, &TokenId::NATIVE, &account).map_err(fault)?.free;
            let path = KeyPath::wallet(index as u32).to_string();
            accounts.push(DevAccount { name: name.to_string(), account: account.into(), path, mei: mei.into() });
        }
        Ok(DevAccounts { mnemonic: DEV_WORDS.into(), accounts })
    }
}
