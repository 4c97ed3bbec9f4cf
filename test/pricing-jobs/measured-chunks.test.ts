import { SpanStatusCode } from '@opentelemetry/api';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { captureSpans } from '#testkit/spans.ts';
import { outcome, owner, reversed, setup } from './setup.ts';

const name = 'volwatch_pricing_chunk_duration_seconds';

test.serial('storing and pricing of chunks is measured with its outcome', async (t) => {
  const spans = captureSpans(t);
  let failure: AppError | undefined;
  const { pricing, metrics, work } = await setup(t, (...given) => {
    if (failure) throw failure;
    return reversed(...given);
  });
  const { id } = await pricing.open({ subject: owner, owner });
  const seen = (operation: string, as: string) => metrics.value(name, { operation, outcome: as });

  await pricing.add(owner, id, 1, Buffer.from('abc'));
  t.is(seen('store', 'ok'), 1);
  t.is(await outcome(pricing.add(owner, id, 1, Buffer.from('xyz'))), 'precondition_failed');
  t.is(seen('store', 'refused'), 1);
  await work();
  t.is(seen('price', 'ok'), 1);

  failure = new AppError('malformed_body');
  await pricing.add(owner, id, 2, Buffer.from('def'));
  await work();
  t.is(seen('price', 'refused'), 1, 'the chunk has the code of its error, and the job succeeds');
  failure = new AppError('database_unavailable');
  await pricing.add(owner, id, 3, Buffer.from('ghi'));
  t.is(await outcome(work()), 'database_unavailable');
  t.is(seen('price', 'failed'), 1);

  await pricing.add(owner, id, 4, Buffer.from('jkl'));
  await pricing.cancel(owner, id);
  await work();
  t.is(seen('price', 'removed'), 1);

  const priced = spans.named('pricing.price_chunk');
  t.deepEqual(
    priced.map(({ attributes, status }) => [attributes['error.type'], status.code]),
    [
      [undefined, SpanStatusCode.UNSET],
      ['malformed_body', SpanStatusCode.UNSET],
      ['database_unavailable', SpanStatusCode.ERROR],
      [undefined, SpanStatusCode.UNSET],
    ],
  );
  t.deepEqual(
    spans.named('pricing.store_chunk').map(({ attributes }) => attributes['error.type']),
    [undefined, 'precondition_failed', undefined, undefined, undefined],
  );
});
