import test from 'ava';
import { createSlots, type Slot } from '#src/http/admission/slots.ts';

type Load = {
  /** Slow requests that each network sends at once. */
  readonly networks: readonly number[];
  /** The accounts that the requests of a network are of, one after the other. Default: one of its own. */
  readonly accountsOf?: (network: number) => readonly string[];
  /** Milliseconds that a slow request holds its slot. Default: 20 s. */
  readonly heldMs?: number;
  /** Milliseconds from the end of a burst to the next one. Default: the networks send again at once. */
  readonly restMs?: number;
  /** Overlapping requests of the client in each second, and how long each takes. */
  readonly requests: number;
  readonly requestMs: number;
};

const slowMs = 20_000;

/** @returns the refused requests of the client, as the first, second and third one of each second, in two minutes, and those of the second minute */
const refusedBeside = (load: Load) => {
  const { networks, restMs = 0, heldMs = slowMs, requests, requestMs } = load;
  const { accountsOf = (network: number) => [`network ${network}`] } = load;
  let time = 0;
  const slots = createSlots(64, 50, { now: () => time });
  const held: { readonly at: number; readonly slot: Slot }[] = [];
  const take = (clientIp: string, ms: number, key = `ip:${clientIp}`): boolean => {
    const slot = slots.take({ key, clientIp });
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
    const inBurst = time % (heldMs + restMs) < heldMs;
    for (const [network, count] of inBurst ? networks.entries() : []) {
      const accounts = accountsOf(network);
      for (let sent = 0; sent < count; sent += 1) {
        take(`10.0.${network}.1`, heldMs, accounts[sent % accounts.length]);
      }
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

test('accounts that hold slots at one network do not take the slots for overlapping requests at others', (t) => {
  // 44 networks with an account each, and 6 with four of these accounts each.
  const accountsOf = (network: number): string[] =>
    network < 44
      ? [`account ${network}`]
      : Array.from({ length: 4 }, (_, each) => `account ${(network - 44) * 4 + each}`);
  const networks = [...same(44, 1), ...same(6, 4)];
  const { refused, late } = refusedBeside({ networks, accountsOf, heldMs: 12_000, requests: 3, requestMs: 100 });
  t.is(refused[0], 0);
  t.true(late <= 9, `${late} of 180 in the second minute`);
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
