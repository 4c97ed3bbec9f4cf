import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { createSyncMemory } from '#src/calendar/sync/sync-memory.ts';

const setup = () => {
  const refused: string[] = [];
  const clock = { now: 0 };
  const abuse = { refused: (kind: string) => void refused.push(kind) };
  const memory = createSyncMemory({ maxBytes: 100, abuse, now: () => clock.now });
  const from = (clientIp: string) => runInRequest({ clientIp } as RequestContext, memory.begin);
  return { clock, refused, memory, from };
};

test('the largest sync of the network that keeps most is ended, and others go on', (t) => {
  const { refused, from } = setup();
  const [first, second] = [from('192.0.2.1'), from('192.0.2.1')];
  const other = from('198.51.100.1');
  first.set(40);
  second.set(30);
  other.set(30);
  t.false(first.signal.aborted);
  other.set(45);
  t.true(first.signal.aborted, 'its network keeps 70, the other one 45');
  t.is(codeOf(first.signal.reason), 'overloaded');
  t.false(second.signal.aborted);
  t.false(other.signal.aborted);
  t.deepEqual(refused, ['sync_memory']);
  t.throws(() => first.set(1), { message: /large calendars/ });
});

test('after a sync was ended, its network waits before the next one', (t) => {
  const { clock, from, refused } = setup();
  t.throws(() => from('192.0.2.1').set(101), { message: /large calendars/ });
  t.is(codeOf(t.throws(() => from('192.0.2.1'))), 'overloaded');
  t.deepEqual(refused, ['sync_memory', 'sync_memory']);
  from('198.51.100.1').set(90);
  clock.now = 10_000;
  t.notThrows(() => from('192.0.2.1'));
});

test('a sync that is too large itself is refused, and what has ended counts no more', (t) => {
  const { clock, from } = setup();
  const small = from('192.0.2.1');
  small.set(10);
  const large = from('198.51.100.1');
  t.throws(() => large.set(95), { message: /large calendars/ });
  large.end();
  t.false(small.signal.aborted);
  clock.now = 10_000;
  const next = from('198.51.100.1');
  next.set(90);
  next.end();
  const last = from('203.0.113.1');
  last.set(90);
  t.false(last.signal.aborted);
});

test('syncs outside of a request do not count', (t) => {
  const { memory, from } = setup();
  const scheduled = memory.begin();
  scheduled.set(1_000);
  const own = from('192.0.2.1');
  own.set(100);
  t.is(memory.heldBytes(), 100);
  t.false(own.signal.aborted);
  t.false(scheduled.signal.aborted);
});
