import test from 'ava';
import { createCollectAtRest } from '#src/pricing/workers/serve.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

test('memory that stays after a collection of the last resort is no reason for the next one', (t) => {
  let residentBytes = 100 * mebibyte;
  const collected: string[] = [];
  const rest = createCollectAtRest({
    collect: (flavor) => void collected.push(flavor ?? 'ordinary'),
    residentBytes: () => residentBytes,
  });
  const collectionsAt = (megabytes: number): readonly string[] => {
    residentBytes = megabytes * mebibyte;
    rest();
    return collected.splice(0);
  };
  t.deepEqual(collectionsAt(130), ['ordinary']);
  t.deepEqual(collectionsAt(200), ['ordinary', 'last-resort']);
  // It is in use: nothing was given back.
  t.deepEqual(collectionsAt(200), ['ordinary']);
  t.deepEqual(collectionsAt(230), ['ordinary']);
  t.deepEqual(collectionsAt(240), ['ordinary', 'last-resort']);
  // It is not in use any more.
  t.deepEqual(collectionsAt(90), ['ordinary']);
  t.deepEqual(collectionsAt(140), ['ordinary', 'last-resort']);
});
