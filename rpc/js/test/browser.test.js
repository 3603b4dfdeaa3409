import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const src = new URL('../src/', import.meta.url);

test('nothing but the two named packages and the module itself is imported, so that a page can import it', () => {
  const found = new Set();
  for (const file of readdirSync(src)) {
    const text = readFileSync(new URL(file, src), 'utf8');
    for (const [, from] of text.matchAll(/^(?:import|export) .*from '([^']+)'/gm)) {
      if (!from.startsWith('./')) found.add(from.split('/').slice(0, 2).join('/'));
    }
    assert.doesNotMatch(text, /\b(?:Buffer|process|require)\s*[.(]/, file);
  }
  assert.deepEqual([...found].sort(), ['@noble/curves', '@noble/hashes']);
});

test('the packages are pinned, and the lock file names no registry', () => {
  const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
  const { dependencies } = JSON.parse(read('package.json'));
  for (const version of Object.values(dependencies)) assert.match(version, /^[0-9]+\.[0-9]+\.[0-9]+$/);
  assert.doesNotMatch(read('package-lock.json'), /"resolved"/);
});
