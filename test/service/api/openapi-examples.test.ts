import test from 'ava';
import { recordedExamples } from '#src/http/pages/openapi/recorded-examples.ts';
import { setupDatabase } from '#testkit/database.ts';
import { recordAllExamples } from '#testkit/examples/all-examples.ts';

/** Members and types of a value. Of a list only the first item counts, because its length can differ. */
const shapeOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, member]) => [name, shapeOf(member)]),
  );
};

test('each operation has an example, and each example is answered as the document shows', async (t) => {
  t.timeout(300_000);
  const database = await setupDatabase(t);
  const recording = await recordAllExamples(t, { DATABASE_URL: database.url });
  const advice = 'run `npm run examples:record`, and look at what it changes';
  t.deepEqual(Object.keys(recording).toSorted(), Object.keys(recordedExamples).toSorted(), advice);
  for (const [operation, examples] of Object.entries(recording)) {
    for (const [name, { request, answer }] of Object.entries(examples)) {
      const shown = recordedExamples[operation]?.[name];
      t.deepEqual(shown?.request as unknown, request, `${operation} ${name}: ${advice}`);
      t.is(shown?.answer.status, answer.status, `${operation} ${name}`);
      t.deepEqual(shapeOf(shown?.answer.body), shapeOf(answer.body), `${operation} ${name}: ${advice}`);
    }
  }
});
