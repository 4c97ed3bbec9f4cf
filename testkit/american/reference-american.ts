import { scaledProbability } from './reference-normal.ts';
import { legendre, pastPoints } from './reference-quadrature.ts';

/**
 * A slow second method for American options with one exercise boundary, to judge the engines. It shares no code with
 * them. Its boundary solves the condition of smooth pasting (the slope of the price is -1 at the boundary), and not that
 * of the value; it is interpolated at Gauss-Legendre nodes and solved node by node with secant steps; its quadratures
 * shrink towards the present. Two discretisations give the price and its error.
 */
type Market = { readonly r: number; readonly q: number; readonly v: number };
type Size = { readonly nodes: number; readonly points: number; readonly levels: number; readonly ratio: number };
type Panel = { readonly from: number; readonly to: number; readonly values: number[] };

const MAX_SWEEPS = 60;

/** Price of a put with strike 1 on one discretisation. */
const putOn = (spot: number, time: number, { r, q, v }: Market, size: Size): number => {
  const decay = r + (r - q - 0.5 * v * v) ** 2 / (2 * v * v);
  const last = Math.min(time, 45 / decay);
  const top = q > r ? Math.log(r / q) : 0;
  const { x: nodes } = legendre(size.nodes);
  const rule = legendre(size.points);
  const barycentric = nodes.map((a, i) => nodes.reduce((product, b, j) => (j === i ? product : product / (a - b)), 1));
  const panels: Panel[] = [];
  const levelIn = ({ from, to, values }: Panel, u: number): number => {
    const z = (Math.sqrt(u) - Math.sqrt(from)) / (Math.sqrt(to) - Math.sqrt(from));
    let numerator = 0;
    let denominator = 0;
    for (let i = 0; i < nodes.length; i++) {
      if (z === nodes[i]) return values[i]!;
      const weight = barycentric[i]! / (z - nodes[i]!);
      numerator += weight * values[i]!;
      denominator += weight;
    }
    return numerator / denominator;
  };
  const levelAt = (u: number): number => {
    const clamped = Math.min(u, last);
    return levelIn(panels.find(({ to }) => clamped <= to) ?? panels.at(-1)!, clamped);
  };
  const ends = [0, last * size.ratio ** -size.levels];
  while (ends.at(-1)! < last) {
    const to = Math.min(ends.at(-1)! * size.ratio, ends.at(-1)! + 4 / decay);
    ends.push(to > 0.9 * last ? last : to);
  }
  const legs = (y: number, level: number, s: number) => {
    const deviation = v * Math.sqrt(s);
    const minus = (y - level + (r - q - 0.5 * v * v) * s) / deviation;
    return {
      cash: scaledProbability(-r * s, minus),
      asset: scaledProbability(y - q * s, minus + deviation),
      density: Math.exp(-0.5 * minus * minus - r * s) / (Math.sqrt(2 * Math.PI) * deviation),
    };
  };
  type Past = {
    readonly level: number | undefined;
    readonly time: number;
    readonly elapsed: number;
    readonly weight: number;
  };
  /** The spot times (1 + slope of the price) at the log-spot y, which is 0 at the boundary. */
  const slopeGap = (y: number, u: number, past: readonly Past[], panel: Panel): number => {
    let gap = Math.exp(y) - legs(y, 0, u).asset;
    for (const point of past) {
      const level = point.level ?? levelIn(panel, point.time);
      const { asset, density } = legs(y, level, point.elapsed);
      gap -= point.weight * (q * asset + (r - q * Math.exp(level)) * density);
    }
    return gap;
  };
  for (let j = 1; j < ends.length; j++) {
    const from = ends[j - 1]!;
    const to = ends[j]!;
    const start = j === 1 ? top : levelAt(from);
    const drop = j === 1 ? 0.5 * v * Math.sqrt(to) : Math.max(1e-9, 0.5 * (levelAt(from / 2) - start));
    const panel: Panel = { from, to, values: nodes.map((x) => start - drop * x) };
    const times = nodes.map((x) => (Math.sqrt(from) + x * (Math.sqrt(to) - Math.sqrt(from))) ** 2);
    const pasts = times.map((u) =>
      pastPoints(u, ends, rule, 2).map((point) => ({
        ...point,
        level: point.time < from ? levelAt(point.time) : undefined,
      })),
    );
    panels.push(panel);
    let change = Infinity;
    for (let sweep = 0; sweep < MAX_SWEEPS && change > 1e-12; sweep++) {
      change = 0;
      for (let i = 0; i < nodes.length; i++) {
        const y = panel.values[i]!;
        const gap = slopeGap(y, times[i]!, pasts[i]!, panel);
        const step = 1e-5 * v * Math.sqrt(times[i]!);
        panel.values[i] = y + step;
        const derivative = (slopeGap(y + step, times[i]!, pasts[i]!, panel) - gap) / step;
        const next = y - gap / derivative;
        panel.values[i] = Number.isFinite(next) && next < top && Math.abs(next - y) < 2 ? next : 0.5 * (y + top);
        change = Math.max(change, Math.abs(panel.values[i]! - y));
      }
    }
  }
  const y = Math.log(spot);
  if (y <= levelAt(time)) return 1 - spot;
  const european = legs(y, 0, time);
  let price = european.cash - european.asset;
  for (const { time: past, elapsed, weight } of pastPoints(time, ends, legendre(2 * size.points), 6)) {
    const { cash, asset } = legs(y, levelAt(past), elapsed);
    price += weight * (r * cash - q * asset);
  }
  return Math.max(price, 1 - spot);
};

const coarse: Size = { nodes: 6, points: 12, levels: 7, ratio: 4 };
const fine: Size = { nodes: 8, points: 16, levels: 9, ratio: 4 };

export type ReferencePrice = { readonly price: number; readonly error: number };

/** Price of an American option with one exercise boundary, and the difference of two discretisations. */
export const referenceAmerican = (
  spot: number,
  strike: number,
  time: number,
  rate: number,
  dividendYield: number,
  volatility: number,
  sign: number,
): ReferencePrice => {
  const [s, k, r, q] = sign < 0 ? [spot, strike, rate, dividendYield] : [strike, spot, dividendYield, rate];
  const [first, second] = [coarse, fine].map((size) => k * putOn(s / k, time, { r, q, v: volatility }, size));
  return { price: second!, error: Math.abs(second! - first!) };
};
