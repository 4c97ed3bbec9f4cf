import test from 'ava';
import { createSlots, type Slot } from '#src/http/admission/slots.ts';

type Load = {
  /** Slow requests that each network sends at once. Each holds its slot for 20 s. */
  readonly networks: readonly number[];
  /** Milliseconds from the end of a burst to the next one. Default: the networks send again at once. */
  readonly restMs?: number;
  /** Overlapping requests of the client in each second, and how long each takes. */
  readonly requests: number;
  readonly requestMs: number;
};

const slowMs = 20_000;

/** @returns the refused requests of the client, as the first, second and third one of each second, in two minutes, and those of the second minute */
const refusedBeside = ({ networks, restMs = 0, requests, requestMs }: Load) => {
  let time = 0;
  const slots = createSlots(64, 50, { now: () => time });
  const held: { readonly at: number; readonly slot: Slot }[] = [];
  const take = (clientIp: string, ms: number): boolean => {
    const slot = slots.take({ key: `ip:${clientIp}`, clientIp });
    if (typeof slot === 'string') return false;
    held.push({ at: time + ms, slot });
    return true;
  };
  const refused = Array.from({ length: requests }, () => 0);
  let late = 0;
  for (; time < 120_000; time += 50) {
    for (const each of held.splice(0)) {
      if (each.at > time) held.push(each);
      else {
        each.slot.workEnded();
        each.slot.answerEnded();
      }
    }
    const inBurst = time % (slowMs + restMs) < slowMs;
    for (const [network, count] of inBurst ? networks.entries() : []) {
      for (let sent = 0; sent < count; sent += 1) take(`10.0.${network}.1`, slowMs);
    }
    const position = (time % 1_000) / 50;
    if (position >= requests || take('203.0.113.1', requestMs)) continue;
    refused[position]! += 1;
    if (time >= 60_000) late += 1;
  }
  return { refused, late };
};

const same = (networks: number, each: number): number[] => Array.from({ length: networks }, () => each);

test('a network finds slots for overlapping requests while slow ones of others hold a part', (t) => {
  const overlapping = { requests: 3, requestMs: 100 };
  t.deepEqual(refusedBeside({ networks: same(6, 8), ...overlapping }).refused, [0, 0, 0]);
  for (const each of [1, 2, 8]) {
    const { refused, late } = refusedBeside({ networks: same(50, each), ...overlapping });
    t.is(refused[0], 0, `50 networks with ${each}: the first one`);
    t.true(late <= 9, `50 networks with ${each}: ${late} of 180 in the second minute`);
  }
});

test('networks with several slow requests leave slots for a network that has none, also in bursts', (t) => {
  for (const senders of [0, 12, 20, 50]) {
    for (const restMs of [0, 40_000]) {
      const networks = [...same(senders, 16), ...same(50 - senders, 1)];
      const { refused } = refusedBeside({ networks, restMs, requests: 1, requestMs: 100 });
      t.is(refused[0], 0, `${senders} networks with 16, the others with one, pauses of ${restMs} ms`);
    }
  }
});
