import type { BaseRequest } from '../inputs/base-request.ts';
import type { HostileRequest } from '../inputs/hostile-request.ts';
import { option } from '#testkit/running-service.ts';

/** Max members of an object and items of a list, and near the max number of values. The body has 64 KB at most. */
const [maxMembers, maxItems, maxValues] = [200, 1_000, 4_900];

const items = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, each) => make(each));
const unknownNames = (count: number, characters: number): object =>
  Object.fromEntries(items(count, (each) => [`q${each}_`.padEnd(characters, 'zxpwspttimk'), 1]));
/** Names that are near to those of the members, so that a search compares each letter. */
const nearNames = (known: readonly string[], count: number): object =>
  Object.fromEntries(items(count, (each) => [`${known[each % known.length] ?? 'name'}${each}`, 1]));

/** Bodies that are JSON within the limits of size and structure, and that a schema refuses at as many places as it can. */
const wrongBodies = (body: Readonly<Record<string, unknown>>): object[] => {
  const known = Object.keys(body);
  const room = maxMembers - known.length;
  const inEach = Math.min(maxItems, Math.floor(maxValues / Math.max(known.length, 1))) - 1;
  const listsOf = (item: unknown): object => Object.fromEntries(known.map((name) => [name, items(inEach, () => item)]));
  return [
    { ...body, ...unknownNames(room, 24) },
    { ...body, ...unknownNames(room, 300) },
    { ...body, ...nearNames(known, room) },
    // Without members the empty object would be accepted.
    ...(known.length > 0 ? [{}, { q: 1 }, 'x'].map(listsOf) : []),
    items(maxItems - 1, () => ({})),
    unstorableTexts(1_024, 4, 990),
    unstorableTexts(1_024, 4, 200),
    unstorableTexts(1_024, 40, 1),
    unstorableTexts(60_000, 1, 20),
  ];
};

/**
 * Many texts that cannot be stored below names as long as they may be. `/` is two characters in a pointer. Some routes take 16 KB at
 * most.
 */
const unstorableTexts = (nameBytes: number, lists: number, texts: number): object =>
  Object.fromEntries(items(lists, (each) => [`${each}`.padEnd(nameBytes, '/'), items(texts, () => '\0')]));

/** Wrong items in a list that the documented request of a route does not have. */
const wrongDividends: readonly object[] = [
  { ...option, dividends: items(990, () => ({})) },
  { ...option, dividends: items(990, () => ({ time: 'x', amount: -1 })) },
  { ...option, dividends: items(700, () => ({ tim: 1, amoun: 2, datt: 3 })) },
  { ...option, dividends: items(990, () => ({ date: 'x', amount: 1 })) },
  {
    ...option,
    exercise_style: 'american',
    model: 'finite_difference',
    time_to_expiry: 0,
    dividends: items(600, (each) => ({ time: each / 10_000, amount: 0.001 })),
  },
];
const pricesOneOption = /\/pricing\/(price|greeks|implied-volatility)$/;

/**
 * Bodies of 64 KB that are not JSON: characters that begin a mistake which the service names, and none that is one, because the search ends
 * there. Some routes take 16 KB at most.
 */
const brokenBodies: readonly string[] = ['u', 'N', ']', 'No'].map((start) => `[${start.repeat(65_534 / start.length)}`);

/** The largest requests that the parser and the schema of a route refuse: a refusal must not take longer than an answer. */
export const refusedRequests = (good: HostileRequest, { mediaType, body }: BaseRequest): HostileRequest[] => {
  if (!mediaType?.includes('json') || typeof body !== 'object' || body === null || Buffer.isBuffer(body)) return [];
  const bodies = [
    ...wrongBodies(body as Readonly<Record<string, unknown>>),
    ...(pricesOneOption.test(good.target) ? wrongDividends : []),
  ];
  return [...bodies.map((wrong) => JSON.stringify(wrong)), ...brokenBodies].map((wrong) => ({ ...good, body: wrong }));
};
