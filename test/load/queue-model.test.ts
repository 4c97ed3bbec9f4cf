import { readFileSync } from 'node:fs';
import test from 'ava';
import { arrivalScvInTurn, meanWait, momentsOf, processesFor } from '../../scripts/bench/capacity/queue-model.ts';

const fixed = { mean: 10, scv: 0 };
const random = { mean: 10, scv: 1 };

/** Random numbers that are the same in each run. */
const randoms = (seed: number) => () => {
  seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
  return (seed + 1) / (2 ** 32 + 1);
};

/** The mean wait of one of `processes` that get random arrivals in turn, with service times between half and one and a half. */
const simulated = (load: number, processes: number): number => {
  const random = randoms(7);
  const every = 1 / (load * processes);
  const free = Array.from({ length: processes }, () => 0);
  let [at, waited] = [0, 0];
  const requests = 200_000;
  for (let turn = 0; turn < requests; turn += 1) {
    at += -Math.log(random()) * every;
    const start = Math.max(at, free[turn % processes]!);
    waited += start - at;
    free[turn % processes] = start + 0.5 + random();
  }
  return waited / requests;
};

test('the model agrees with the known formulas for random arrivals', (t) => {
  t.is(meanWait(0.5, random, 1), 10);
  t.is(meanWait(0.5, fixed, 1), 5);
  // 1 - 0.9 is rounded.
  t.true(Math.abs(meanWait(0.9, fixed, 1) - 45) < 1e-12);
  t.is(meanWait(1, fixed, 1), Infinity);
});

test('the model agrees with a simulation of services that get requests in turn', (t) => {
  const service = { mean: 1, scv: 1 / 12 };
  for (const load of [0.5, 0.7, 0.85]) {
    for (const processes of [1, 2, 3]) {
      const ratio = simulated(load, processes) / meanWait(load, service, arrivalScvInTurn(processes));
      t.true(Math.abs(ratio - 1) < 0.15, `${processes} processes at ${load}: ${ratio}`);
    }
  }
});

test('docs/capacity.md has the wait at three instances as a part of that at one, at a load of 0.7', (t) => {
  const ratioOf = (service: typeof fixed): string =>
    (meanWait(0.7, service, arrivalScvInTurn(3)) / meanWait(0.7, service, 1)).toFixed(2);
  const page = readFileSync('docs/capacity.md', 'utf8').replaceAll('\n', ' ');
  t.true(
    page.includes(`wait ${ratioOf(fixed)} (equal service times) to ${ratioOf(random)} (cs² = 1) of the time at one`),
  );
  t.is(ratioOf(fixed), '0.23');
  t.is(ratioOf(random), '0.61');
});

test('moments and the number of processes', (t) => {
  t.deepEqual(momentsOf([1, 3]), { mean: 2, scv: 0.5 });
  t.is(processesFor(100_000, 0.000_06, 0.7), 9);
  t.is(processesFor(1, 0.000_06, 0.7), 1);
});
