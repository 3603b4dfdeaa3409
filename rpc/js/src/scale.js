// SCALE, as far as the chain uses it: bounded, and canonical (what decodes must encode to the same bytes again).
//
// A codec is `{read(input), write(value, parts)}`; the functions below make them. Integers of up to 32 bits are numbers, wider ones
// BigInt, byte strings Uint8Array, an absent option `null`.

import { ensure } from './error.js';
import { equal, utf8Bytes } from './hash.js';

/**
 * @template T
 * @typedef {{read: (input: Input) => T, write: (value: T, parts: Uint8Array[]) => void}} Codec
 */

const malformed = (condition, message) => ensure(condition, 'malformed', message);

/** Bytes that are read from the front. */
class Input {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  /** @param {number} length @returns {Uint8Array} */
  take(length) {
    malformed(length <= this.bytes.length - this.at, 'malformed: it ends too early');
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }
}

/**
 * @template T
 * @param {Codec<T>} codec
 * @param {T} value
 * @returns {Uint8Array}
 */
export function encode(codec, value) {
  const parts = [];
  codec.write(value, parts);
  // Joined one by one: a long proof has more parts than a call may have arguments.
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Decodes all of `bytes`, of which there may be at most `max`.
 * @template T
 * @param {Codec<T>} codec
 * @param {Uint8Array} bytes
 * @param {number} max
 * @returns {T}
 */
export function decode(codec, bytes, max) {
  malformed(bytes instanceof Uint8Array, 'expected bytes (Uint8Array)');
  malformed(bytes.length <= max, `${bytes.length} bytes where at most ${max} are allowed`);
  const input = new Input(bytes);
  const value = codec.read(input);
  malformed(input.at === bytes.length, 'malformed: bytes are left over');
  malformed(equal(encode(codec, value), bytes), 'not the canonical form');
  return value;
}

/** An unsigned integer of `width` bytes, least significant first, as BigInt. */
const wide = (width) => ({
  read: (input) => input.take(width).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n),
  write(value, parts) {
    const fits = typeof value === 'bigint' && value >= 0n && value < 1n << BigInt(8 * width);
    malformed(fits, `expected a BigInt of at most ${8 * width} bits, got ${String(value)}`);
    parts.push(Uint8Array.from({ length: width }, (_, n) => Number((value >> BigInt(8 * n)) & 0xffn)));
  },
});

/** The same for few bytes, as a number. */
const narrow = (width) => ({
  read: (input) => Number(wide(width).read(input)),
  write(value, parts) {
    malformed(Number.isSafeInteger(value), `expected a whole number, got ${String(value)}`);
    wide(width).write(BigInt(value), parts);
  },
});

/** @type {Codec<number>} */
export const u8 = narrow(1);
/** @type {Codec<number>} */
export const u32 = narrow(4);
/** @type {Codec<bigint>} */
export const u64 = wide(8);
/** @type {Codec<bigint>} */
export const u128 = wide(16);

/** A length: 1, 2 or 4 bytes, as its two lowest bits say. Longer ones than needed fall to the canonical check. */
const compact = {
  read(input) {
    const first = input.take(1)[0];
    const mode = first & 3;
    malformed(mode !== 3, 'malformed: a length beyond any bound');
    return input.take((1 << mode) - 1).reduce((sum, byte, n) => sum + byte * 2 ** (8 * n + 6), first >> 2);
  },
  write(value, parts) {
    const mode = value < 1 << 6 ? 0 : value < 1 << 14 ? 1 : 2;
    malformed(value < 2 ** 30, 'too long');
    narrow(1 << mode).write(value * 4 + mode, parts);
  },
};

/** @type {Codec<boolean>} */
export const bool = {
  read(input) {
    const byte = input.take(1)[0];
    malformed(byte <= 1, 'malformed: neither yes nor no');
    return byte === 1;
  },
  write: (value, parts) => u8.write(value ? 1 : 0, parts),
};

/** Exactly `length` bytes. @param {number} length @returns {Codec<Uint8Array>} */
export const bytes = (length) => ({
  read: (input) => input.take(length),
  write(value, parts) {
    malformed(value instanceof Uint8Array && value.length === length, `expected ${length} bytes`);
    parts.push(value);
  },
});

/** At most `max` bytes after their length. @param {number} max @returns {Codec<Uint8Array>} */
export const blob = (max) => ({
  read(input) {
    const length = compact.read(input);
    malformed(length <= max, `malformed: ${length} bytes where at most ${max} are allowed`);
    return input.take(length);
  },
  write(value, parts) {
    malformed(value instanceof Uint8Array && value.length <= max, `expected at most ${max} bytes`);
    compact.write(value.length, parts);
    parts.push(value);
  },
});

/** A text of at most `max` bytes of UTF-8. @param {number} max @returns {Codec<string>} */
export const text = (max) => ({
  read(input) {
    const raw = blob(max).read(input);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
    } catch {
      return malformed(false, 'malformed: a text that is not UTF-8');
    }
  },
  write(value, parts) {
    malformed(typeof value === 'string' && value.isWellFormed(), 'expected a text');
    const raw = utf8Bytes(value);
    malformed(raw.length <= max, `a text of ${raw.length} bytes where at most ${max} are allowed`);
    blob(max).write(raw, parts);
  },
});

/**
 * At most `max` items after their number.
 * @template T
 * @param {Codec<T>} item
 * @param {number} max
 * @returns {Codec<T[]>}
 */
export const list = (item, max) => ({
  read(input) {
    const length = compact.read(input);
    malformed(length <= max, `malformed: ${length} items where at most ${max} are allowed`);
    return Array.from({ length }, () => item.read(input));
  },
  write(value, parts) {
    malformed(Array.isArray(value) && value.length <= max, `expected a list of at most ${max} items`);
    compact.write(value.length, parts);
    value.forEach((one) => item.write(one, parts));
  },
});

/**
 * Something or `null`.
 * @template T
 * @param {Codec<T>} codec
 * @returns {Codec<T | null>}
 */
export const option = (codec) => ({
  read: (input) => (bool.read(input) ? codec.read(input) : null),
  write(value, parts) {
    const there = value !== null && value !== undefined;
    bool.write(there, parts);
    if (there) codec.write(value, parts);
  },
});

/** Fields in the order in which they are named. @param {Record<string, Codec<any>>} fields @returns {Codec<any>} */
export const struct = (fields) => ({
  read: (input) => Object.fromEntries(Object.entries(fields).map(([name, codec]) => [name, codec.read(input)])),
  write: (value, parts) => Object.entries(fields).forEach(([name, codec]) => codec.write(value[name], parts)),
});

/** One codec after the other, as an array. @param {...Codec<any>} items @returns {Codec<any[]>} */
export const tuple = (...items) => ({
  read: (input) => items.map((item) => item.read(input)),
  write: (value, parts) => items.forEach((item, n) => item.write(value[n], parts)),
});

/**
 * One of several structs, told apart by a first byte; the value's `kind` is its name.
 * @param {Record<number, [string, Codec<any>]>} kinds
 * @returns {Codec<any>}
 */
export const variant = (kinds) => ({
  read(input) {
    const known = kinds[u8.read(input)];
    malformed(known, 'malformed: no such kind');
    return { kind: known[0], ...known[1].read(input) };
  },
  write(value, parts) {
    const row = Object.entries(kinds).find(([, [name]]) => name === value.kind);
    malformed(row, `there is no kind ${value.kind}`);
    u8.write(Number(row[0]), parts);
    row[1][1].write(value, parts);
  },
});

/**
 * A codec whose values are shown otherwise than they are stored.
 * @template A, B
 * @param {Codec<A>} codec
 * @param {(stored: A) => B} show
 * @param {(shown: B) => A} store
 * @returns {Codec<B>}
 */
export const mapped = (codec, show, store) => ({
  read: (input) => show(codec.read(input)),
  write: (value, parts) => codec.write(store(value), parts),
});
