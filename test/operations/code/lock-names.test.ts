import test from 'ava';
import { lockNameFaults } from '../../../scripts/check/code/lock-names.ts';

test('each transaction of a request that locks rows of an owner names its lock', (t) => {
  t.deepEqual(lockNameFaults(), []);
});

const unnamed = [
  `unitOfWork.run({ operation: 'account.change' }, async () => {});`,
  `const operation = 'auth.api_key';\nconst change = () => unitOfWork.run({ operation }, async () => {});`,
  `const options = { operation: 'calendar.connection' } as const;\nawait unitOfWork.run(options, async () => {});`,
  `const changeOf = () => ({ operation: 'webhook.change' }) as const;\nawait unitOfWork.run(changeOf(id), async () => {});`,
  `await unitOfWork\n  .run({ operation: 'new.operation' }, async () => {});`,
];
for (const code of unnamed) {
  test(`a transaction without the name of its lock is found: ${code.replace('\n', ' ')}`, (t) => {
    const [fault, ...more] = lockNameFaults(new Map([['src/a.ts', code]]));
    t.regex(fault ?? '', /^src\/a\.ts:\d: a transaction of [a-z_.]+ names no lock/);
    t.deepEqual(more, []);
  });
}

test('named transactions, those of the service itself and a file with a reason are allowed', (t) => {
  const named = `const changeOf = () => ({ operation: 'webhook.change', alone: name }) as const;\nunitOfWork.run(changeOf(id), work);`;
  const own = `unitOfWork.run({ operation: 'retention' }, work);`;
  t.deepEqual(lockNameFaults(new Map([['src/a.ts', `${named}\n${own}`]])), []);
  const read = `unitOfWork.run({ operation: 'calendar.sync' }, work);`;
  t.deepEqual(lockNameFaults(new Map([['src/calendar/sync/sync.ts', read]])), []);
  t.is(lockNameFaults(new Map([['src/calendar/sync/sync.ts', `${read}\n${read}`]])).length, 1);
});
