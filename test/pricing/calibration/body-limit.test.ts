import test from 'ava';
import { serve } from '../../http/support.ts';
import { setup } from '../setup.ts';

test('the quotes of a calibration have the limit of a document, not that of a batch', async (t) => {
  const { calibrationRoute, workers } = setup();
  t.teardown(workers.close);
  const limits = { documentBodyLimitBytes: 1_000, batchBodyLimitBytes: 100_000 };
  const server = await serve(t, { routes: [calibrationRoute], limits });
  const response = await server.call('/api/v1/pricing/calibrate', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ objective: '\u0100'.repeat(1_000) }),
  });
  t.is(response.status, 413);
  t.like(await response.json(), { code: 'payload_too_large' });
});
