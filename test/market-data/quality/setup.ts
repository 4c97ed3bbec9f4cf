import type { ExecutionContext } from 'ava';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createQualityChecks } from '#src/market-data/quality/quality-checks.ts';
import { createTradingDays } from '#src/market-data/quality/trading-days.ts';
import { desk, setupUniverses } from '../universes/setup.ts';
import type { Item } from '../setup-http.ts';

type Line = { readonly fields: Item; readonly message: string };

/** Universes with checks of their prices. The clock of the service and of the checks is `clock.time`. */
export const setupQuality = async (t: ExecutionContext, now = '2024-03-13T12:00:00Z') => {
  const time = { at: Date.parse(now) };
  const clock = { now: () => new Date(time.at), monotonic: () => performance.now() };
  const http = await setupUniverses(t, { clock });
  const lines: Line[] = [];
  const warn = ((fields: Item, message: string) => void lines.push({ fields, message })) as Logger['warn'];
  const checks = createQualityChecks({
    ...http.deps,
    clock,
    logger: { ...silentLogger, warn },
    tradingDays: createTradingDays(),
    expectedAfterHours: 24,
  });
  const signal = AbortSignal.timeout(60_000);
  const check = (universe?: string) =>
    Promise.resolve(checks.handle(universe === undefined ? {} : { universe }, signal, { last: true }));
  /** Stores bars without a refresh. */
  const store = (symbol: string, days: readonly string[]) =>
    http.admin.query(
      `with one as (
         insert into asset (id, symbol, name, exchange, currency)
         values ((select coalesce(max(id), 0) + 1 from asset), $1, $1, '', 'USD')
         on conflict (symbol) do update set name = asset.name returning id
       ) insert into price (asset_id, date, close) select id, day, 1 from one cross join unnest($2::date[]) as day`,
      [symbol, days],
    );
  const exchangeDesk = (more: Item = {}): Item => ({ ...desk(), indexes: [], exchange: 'XNYS', ...more });
  return { ...http, time, checks, check, store, lines, exchangeDesk };
};
