import { blackScholesPrice } from '../../european/black-scholes.ts';
import { levelAt, type BoundaryCurves } from './boundary-curves.ts';
import { createPanelTables, type MeshSize, type PanelTables } from './panel-mesh.ts';
import { premiumIntegral, premiumParts } from './premium-integral.ts';
import { solveDoubleBoundary } from './double-boundary.ts';
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
  /**
   * The same for yield < rate < 0, where the put is exercised between two boundaries. NaN if they meet before `time`, or
   * if two meshes differ by more than `tolerance`.
   */
  readonly priceOfTwo: (spot: number, time: number, market: PutMarket, tolerance: number) => number;
  /** One or two boundaries of a put on the usual mesh, undefined if they were not found. */
  readonly boundaries: (market: PutMarket, time: number) => BoundaryCurves | undefined;
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

  const priceOn = (
    solve: typeof solveSingleBoundary,
    tables: PanelTables,
    spot: number,
    time: number,
    market: PutMarket,
  ): number => {
    const curves = solve(market, time, tables);
    if (curves === undefined) return Number.NaN;
    const y = Math.log(spot);
    const isAboveLower = curves.levels[1] === undefined || y >= levelAt(curves, 1, time);
    if (y <= levelAt(curves, 0, time) && isAboveLower) return 1 - spot;
    const european = blackScholesPrice(spot, 1, time, market.rate, market.dividendYield, market.volatility, -1);
    const premium = premiumIntegral(market, curves, y, time, { valueOnly: true, lastTime: time });
    return Math.max(european + Math.max(premium[premiumParts.value]!, 0), 1 - spot);
  };

  const priceOnTwo = (
    solve: typeof solveSingleBoundary,
    spot: number,
    time: number,
    market: PutMarket,
    tolerance: number,
  ) => {
    const first = priceOn(solve, usual(), spot, time, market);
    if (Number.isNaN(first)) return first;
    const second = priceOn(solve, fine(), spot, time, market);
    return Math.abs(first - second) <= Math.max(tolerance, ROUNDING) ? second : Number.NaN;
  };

  return {
    price: (spot, time, market, tolerance) => {
      if (tolerance >= MIN_TOLERANCE) return priceOn(solveSingleBoundary, usual(), spot, time, market);
      return priceOnTwo(solveSingleBoundary, spot, time, market, tolerance);
    },
    priceOfTwo: (spot, time, market, tolerance) => priceOnTwo(solveDoubleBoundary, spot, time, market, tolerance),
    boundaries: (market, time) => (market.rate < 0 ? solveDoubleBoundary : solveSingleBoundary)(market, time, usual()),
  };
};
