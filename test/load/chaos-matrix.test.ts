import { readFileSync } from 'node:fs';
import test from 'ava';
import { assertAcknowledged } from '#load/chaos/acknowledged.ts';
import { groups } from '#load/chaos/cell.ts';
import { matrix } from '#load/chaos/matrix.ts';
import { topologies } from '#load/chaos/world/topology.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { statementOn } from '#testkit/servers/replica.ts';

test('the page of the rehearsed failures names the number of cells, and it is at least 60', (t) => {
  const page = readFileSync('docs/chaos.md', 'utf8');
  t.is(/\b(\d+) cells\b/.exec(page)?.[1], String(matrix.length));
  t.true(matrix.length >= 60);
});

test('each cell has a name of its own; each group and each topology has cells', (t) => {
  const names = matrix.map(({ group, name }) => `${group} / ${name}`);
  t.is(new Set(names).size, names.length);
  for (const group of groups)
    t.true(
      matrix.some((cell) => cell.group === group),
      group,
    );
  const used = new Set(matrix.map(({ topology = 'server' }) => topology));
  t.deepEqual([...used].sort(), [...topologies].sort());
});

test('the cell that ends the primary of PostgreSQL is the last one of its world', (t) => {
  for (const topology of ['pooler', 'failover']) {
    const cells = matrix.filter((cell) => cell.topology === topology);
    const ending = cells.findIndex(({ name }) => name.startsWith('primary lost'));
    t.is(ending, cells.length - 1, topology);
  }
});

test('an acknowledged refresh that is not stored is reported with its id', async (t) => {
  const { url } = await startOwnPostgres(t);
  await statementOn(url, `create table refresh (id uuid primary key)`);
  const [stored, lost] = ['01890000-0000-7000-8000-000000000001', '01890000-0000-7000-8000-000000000002'];
  await statementOn(url, `insert into refresh values ('${stored}')`);
  await t.notThrowsAsync(assertAcknowledged(url, [stored, '']));
  await t.throwsAsync(assertAcknowledged(url, [stored, lost]), {
    message: `1 of 2 acknowledged refreshes are lost, the first is ${lost}`,
  });
});
