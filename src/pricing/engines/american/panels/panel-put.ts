import { blackScholesPrice } from '../../european/black-scholes.ts';
import { atWeights, type BoundaryCurves } from './boundary-curves.ts';
import { createPanelTables, type MeshSize, type PanelTables } from './panel-mesh.ts';
import { premiumIntegral, premiumParts } from './premium-integral.ts';
import type { PutMarket } from './put-market.ts';
import { solveSingleBoundary } from './single-boundary.ts';

const usualMesh: MeshSize = { nodes: 9, nearPoints: 18, farPoints: 7, levels: 7 };
const fineMesh: MeshSize = { nodes: 12, nearPoints: 26, farPoints: 11, levels: 9 };

/** Relative rounding error of a price. A smaller difference of two prices shows nothing. */
const ROUNDING = 1e-13;

export type PanelPut = {
  /**
   * Price of an American put with strike 1, within `tolerance`. With a small tolerance the price is calculated on two
   * meshes; NaN if they differ by more, or if the boundary was not found.
   */
  readonly price: (spot: number, time: number, market: PutMarket, tolerance: number) => number;
};

/** Meshes are compared below this tolerance, because above it the usual mesh has a margin of a factor of 100. */
const MIN_TOLERANCE = 1e-8;

export const createPanelPut = (): PanelPut => {
  const tablesOf = (size: MeshSize): (() => PanelTables) => {
    let tables: PanelTables | undefined;
    return () => (tables ??= createPanelTables(size));
  };
  const usual = tablesOf(usualMesh);
  const fine = tablesOf(fineMesh);

  const priceOn = (tables: PanelTables, spot: number, time: number, market: PutMarket): number => {
    const curves = solveSingleBoundary(market, time, tables);
    if (curves === undefined) return Number.NaN;
    const y = Math.log(spot);
    if (y <= levelAt(curves, 0, time)) return 1 - spot;
    const european = blackScholesPrice(spot, 1, time, market.rate, market.dividendYield, market.volatility, -1);
    const premium = premiumIntegral(market, curves, y, time, { valueOnly: true, lastTime: time });
    return Math.max(european + Math.max(premium[premiumParts.value]!, 0), 1 - spot);
  };

  return {
    price: (spot, time, market, tolerance) => {
      const first = priceOn(usual(), spot, time, market);
      if (tolerance >= MIN_TOLERANCE && !Number.isNaN(first)) return first;
      const second = priceOn(fine(), spot, time, market);
      return Math.abs(first - second) <= Math.max(tolerance, ROUNDING) ? second : Number.NaN;
    },
  };
};

/** The log of a boundary; after the last panel it is constant. */
const levelAt = ({ ends, levels, panelAt, weightsAt }: BoundaryCurves, curve: number, time: number): number => {
  const clamped = Math.min(time, ends.at(-1)!);
  const panel = panelAt(clamped);
  const values = levels[curve]![panel]!;
  const row = new Float64Array(values.length);
  weightsAt(panel, clamped, row);
  return atWeights(values, row);
};
