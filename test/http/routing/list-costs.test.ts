import test from 'ava';
import { checkMediaType } from '#src/http/routing/input/body.ts';
import { onlyNamed } from '#src/http/routing/input/validation.ts';
import { matchesIfNoneMatch } from '#src/kernel/requests/entity-tags.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';

/** Of a head. */
const maxCharacters = 16_000;
const full = (entry: string): string => entry.repeat(maxCharacters / entry.length);

/** Processor time of this thread in milliseconds. The first runs compile the code. */
const cost = (work: (text: string) => unknown, text: string): number => {
  const run = (): number => {
    const before = threadMs();
    for (let time = 0; time < 100; time += 1) work(text);
    return threadMs() - before;
  };
  run();
  return run();
};

const mediaType = (header: string): unknown =>
  checkMediaType(`application/json${header}`, { consumes: ['application/json'], declaration: {} } as never);
const query = (text: string): unknown => onlyNamed(text, new Set(['fields']));
const tags = (header: string): unknown => matchesIfNoneMatch(header, '"3"');

const lists: readonly (readonly [what: string, work: (text: string) => unknown, list: string])[] = [
  ['names of a query that are ignored', query, full('&')],
  ['names of a query that cannot be decoded', query, full('%&')],
  ['tags', tags, full('a,')],
  ['parameters of a media type', mediaType, full(';')],
];
for (const [what, work, list] of lists) {
  test(`${what}: a list of 16 KB takes little more time than its split`, (t) => {
    const separator = list.at(-1)!;
    const [ofSplit, ofWork] = [cost((text) => text.split(separator), list), cost(work, list)];
    t.true(ofWork <= 3 * Math.max(ofSplit, 4), `${ofSplit} ms for the split, ${ofWork} ms for the work`);
  });
}

test('If-None-Match above 1,024 characters matches nothing, so the whole answer is sent', (t) => {
  const list = `"3", ${'"a",'.repeat(300)}`;
  t.true(matchesIfNoneMatch(list.slice(0, 1_021), '"3"'));
  t.false(matchesIfNoneMatch(list, '"3"'));
  t.false(matchesIfNoneMatch('*'.padEnd(2_000), '"3"'));
});

test('names that are ignored may be anything, and escaped names are found', (t) => {
  const kept = (text: string): string => onlyNamed(text, new Set(['fields']));
  t.is(kept('%&%zz=1&fields=id&%C3%28&%'), 'fields=id');
  t.is(kept('%66ields=id&x=1&FIELDS=2&%66ield'), '%66ields=id');
});
