import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { attacks } from '#load/attack/attacks/list.ts';

const page = readFileSync('docs/security-claims.md', 'utf8');
const rows = page
  .split('\n')
  .filter((line) => /^\| (?!claim|---)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, claim = '', tests = '']) => ({ claim, tests }));

test('each claim of docs/security-claims.md has a test or an attack that exists', (t) => {
  t.true(rows.length > 40);
  const names = new Set(attacks.map(({ name }) => name));
  for (const { claim, tests } of rows) {
    const shown = tests.split(/; (?=`test|attack ")/);
    for (const entry of shown) {
      const attack = /^attack "(.+)"$/.exec(entry)?.[1];
      const [, path, title] = /^`(test\/[\w./-]+\.test\.ts)`(?: "(.+)")?$/.exec(entry) ?? [];
      if (attack !== undefined) t.true(names.has(attack), `${claim}: no attack ${attack}`);
      else if (path === undefined) t.fail(`${claim}: neither test nor attack: ${entry}`);
      else {
        t.true(existsSync(path), `${claim}: no file ${path}`);
        if (title !== undefined) t.true(readFileSync(path, 'utf8').includes(title), `${path} has no test ${title}`);
      }
    }
  }
});

test('each attack shows a claim', (t) => {
  for (const { name } of attacks) t.true(page.includes(`attack "${name}"`), `docs/security-claims.md: ${name}`);
});

test('the tests that docs/security.md names exist', (t) => {
  const named = [...readFileSync('docs/security.md', 'utf8').matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)];
  t.true(named.length > 20);
  for (const [, path] of named) t.true(existsSync(path!), path);
});
