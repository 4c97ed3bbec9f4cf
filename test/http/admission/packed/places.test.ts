import test from 'ava';
import { createBodyAdmission } from '#src/http/admission/body-admission.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { recordingMetrics } from '../../support.ts';

const options = {
  maxBodies: 20,
  maxTotalBytes: 1_000_000,
  uncountedBytes: 0,
  callerPercent: 50,
  minBytesPerSecond: 1_000,
  graceMs: 10_000,
};

test('two short jobs and one long job of decompression run at once, so that one thread stays free', async (t) => {
  const { metrics } = recordingMetrics();
  const admission = createBodyAdmission(options, { metrics, abuse: recordAbuse() });
  const body = admission.open({ key: 'address:192.0.2.1', clientIp: '192.0.2.1' }, 0, () => {});
  const running: string[] = [];
  const ended = Promise.withResolvers<void>();
  const jobs = (['short', 'long', 'short', 'long', 'short'] as const).map((length) =>
    body.unpack(length, () => {
      running.push(length);
      return ended.promise;
    }),
  );
  await new Promise(setImmediate);
  t.deepEqual(running, ['short', 'long', 'short']);
  ended.resolve();
  await Promise.all(jobs);
  t.deepEqual(running.toSorted(), ['long', 'long', 'short', 'short', 'short']);
  body.release();
});
