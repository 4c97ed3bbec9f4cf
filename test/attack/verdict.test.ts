import test from 'ava';
import type { CallerSample } from '#load/attack/good-caller.ts';
import { reportOf } from '#load/attack/report.ts';
import { callerFigures, type AttackResult } from '#load/attack/result.ts';
import { callerFaults, allFaults, attackFaults } from '#load/attack/verdict.ts';

const samples = (kind: CallerSample['kind'], count: number, status = 200, ms = 20): CallerSample[] =>
  Array.from({ length: count }, () => ({ kind, status, ms }));

const passed: AttackResult = {
  name: 'gzip bomb',
  addresses: 50,
  sent: 1_000,
  answers: '413: 1000',
  serverErrors: 0,
  exits: 0,
  lostThreads: 0,
  lostBy: '',
  maxResidentBytes: 400 * 1_048_576,
  residentAfter: { root: 200 * 1_048_576, descendants: [100 * 1_048_576] },
  caller: [...samples('single', 200), ...samples('batch', 40), ...samples('account', 100)],
  expectedKinds: [['body_expansion', 'body_structure']],
  refused: { body_structure: 1_000 },
  fault: undefined,
};

test('the faults of an attack leave out the speed of the good caller, which depends on the machine', (t) => {
  const slow = { ...passed, caller: samples('single', 100, 503) };
  t.true(allFaults(slow).length > 0);
  t.deepEqual(attackFaults(slow), []);
  t.is(reportOf([slow], 1_000, 'A busy machine.').failedByAttack, 0);
  t.is(reportOf([{ ...slow, exits: 1 }], 1_000, 'A busy machine.').failedByAttack, 1);
});

test('an attack that the service withstands has no fault', (t) => {
  t.deepEqual(allFaults(passed), []);
  const { failed, markdown } = reportOf([passed], 1_000, 'A quiet machine.');
  t.is(failed, 0);
  t.regex(markdown, /All 1 runs passed/);
});

const failed: readonly (readonly [Partial<AttackResult>, RegExp])[] = [
  [{ sent: 0 }, /no request was sent/],
  [{ exits: 1 }, /the service ended/],
  [{ lostThreads: 1, lostBy: '1 log lines "a pricing worker ended"' }, /1 pricing threads were lost: 1 log lines/],
  [{ maxResidentBytes: 2.5 * 1_073_741_824 }, /rose to 2560 MiB/],
  [
    { residentAfter: { root: 400 * 1_048_576, descendants: [200 * 1_048_576, 41 * 1_048_576] } },
    /stayed at 641 MiB for a minute: 400 MiB of the service, and 200 MiB, 41 MiB of its pricing processes/,
  ],
  [{ serverErrors: 1 }, /1 answers were 500/],
  [{ refused: { answer_slow: 5 } }, /did not count body_expansion or body_structure/],
  [{ fault: 'the owner was locked out' }, /the owner was locked out/],
  [
    { caller: [...samples('single', 97), ...samples('single', 3, 503), ...samples('batch', 40)] },
    /97\.0 % of the single/,
  ],
  [{ caller: [...samples('single', 97), ...samples('single', 3, 200, 260), ...samples('batch', 9)] }, /p99 .* 260 ms/],
  [
    { caller: [...samples('single', 100), ...samples('batch', 9), ...samples('batch', 1, 200, 2_001)] },
    /90\.0 % of the batches were 200 within 2 s \(1 slow\)/,
  ],
  [
    {
      caller: [
        ...samples('single', 100),
        ...samples('batch', 9),
        { kind: 'batch', status: 503, ms: 5, detail: 'Too many bodies are being read' },
      ],
    },
    /within 2 s \(1 with 503 Too many bodies are being read\)/,
  ],
  [
    {
      caller: [
        ...samples('single', 100),
        ...samples('batch', 10),
        ...samples('account', 98),
        ...samples('account', 1, 200, 5_001),
        ...samples('account', 1, 503),
      ],
    },
    /98\.0 % of the account requests were 200 within 5 s \(1 slow, 1 with 503\)/,
  ],
  [{ caller: samples('single', 100) }, /NaN % of the batches/],
  [{ caller: [] }, /NaN % of the single/],
];
for (const [change, expected] of failed) {
  test(`an attack is failed when ${expected.source}`, (t) => {
    const result = { ...passed, ...change };
    t.regex(allFaults(result).join('; '), expected);
    const report = reportOf([passed, result], 1_000, 'A quiet machine.');
    t.true(report.failed > 0);
    t.regex(report.markdown, /FAILED/);
  });
}

test('every group of kinds must have been counted', (t) => {
  const result = { ...passed, expectedKinds: [['body_expansion', 'body_structure'], ['answer_slow']] as const };
  t.deepEqual(allFaults(result), ['volwatch_abuse_refused_total did not count answer_slow']);
});

test('a percentile of few samples is no fault of one attack, and one of the whole run', (t) => {
  const few = [...samples('single', 50, 200, 400), ...samples('batch', 10)];
  t.deepEqual(callerFaults(few, false), []);
  t.deepEqual(callerFaults([...few, ...samples('account', 9)], true), ['p99 of the single prices was 400 ms']);
});

test('a request without an answer counts in the percentile', (t) => {
  const { singlesP99Ms, singlesShare } = callerFigures([...samples('single', 98), ...samples('single', 2, 0, 5_000)]);
  t.is(singlesP99Ms, 5_000);
  t.is(singlesShare, 0.98);
});
