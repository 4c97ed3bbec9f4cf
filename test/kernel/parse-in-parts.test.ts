import test from 'ava';
import fc from 'fast-check';
import { parseInParts } from '#src/kernel/json/parse-in-parts.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';

const inParts = (text: string, partBytes?: number) => {
  const json = Buffer.from(text);
  const options = partBytes === undefined ? {} : { partBytes };
  return runAtOnce(parseInParts(json, (from, to) => json.toString('utf8', from, to), options));
};
const parts = (text: string, partBytes?: number): { readonly value: unknown } | undefined => {
  const found = inParts(text, partBytes);
  return found !== undefined && 'value' in found ? found : undefined;
};

/** What the error of a broken text tells: the message without excerpts, and the index in the text. */
const faultOf = ({ message }: Error, length: number, indexOf = (position: number): number => position) => {
  const position = / at position (\d+)/.exec(message)?.[1];
  const atEnd = message.startsWith('Unexpected end') || Number(position) >= length;
  return atEnd ? 'end' : [/^[^"]*?(?=,| in JSON)/.exec(message)?.[0], position && indexOf(Number(position))];
};
const faultInParts = (text: string, partBytes: number) => {
  const found = inParts(text, partBytes);
  return found !== undefined && 'cause' in found ? faultOf(found.cause, found.length, found.indexOf) : undefined;
};
const errorOf = (text: string): Error => {
  try {
    JSON.parse(text);
  } catch (error) {
    return error as Error;
  }
  throw new Error('The text is JSON');
};
const faultOfWhole = (text: string) => faultOf(errorOf(text), text.length);

const whole = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
};

test('parts have the value of the whole text', (t) => {
  const rows = Array.from({ length: 9 }, (_, row) => ({ id: `Ā"\\],[${row}`, lists: [[row, [row]], []], x: null }));
  for (const value of [
    { options: rows, outputs: ['price'] },
    { columns: { spot: [1, 2.5, 3], strike: [], type: ['a', 'b', 'c,]'], dividends: [[{}], [[]], []] } },
    [rows, [rows]],
    { ...JSON.parse('{"__proto__": [1, 2, 3], "1": {"__proto__": [4, 5]}}') },
  ]) {
    const text = JSON.stringify(value, null, 1);
    t.deepEqual(parts(text, 2)?.value, whole(text)?.value);
  }
  const twice = '{"a":[1,2,3],"a":{"b":[4,5,6]},"c":[7,8,9],"c":0}';
  t.deepEqual(parts(twice, 1)?.value, { a: { b: [4, 5, 6] }, c: 0 });
  t.is(Object.getPrototypeOf(parts('{"__proto__":[1,2]}', 1)?.value), Object.prototype);
});

test('a text that is not JSON has no value in parts', (t) => {
  for (const text of [
    '{"a":[1,,2]}',
    '{"a":[1,2,]}',
    '{"a":[,1,2]}',
    '{"a":[1,2}',
    '{"a":[1,2],[3,4]}',
    '{"a":[1,2]',
    '[1,2]]',
  ])
    t.deepEqual(faultInParts(text, 1), text.startsWith('{') ? faultOfWhole(text) : undefined, text);
});

test('parts accept no text that the parser refuses, and have its values and its faults', (t) => {
  const texts = fc
    .tuple(fc.json({ maxDepth: 5 }), fc.json(), fc.nat(), fc.constantFrom('', ',', '[', ']', '{', '}', '"', '\\', ':'))
    .map(([first, second, at, changed]) => {
      const text = `{"a":[${first},${second}],"b":{"c":[${second},${first},1]}}`;
      const index = at % text.length;
      return text.slice(0, index) + changed + text.slice(index + Number(changed === ''));
    });
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 40 }), (text, partBytes) => {
      const found = parts(text, partBytes);
      if (found !== undefined) t.deepEqual(found, whole(text));
      const fault = faultInParts(text, partBytes);
      if (fault !== undefined) t.deepEqual(fault, faultOfWhole(text), text);
    }),
    { numRuns: 2_000 },
  );
});

test('a long text is parsed in many steps, and a short one at once', (t) => {
  const text = JSON.stringify({ options: Array.from({ length: 20_000 }, (_, row) => ({ id: `Ā${row}`.repeat(20) })) });
  const json = Buffer.from(text);
  let longest = 0;
  const steps = parseInParts(json, (from, to) => {
    longest = Math.max(longest, to - from);
    return json.toString('utf8', from, to);
  });
  let count = 0;
  while (steps.next().done !== true) count += 1;
  t.true(count >= json.length / 300_000, `${count} steps`);
  t.true(longest < 300_000, `a part of ${longest} bytes`);
  t.is(parts('{"options":[{},{}]}'), undefined);
});

test('the fault of a long text is found without its parts before it', (t) => {
  const rows = Array.from({ length: 10_000 }, (_, row) => JSON.stringify({ id: `Ā${row}`.repeat(20) }));
  const search = (text: string) => {
    const json = Buffer.from(text);
    let longest = 0;
    let collected = 0;
    const textOf = (from: number, to: number): string => {
      longest = Math.max(longest, to - from);
      return json.toString('utf8', from, to);
    };
    const found = runAtOnce(parseInParts(json, textOf, { collect: () => (collected += 1) }));
    if (found === undefined || 'value' in found) return undefined;
    t.deepEqual(faultOf(found.cause, found.length, found.indexOf), faultOfWhole(text));
    return { isShort: longest < 200_000, collected };
  };
  const list = `{"options":[${rows.join(',')}`;
  t.deepEqual(search(`${list}]`), { isShort: true, collected: 0 }, 'the closing brace is missing');
  t.deepEqual(search(list), { isShort: true, collected: 0 }, 'the closing bracket is missing');
  t.deepEqual(search(`${list},{"id":nul]}`), { isShort: true, collected: 1 }, 'the last row is wrong');
  t.like(search(`${list.replace('5000', '\u0007')}]}`), { collected: 1 }, 'a row in the middle is wrong');
  t.like(search(`{"outputs":tru,${list.slice(1)},nul]}`), { collected: 1 }, 'the first fault is before the list');
});
