import { createNearestOf, maxNearNames, type NearestOf } from '#src/kernel/lists/near-names.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

/** The nearest known names for refusals. All callers may read these lists, so a name reveals nothing. */
export type MarketNearNames = {
  readonly asset: NearestOf;
  readonly index: NearestOf;
  readonly universe: NearestOf;
};

const statements = {
  asset: 'select symbol as name from asset order by symbol limit $1',
  index: 'select code as name from market_index order by code limit $1',
  universe: 'select name from universe order by name limit $1',
} as const;

export const createMarketNearNames = ({
  reader,
  clock,
}: {
  readonly reader: Reader;
  readonly clock: Clock;
}): MarketNearNames => {
  const nearestOf = (kind: keyof typeof statements): NearestOf =>
    createNearestOf({
      clock,
      read: async () =>
        (await reader.query<{ name: string }>(statements[kind], [maxNearNames])).map(({ name }) => name),
    });
  return { asset: nearestOf('asset'), index: nearestOf('index'), universe: nearestOf('universe') };
};
