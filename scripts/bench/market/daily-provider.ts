import { createTurns } from '#src/kernel/streams/turns.ts';
import type { FetchedSeries, MarketDataProvider } from '#src/market-data/providers/provider.ts';
import { barOf, dayOf } from './large-universe.ts';

/** A provider that answers what was asked, without a network. */
export const createDailyProvider = (storedBars: number) => {
  let bars = storedBars;
  let correction = 0;
  let answeredAt = 0;
  const provider: MarketDataProvider = {
    source: 'twelve_data',
    fetch: async ({ assets }, _, { since }) => {
      const series: FetchedSeries[] = [];
      const turns = createTurns();
      for (const [asset, { symbol }] of assets.entries()) {
        const first = since?.get(symbol);
        const from = first === undefined ? 0 : Math.round((Date.parse(first) - Date.parse(dayOf(0))) / 86_400_000);
        const prices = Array.from({ length: bars - from }, (__, index) => barOf(asset + 1, from + index));
        const last = prices.at(-1)!;
        prices[prices.length - 1] = { ...last, close: last.close + correction };
        series.push({ symbol, prices, ...(first !== undefined && { since: first }) });
        await turns.give();
      }
      answeredAt = performance.now();
      return { source: 'provider', series };
    },
  };
  return {
    provider,
    /** When the last answer was complete. */
    answeredAt: (): number => answeredAt,
    addDay: (): void => void (bars += 1),
    /** The newest bar of each series has another close from now on. */
    correct: (): void => void (correction = 0.5),
  };
};
