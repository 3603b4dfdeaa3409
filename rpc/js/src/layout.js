// What the chain's bytes mean: SCALE layouts, in the order of chain/types, chain/state and pallets. Names are those of JSON-RPC.

import { toHex, fromHex } from './hash.js';
import { idCodec } from './ids.js';
import { blob, bool, bytes, list, mapped, option, struct, text, tuple, u128, u32, u64, u8, variant } from './scale.js';

/** A hash or key: 0x-hex outside. */
const hex32 = mapped(bytes(32), toHex, (shown) => fromHex(shown, 32));
const account = idCodec('account');
const token = idCodec('token');

/** Bounds, as the chain has them. */
export const TX_BYTES_MAX = 64 * 1024;
export const CALL_BYTES_MAX = 60 * 1024;
export const STATE_PROOF_BYTES_MAX = 6 * 1024 * 1024;
export const RECORD_KEY_BYTES_MAX = 256;
const RECORD_BYTES_MAX = 64 * 1024;
const VALIDATORS_MAX = 64;
export const PROOF_HANDOVERS_MAX = 512;

// --- transactions ---

const transfer = struct({ token, to: account, amount: u128, memo: text(128) });
const burn = struct({ token, amount: u128 });
const tokensCall = variant({ 0: ['transfer', transfer], 1: ['burn', burn] });

/** Calls that this module can read: those of the tokens pallet. */
export const call = mapped(tuple(u8, tokensCall), ([, inner]) => inner, (inner) => [1, inner]);

export const tx = struct({
  version: u8,
  chain: hex32,
  signers: list(account, 8),
  payer: option(account),
  nonce: u64,
  valid_until: u64,
  max_fee: u128,
  weight_limit: u64,
  calls: list(blob(CALL_BYTES_MAX), 16),
});

const witness = struct({ key: hex32, signature: bytes(64) });
export const signedTx = struct({ tx, witnesses: list(witness, 8) });

// --- blocks ---

export const header = struct({
  version: u8,
  chain: hex32,
  height: u64,
  time: u64,
  parent: hex32,
  proposer: idCodec('validator'),
  state_root: bytes(32),
  txs_root: hex32,
  receipts_root: hex32,
  evidence_root: hex32,
  last_certificate: hex32,
  validators: hex32,
  next_validators: hex32,
});

const commit = struct({ validator: bytes(20), signature: bytes(64) });
export const certificate = struct({ height: u64, round: u32, block: hex32, signatures: list(commit, VALIDATORS_MAX) });

/** A precommit for a block: what a certificate's signatures stand under, after the domain tag. */
export const precommit = struct({ chain: hex32, kind: u8, height: u64, round: u32, block: option(hex32), validator: bytes(20) });

/** Nobody reads an operator here, so it stays bytes: a long proof has tens of thousands of them. */
export const validators = list(struct({ key: bytes(32), power: u64, operator: bytes(20) }), VALIDATORS_MAX);

/** A block after which others vote, why it is final, and who they are. */
export const handover = struct({ header, certificate, set: validators });

const params = struct({
  version: u32,
  pulse_ms: u64,
  pulse_min_ms: u64,
  heartbeat_ms: u64,
  propose_timeout_ms: u64,
  vote_timeout_ms: u64,
  epoch_ms: u64,
  publicity_ms: u64,
  block_weight_max: u64,
  block_bytes_max: u32,
  base_fee_min: u128,
  byte_deposit: u128,
  emission: u128,
  pushes_max: u32,
  pledge_min: u128,
  pledge_unit: u128,
  unbonding_ms: u64,
  jail_ms: u64,
  misses_max: u32,
  slash_permille: u32,
  validators_max: u32,
});

const plainHead = struct({ version: u8, name: text(64), time: u64, validators, params, dev: bool, allocations: hex32 });
const origin = struct({
  chain: hex32,
  height: u64,
  block: hex32,
  state_root: hex32,
  first_root: hex32,
  possessions: list(bytes(64), VALIDATORS_MAX),
});
// A chain that goes on from another one's state says so by its version, and ends with which state of which chain that is (RECOVER-1).
const RECOVERED = 2;

/** What a chain's id is the hash of; `origin` is there where the chain was recovered. */
export const genesisHead = {
  read(input) {
    const head = plainHead.read(input);
    return head.version === RECOVERED ? { ...head, origin: origin.read(input) } : head;
  },
  write(value, parts) {
    plainHead.write(value, parts);
    if (value.version === RECOVERED) origin.write(value.origin, parts);
  },
};

// --- state and proofs ---

export const holding = struct({ free: u128, locked: u128, nonce: u64, key: hex32 });

const leaf = struct({ key: bytes(32), commitment: bytes(32), sum: u128 });
const step = struct({ bit: u8, hash: bytes(32), sum: u128 });
export const treeProof = struct({ other: option(leaf), path: list(step, 256) });
export const holdingProof = struct({
  holder: option(struct({ holding: option(holding), path: treeProof })),
  token: treeProof,
  records: bytes(32),
});
export const recordProof = struct({ value: option(blob(RECORD_BYTES_MAX)), path: treeProof, tokens: bytes(32) });
export const stateProof = struct({
  leaf: variant({ 0: ['holding', holdingProof], 1: ['record', recordProof] }),
  header,
  certificate,
  validators,
  genesis: genesisHead,
  handovers: list(handover, PROOF_HANDOVERS_MAX),
});

// --- records ---

const ROLES = [
  'initiator',
  'investor',
  'developer',
  'content_provider',
  'service_provider',
  'device_owner',
  'operations',
  'marketing',
];
const roles = mapped(
  u8,
  (mask) => ROLES.filter((_, bit) => (mask >> bit) & 1),
  (names) => ROLES.reduce((mask, name, bit) => mask | (names.includes(name) ? 1 << bit : 0), 0),
);

/** A membership. */
export const member = struct({ roles, since: u64, votes_from: u64, height: u64, tx: hex32, deposit: u128 });

const content = mapped(blob(64), toHex, (shown) => fromHex(shown));
const version = struct({ number: u64, content, height: u64, time: u64 });

/** What the chain knows of a MiMei. */
export const mimeiHead = struct({
  author: account,
  app: text(64),
  kind: text(16),
  mark: text(128),
  owner: account,
  last: option(version),
  release: option(u64),
  history: hex32,
  parent: option(tuple(idCodec('mimei'), u64)),
  referenced: u32,
  height: u64,
  deposit: u128,
  generation: u32,
  mask: u64,
});
