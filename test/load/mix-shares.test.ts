import { readFileSync } from 'node:fs';
import test from 'ava';
import { callerKinds, mixShares, sentThresholds } from '#load/mix-shares.ts';
import { verdict } from '../../scripts/support/load-verdict.ts';

test('docs/load.md explains each kind of caller, and a step of the mix calls as each of them', (t) => {
  const [, after = ''] = readFileSync('docs/load.md', 'utf8').split('| caller | credentials |\n');
  const [table = ''] = after.split('\n\n');
  const documented = [...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, kind]) => kind);
  t.deepEqual(documented, [...callerKinds]);
  const calling = new Set(
    Object.values(mixShares)
      .filter(({ share }) => share > 0)
      .map(({ caller }) => caller),
  );
  t.deepEqual([...calling].sort(), [...callerKinds].sort());
});

test('a complete run fails if a kind of caller has sent nothing', (t) => {
  const thresholds = sentThresholds(['route:/profile'], true);
  t.deepEqual(thresholds['http_reqs{caller:session}'], ['count>0']);
  const metrics = Object.fromEntries(
    Object.keys(thresholds).map((metric) => {
      const count = metric.includes('caller:session') ? 0 : 5;
      return [metric, { values: { count }, thresholds: { 'count>0': { ok: count > 0 } } }];
    }),
  );
  const { passed, lines } = verdict('average', { metrics });
  t.false(passed);
  t.true(lines.some((line) => line.includes('broken: http_reqs{caller:session} count>0')));
  t.true(lines.includes('  requests by caller: public 5, token 5, client 5, api_key 5, session 0'));
});

test('a short run or a run without users may miss a kind of caller', (t) => {
  const thresholds = sentThresholds([], false);
  t.is(Object.keys(thresholds).length, callerKinds.length);
  t.true(Object.values(thresholds).every(([expression]) => expression === 'count>=0'));
});
