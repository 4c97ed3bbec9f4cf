import test from 'ava';
import { holdingPlace } from '#src/kernel/requests/callers/holding-place.ts';
import { currentRequest, runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';

const placesNow = (): number | undefined => currentRequest()?.placesHeld;

test('a request holds a place until the last work with one has ended, also after a failure', async (t) => {
  await runInRequest({ clientIp: '192.0.2.1' } as RequestContext, async () => {
    const gate = Promise.withResolvers<void>();
    const long = holdingPlace(() => holdingPlace(() => gate.promise));
    t.is(placesNow(), 2);
    await t.throwsAsync(
      holdingPlace(async () => {
        t.is(placesNow(), 3);
        throw new Error('broken');
      }),
    );
    t.is(placesNow(), 2);
    gate.resolve();
    await long;
    t.is(placesNow(), 0);
  });
});

test('work of the service itself needs no request', async (t) => {
  t.is(await holdingPlace(async () => 1), 1);
});
