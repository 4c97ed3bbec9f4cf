import test from 'ava';
import * as fc from 'fast-check';
import { z } from 'zod';
import { parsePart, parseQuery } from '#src/http/routing/input/validation.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { jsonPointer } from '#src/kernel/json-pointer.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';

/** RFC 6901, section 4. */
const follow = (value: unknown, pointer: string): unknown => {
  let at = value;
  for (const piece of pointer.split('/').slice(1)) {
    at = Reflect.get(at as object, piece.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  return at;
};

test('a pointer leads back to the member, whatever its name', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (path) => {
      const body = path.reduceRight<unknown>(
        (inner, name) => JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(inner)}}`),
        42,
      );
      t.is(follow(body, jsonPointer(path)), 42);
    }),
  );
});

test('every unknown member is named by its own pointer', (t) => {
  const schema = z.strictObject({});
  fc.assert(
    fc.property(fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 }), (names) => {
      const body: unknown = JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:1`).join(',')}}`);
      const pointers = parsePart('body', schema, body)
        .errors()
        .map(({ pointer }) => pointer);
      t.deepEqual(pointers.toSorted(), names.map((name) => jsonPointer([name])).toSorted());
    }),
  );
});

test('a query is what URLSearchParams wrote', (t) => {
  const wellFormed = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(fc.dictionary(wellFormed, wellFormed, { noNullPrototype: true }), (query) => {
      t.deepEqual({ ...parseQuery(new URLSearchParams(query).toString()) }, query);
    }),
  );
});

test('any text is a query, or refused with a code of the table', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        t.is(Object.getPrototypeOf(parseQuery(text)), null);
      } catch (error) {
        t.true(error instanceof AppError);
      }
    }),
  );
});

test('a cursor comes back as it was; an altered one is refused', (t) => {
  const cursors = createCursors({ secret: 'secret' });
  const position = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(null)), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(position, fc.nat(), fc.constantFrom('A', 'z', '.', '='), (value, at, character) => {
      const cursor = cursors.encode(value);
      t.deepEqual(cursors.decode(cursor), JSON.parse(JSON.stringify(value)));
      const index = at % cursor.length;
      const altered = cursor.slice(0, index) + character + cursor.slice(index + 1);
      if (altered === cursor) return;
      const error = t.throws(() => cursors.decode(altered), { instanceOf: AppError });
      t.deepEqual(
        error?.errors?.map(({ pointer }) => pointer),
        ['query.cursor'],
      );
    }),
  );
  t.throws(() => createCursors({ secret: 'other' }).decode(cursors.encode({ a: 1 })), { instanceOf: AppError });
});
