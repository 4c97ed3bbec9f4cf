import type { Turns } from '#src/kernel/streams/turns.ts';
import type { PriceBar } from './provider.ts';

type Price = number | null;
/** Date, open, high, low, close, volume; and split factor and dividend if the source tells them. */
type Bar = readonly [string, Price, Price, Price, number, Price, ...([Price, Price] | [])];

const barsOfStep = 500;

/** Bars as a JSON text of half the length of their objects. It is written in steps, because an answer has 100,000 bars. */
export const encodeBars = async (prices: readonly PriceBar[], turns: Turns): Promise<string> => {
  const texts: string[] = [];
  for (let start = 0; start < prices.length; start += barsOfStep) {
    await turns.give();
    const bars = prices
      .slice(start, start + barsOfStep)
      .map(({ date, open, high, low, close, volume, splitFactor, dividend = null }): Bar => {
        const actions: [Price, Price] | [] = splitFactor === undefined ? [] : [splitFactor, dividend];
        return [date, open, high, low, close, volume, ...actions];
      });
    texts.push(JSON.stringify(bars).slice(1, -1));
  }
  return `[${texts.join(',')}]`;
};

export const decodeBars = async (text: string, turns: Turns): Promise<PriceBar[]> => {
  const prices: PriceBar[] = [];
  const bars = JSON.parse(text) as Bar[];
  for (const [index, [date, open, high, low, close, volume, splitFactor, dividend = null]] of bars.entries()) {
    if (index % barsOfStep === 0) await turns.give();
    const actions = splitFactor === undefined ? {} : { splitFactor, dividend };
    prices.push({ date, open, high, low, close, volume, ...actions });
  }
  return prices;
};
