// Who made a header final: from the chain's id to the genesis set, or from a block that is trusted (LEDGER-17), over handovers to the set that
// votes on the header (LEDGER-16).

import { ed25519 } from '@noble/curves/ed25519.js';
import { ensure } from './error.js';
import { concat, tagged, toHex, utf8Bytes } from './hash.js';
import { idBytes, validatorOfKey } from './ids.js';
import * as layout from './layout.js';
import { encode } from './scale.js';

/**
 * Whether `key` may come to own something: a point of the curve, as ZIP-215 reads it, and not one of small order.
 * @param {Uint8Array} key
 */
export function mayBeBound(key) {
  try {
    return !ed25519.Point.fromBytes(key, true).isSmallOrder();
  } catch {
    return false;
  }
}

/**
 * The one rule for signatures: ZIP-215.
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 * @param {Uint8Array} key
 */
export const verifySignature = (signature, message, key) => ed25519.verify(signature, message, key, { zip215: true });

const hashOf = (tag, codec, value) => toHex(tagged(tag, encode(codec, value)));
const setHash = (set) => hashOf('leither/validators/v1', layout.validators, set);

/** A block's id, 0x-hex. */
export const blockId = (header) => hashOf('leither/header/v1', layout.header, header);

const isOf = (certificate, header) => certificate.height === header.height && certificate.block === blockId(header);

const UNLED = "the proof's validators are not those of its header, or nothing leads to them from genesis";
const UNCERTIFIED = 'the header is not certified by its validators; ask another node';

const AWAY = 'the proof does not begin at the trusted block; ask for one from its height';

/** LEDGER-17: the trusted block, shown without signatures: who signed it is not known, so there is nothing to be said by them. */
function start(chain, from, shown) {
  ensure(shown !== undefined, 'from', AWAY);
  const { header, certificate, set } = shown;
  const is = header.height === from.height && blockId(header) === from.block && header.chain === chain && header.version === 1;
  const bare = isOf(certificate, header) && certificate.round === 0 && certificate.signatures.length === 0;
  const hash = setHash(set);
  ensure(is && bare && header.next_validators === hash, 'from', AWAY);
  return { height: header.height, set, hash };
}

/**
 * The hashes of LEDGER-16: that the genesis is that of the chain, and that each set names the next one.
 * @param {string} chain the chain's id, 0x-hex
 * @param {any} proof a decoded StateProof
 * @param {{height: bigint, block: string} | null} from where the proof begins, if not at the genesis
 * @returns {{certificate: any, set: any[], reason: string, message: string}[]} the certificates on the way, each with the set that must
 * have signed it and what to say where it did not: for `checkSignatures`
 */
export function walk(chain, { header, certificate, validators, genesis, handovers }, from = null) {
  const here = hashOf('leither/genesis/v1', layout.genesisHead, genesis) === chain && header.chain === chain && header.version === 1;
  ensure(here, 'chain', 'the proof is of another chain; check the chain id');

  const links = [];
  const [first, ...others] = handovers;
  let now = from === null ? { height: 0n, set: genesis.validators, hash: setHash(genesis.validators) } : start(chain, from, first);
  for (const { header: turn, certificate: signed, set } of from === null ? handovers : others) {
    const next = { height: turn.height, set, hash: setHash(set) };
    const ascends = turn.height > now.height && turn.height < header.height;
    const leads = turn.validators === now.hash && turn.next_validators === next.hash;
    const fits = turn.chain === chain && turn.version === 1 && isOf(signed, turn);
    ensure(ascends && leads && fits, 'validators', UNLED);
    links.push({ certificate: signed, set: now.set, reason: 'validators', message: UNLED });
    now = next;
  }
  ensure(setHash(validators) === now.hash && header.validators === now.hash && header.height > now.height, 'validators', UNLED);
  ensure(isOf(certificate, header), 'certificate', 'the certificate is of another block than the header; ask another node');
  return [...links, { certificate, set: validators, reason: 'certificate', message: UNCERTIFIED }];
}

/** A set of validators has an order, by power downwards, then by id; nobody is in it twice, nobody without power. */
function checkSet(set, memberOf) {
  const rows = set.map(({ key, power }) => ({ key, power, ...memberOf(key) }));
  const ordered = rows.every(({ power, id }, n) => {
    const before = rows[n - 1];
    return !before || before.power > power || (before.power === power && before.id < id);
  });
  const members = new Map(rows.map((row) => [row.id, row]));
  const fit = rows.every((row) => row.power > 0n && row.fit);
  ensure(rows.length > 0 && ordered && members.size === rows.length && fit, 'malformed', 'malformed proof: not a set of validators');
  return members;
}

/** Of members, sorted, none twice, of more than two thirds of the power: all that a certificate says but for the signatures. */
function hasQuorum({ signatures }, members) {
  const ids = signatures.map(({ validator }) => toHex(validator));
  if (!ids.every((id, n) => members.has(id) && (n === 0 || ids[n - 1] < id))) return false;
  const signed = ids.reduce((sum, id) => sum + members.get(id).power, 0n);
  const total = [...members.values()].reduce((sum, { power }) => sum + power, 0n);
  return signed * 3n > total * 2n;
}

/** Whether every signature of a certificate is valid. */
function isSigned(chain, { height, round, block, signatures }, members) {
  return signatures.every(({ validator, signature }) => {
    const vote = encode(layout.precommit, { chain, kind: 1, height, round, block, validator });
    return verifySignature(signature, concat(utf8Bytes('leither/vote/v1:'), vote), members.get(toHex(validator)).key);
  });
}

/**
 * The rest of LEDGER-16: that every set on the way is one, and that more than two thirds of each signed what it is said to have signed.
 * @param {string} chain the chain's id, 0x-hex
 * @param {ReturnType<typeof walk>} links
 */
export function checkSignatures(chain, links) {
  // Most validators are in the next set, too: a key is looked at once.
  const known = new Map();
  const memberOf = (key) => {
    const name = toHex(key);
    if (!known.has(name)) known.set(name, { id: toHex(idBytes('validator', validatorOfKey(key))), fit: mayBeBound(key) });
    return known.get(name);
  };
  const steps = links.map((link) => ({ ...link, members: checkSet(link.set, memberOf) }));
  for (const { certificate, members, reason, message } of steps) ensure(hasQuorum(certificate, members), reason, message);
  for (const { certificate, members, reason, message } of steps) ensure(isSigned(chain, certificate, members), reason, message);
}
