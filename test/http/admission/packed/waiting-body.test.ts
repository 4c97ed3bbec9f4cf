import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import test from 'ava';
import { serve } from '../../support.ts';
import { bodyRoutes } from '../routes.ts';

const megabytes = 16_000_000;

test('a packed body that waits for the threads is not taken for one that comes too slowly', async (t) => {
  const { call, kinds } = await serve(t, {
    routes: bodyRoutes(),
    limits: { batchBodyLimitBytes: megabytes, expansion: { freeBytes: megabytes, maxRatio: 20 } },
    bodyAdmission: { minBytesPerSecond: 1_000_000, graceMs: 50, maxTotalBytes: 40 * megabytes, callerPercent: 100 },
  });
  const send = async (encoding: string, body: Buffer): Promise<number> => {
    const headers = { 'Content-Type': 'application/json', 'Content-Encoding': encoding };
    const answer = await call('/api/v1/pricing/batch', { method: 'POST', headers, body: new Uint8Array(body) });
    await answer.arrayBuffer();
    return answer.status;
  };
  // Each takes a thread for more than the grace time.
  const params = { [constants.BROTLI_PARAM_LGWIN]: 24 };
  const large = brotliCompressSync(Buffer.alloc(megabytes, ' '), { params });
  const small = gzipSync('[]');
  const answers = await Promise.all([
    ...Array.from({ length: 8 }, () => send('br', large)),
    ...Array.from({ length: 8 }, () => send('gzip', small)),
  ]);
  t.deepEqual(new Set(answers), new Set([200]));
  t.deepEqual(kinds, []);
});
