import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createLoadShedding } from '#src/http/admission/load-shedding.ts';

const setup = (limit: number) => {
  const shedding = createLoadShedding(
    { limits: { pricing: limit, batch: limit, read: limit, write: limit }, callerPercent: 50, lagMs: 10_000 },
    { metrics: noMetrics, abuse: noAbuseReport, starts: { afterWaiting: (done) => done() } },
  );
  return {
    enter: (key: string, clientIp: string) => {
      try {
        return shedding.enter({ load: 'batch' }, { key, clientIp })!;
      } catch (error) {
        return codeOf(error);
      }
    },
  };
};

test('many accounts of one network hold three quarters of the slots, and others find some', (t) => {
  const { enter } = setup(16);
  const flood = Array.from({ length: 40 }, (_, number) => enter(`user:${number}`, '192.0.2.1'));
  const held = flood.filter((each) => typeof each !== 'string');
  t.is(held.length, 12);
  t.true(flood.includes('concurrency_limit_exceeded'));
  for (let number = 1; number <= 3; number += 1) {
    t.not(typeof enter(`user:other${number}`, `198.51.100.${number}`), 'string', String(number));
  }
  for (const slot of held) {
    slot.workEnded();
    slot.answerEnded();
  }
  t.not(typeof enter('user:0', '192.0.2.1'), 'string', 'the places are free again');
});

test('the networks of one IPv6 site are one network', (t) => {
  const { enter } = setup(16);
  const flood = Array.from({ length: 40 }, (_, number) => enter(`user:${number}`, `2001:db8:7:${number}::1`));
  t.is(flood.filter((each) => typeof each !== 'string').length, 12);
  t.not(typeof enter('user:other', '2001:db8:8::1'), 'string');
});
