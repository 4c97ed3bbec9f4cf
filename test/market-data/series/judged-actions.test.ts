import test from 'ava';
import { tiingoBar } from '#testkit/servers/providers/tiingo-server.ts';
import { days, setupActions } from './setup-actions.ts';

test('a split that its price contradicts is held back with its bar, on new and on stored days', async (t) => {
  const { server, refresh, actions, admin } = await setupActions(t);
  const bars = server.bars.get('T0')!;
  await refresh();
  bars[25]!.splitFactor = 10;
  bars.push(tiingoBar(days[30]!, 100, { splitFactor: 10 }), tiingoBar(days[31]!, 10, { splitFactor: 100 }));
  const held = { reason: 'moved_too_far', reference: 10 };
  const refreshed = await refresh();
  t.like(refreshed, { status: 'succeeded_with_quarantine', quarantined: 3 });
  t.deepEqual(await actions(), []);
  t.like(await admin.query('select reason, price, reference from price_quarantine order by date'), [
    { ...held, price: 100 },
    { ...held, price: 100 },
    { reason: 'moved_too_far', price: 10, reference: 1 },
  ]);
  t.is((await admin.query('select 1 from price where close = 100')).length, 30);
  bars[25]!.splitFactor = 1;
  bars.splice(30, 2, tiingoBar(days[30]!, 10, { splitFactor: 10 }));
  t.like(await refresh(), { status: 'succeeded' });
  t.deepEqual(await actions(), [`${days[30]} dividend split 10 shares`]);
});

test('the actions of a bar that is held back are not stored, and the stored ones of its day stay', async (t) => {
  const { server, refresh, actions } = await setupActions(t);
  const bars = server.bars.get('T0')!;
  for (const bar of bars.splice(24)) bars.push(tiingoBar(bar.date.slice(0, 10), 50));
  bars[24]!.splitFactor = 2;
  await refresh();
  const stored = `${days[24]} dividend split 2 shares`;
  t.deepEqual(await actions(), [stored]);
  bars[24] = tiingoBar(days[24]!, 5_000, { divCash: 1 });
  bars.push(tiingoBar(days[30]!, 25, { splitFactor: 2, divCash: 1, low: 80 }));
  t.like(await refresh(), { status: 'succeeded_with_quarantine', quarantined: 2 });
  t.deepEqual(await actions(), [stored]);
});

test('a dividend that is not below the close before it is held back with its bar', async (t) => {
  const { server, refresh, actions, admin } = await setupActions(t);
  const bars = server.bars.get('T0')!;
  bars[0]!.divCash = 1e15;
  await refresh();
  bars[25]!.divCash = 100;
  bars.push(
    tiingoBar(days[30]!, 50, { splitFactor: 2, divCash: 50 }),
    tiingoBar(days[31]!, 100, { divCash: 99 }),
    tiingoBar(days[32]!, 100, { divCash: 1e15 }),
  );
  t.like(await refresh(), { status: 'succeeded_with_quarantine', quarantined: 3 });
  t.deepEqual(await actions(), [`${days[31]} dividend 99 split shares`]);
  t.deepEqual(
    (await admin.query('select reason, price, reference from price_quarantine order by date')).map(
      ({ reason, price, reference }) => [reason, price, reference],
    ),
    [
      ['impossible', 1e15, 500],
      ['impossible', 100, 100],
      ['impossible', 50, 50],
      ['impossible', 1e15, 100],
    ],
  );
});
