import test from 'ava';
import { tableFromIPC } from 'apache-arrow';
import { gridAnswerSchema } from '#src/pricing/grid/grid-schemas.ts';
import { call, setup } from '../setup.ts';

const { service, workers } = setup();
test.after.always(() => workers.close());

const send = async (body: unknown, answer: 'json' | 'arrow'): Promise<Buffer> => {
  const bytes = Buffer.from(JSON.stringify(body));
  return Buffer.concat((await service.grid({ bytes, answer: [answer], jsonDepth: 20 })).chunks);
};

test.serial('an answer has the first 100 warnings and their number, in JSON and in Arrow', async (t) => {
  const suspicious = { ...call, volatility: 20, rate: 5 };
  const body = { positions: [call, ...Array.from({ length: 75 }, () => suspicious)], outputs: ['delta'] };
  const answer = gridAnswerSchema.parse(JSON.parse((await send(body, 'json')).toString()));
  t.is(answer.warnings?.length, 100);
  t.is(answer.warning_count, 150);
  t.is(answer.warnings?.[0]?.pointer.startsWith('/positions/1/'), true);
  const { metadata } = tableFromIPC(await send(body, 'arrow')).schema;
  t.deepEqual(JSON.parse(metadata.get('volwatch.warnings')!), answer.warnings);
  t.is(metadata.get('volwatch.warning_count'), '150');
});

test.serial('an answer without warnings has no members for them', async (t) => {
  const answer = gridAnswerSchema.parse(JSON.parse((await send({ option: call }, 'json')).toString()));
  t.false('warnings' in answer || 'warning_count' in answer);
  t.false(tableFromIPC(await send({ option: call }, 'arrow')).schema.metadata.has('volwatch.warning_count'));
});
