import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import test from 'ava';
import { createAnswerBacklog } from '#src/http/answers/answer-backlog.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import type { RequestContext } from '#src/kernel/requests/request-context.ts';
import { recordAbuse } from '#testkit/abuse.ts';

const megabyte = 2 ** 20;
const maxBytes = 240 * megabyte;

const start = (otherBytes = () => 0) => {
  let now = 0;
  const abuse = recordAbuse();
  const backlog = createAnswerBacklog({
    maxBytes,
    maxBytesByCaller: 100 * megabyte,
    timeoutMs: 1e9,
    otherBytes,
    clock: { ...systemClock, monotonic: () => now },
    metrics: noMetrics,
    abuse,
  });
  const contextOf = (clientIp: string, user?: string) =>
    ({
      clientIp,
      ...(user !== undefined && { principal: { kind: 'user', subject: user, scopes: [] } }),
    }) as unknown as RequestContext;
  /** An answer that nobody reads. */
  const hold = (clientIp: string, bytes: number, user?: string) => {
    const response = new EventEmitter() as ServerResponse;
    const state = { isCut: false };
    const resetAndDestroy = (): void => {
      state.isCut = true;
    };
    Object.assign(response, { socket: null, req: { socket: { resetAndDestroy } } });
    backlog.hold(contextOf(clientIp, user), response, bytes, false);
    return state;
  };
  const admit = (clientIp: string): string => {
    try {
      backlog.admit(contextOf(clientIp));
      return 'admitted';
    } catch (error) {
      return codeOf(error);
    }
  };
  return { hold, admit, pass: (milliseconds: number) => void (now += milliseconds) };
};

/** Callers of 48 addresses, 14 of each, fill the memory with small answers. */
const flood = (hold: ReturnType<typeof start>['hold']) =>
  Array.from({ length: 672 }, (_, index) =>
    hold(`198.51.100.${1 + (index % 48)}`, Math.floor(maxBytes / 672), `user ${index}`),
  );

test('many callers with small answers cannot keep a large answer of another network away', (t) => {
  const { hold, admit, pass } = start();
  const held = flood(hold);
  pass(5_000);
  t.is(admit('203.0.113.1'), 'admitted');
  const large = hold('203.0.113.1', 14 * megabyte);
  t.true(held.filter(({ isCut }) => isCut).length >= 39);
  pass(1_000);
  const error = t.throws(() => hold('198.51.100.1', 20 * megabyte, 'user 0'));
  t.is(codeOf(error), 'overloaded', 'it would take the place of others that hold no more');
  t.false(large.isCut);
});

test('a network that held much recently gets no more while others held as much', (t) => {
  const { hold, admit, pass } = start();
  const one = hold('198.51.100.1', 90 * megabyte);
  const other = hold('198.51.100.2', 90 * megabyte);
  pass(30_000);
  t.is(codeOf(t.throws(() => hold('198.51.100.1', 95 * megabyte, 'another'))), 'overloaded');
  hold('203.0.113.1', 60 * megabyte);
  t.is(admit('198.51.100.1'), 'overloaded');
  t.is(admit('203.0.113.2'), 'admitted');
  t.deepEqual([one.isCut, other.isCut], [false, false]);
});

test('within one network the caller with most bytes makes way for one with fewer', (t) => {
  const { hold } = start();
  const first = hold('198.51.100.1', 90 * megabyte, 'one');
  const second = hold('198.51.100.1', 90 * megabyte, 'two');
  const third = hold('198.51.100.1', 61 * megabyte, 'three');
  t.deepEqual([first.isCut, second.isCut, third.isCut], [true, false, false]);
});

test('answers leave memory that arriving answers and bodies need, and keep a quarter', (t) => {
  let otherBytes = 0;
  const { hold } = start(() => otherBytes);
  const first = hold('198.51.100.1', 90 * megabyte);
  const second = hold('198.51.100.2', 90 * megabyte);
  t.deepEqual([first.isCut, second.isCut], [false, false]);
  otherBytes = 100 * megabyte;
  hold('203.0.113.1', megabyte);
  t.deepEqual([first.isCut, second.isCut], [true, false], 'one of 180 MB is cut, because 140 MB are left');
  otherBytes = 10_000 * megabyte;
  hold('203.0.113.2', 58 * megabyte);
  t.true(second.isCut);
  t.throws(() => hold('203.0.113.3', 70 * megabyte), { message: /Too many bytes/ });
});
