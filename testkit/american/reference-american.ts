import { scaledProbability } from './reference-normal.ts';
import { legendre, pastPoints } from './reference-quadrature.ts';

/**
 * A slow second method for American options with one exercise boundary, to check the engines. It shares no code with
 * them. Its boundary solves the condition of smooth pasting (the slope of the price is -1 at the boundary), not the condition
 * of value matching. It is interpolated at Gauss-Legendre nodes and solved node by node with Newton steps (finite-difference
 * derivative). Its quadrature intervals get shorter towards the valuation date. Two discretisations give the price and an estimate of its error.
 */
/** r: rate, q: dividend yield, v: volatility; all per year. */
type Market = { readonly r: number; readonly q: number; readonly v: number };
/** Boundary nodes per panel, quadrature points per interval, number of short panels near expiry, and their growth ratio. */
type Size = { readonly nodes: number; readonly points: number; readonly levels: number; readonly ratio: number };
/** Logarithm of the boundary at the nodes, for times to expiry between `from` and `to`. */
type Panel = { readonly from: number; readonly to: number; readonly values: number[] };

const MAX_SWEEPS = 60;
/** Max change of the logarithm of the boundary in the last sweep. */
const MAX_LAST_CHANGE = 1e-7;

/** Price of a put with strike 1 on one discretisation. */
const putOn = (spot: number, time: number, { r, q, v }: Market, size: Size): number => {
  const decay = r + (r - q - 0.5 * v * v) ** 2 / (2 * v * v);
  // After this time the integrand is below exp(-45), so the boundary is constant in doubles.
  const maxBoundaryTime = Math.min(time, 45 / decay);
  const logBoundaryAtExpiry = q > r ? Math.log(r / q) : 0;
  const { x: nodes } = legendre(size.nodes);
  const rule = legendre(size.points);
  const barycentric = nodes.map((a, i) => nodes.reduce((product, b, j) => (j === i ? product : product / (a - b)), 1));
  const panels: Panel[] = [];
  const logBoundaryIn = ({ from, to, values }: Panel, u: number): number => {
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
  const logBoundaryAt = (u: number): number => {
    const clamped = Math.min(u, maxBoundaryTime);
    return logBoundaryIn(panels.find(({ to }) => clamped <= to) ?? panels.at(-1)!, clamped);
  };
  const panelEnds = [0, maxBoundaryTime * size.ratio ** -size.levels];
  while (panelEnds.at(-1)! < maxBoundaryTime) {
    const to = Math.min(panelEnds.at(-1)! * size.ratio, panelEnds.at(-1)! + 4 / decay);
    panelEnds.push(to > 0.9 * maxBoundaryTime ? maxBoundaryTime : to);
  }
  const putTerms = (y: number, logBoundary: number, s: number) => {
    const deviation = v * Math.sqrt(s);
    const d2 = (y - logBoundary + (r - q - 0.5 * v * v) * s) / deviation;
    return {
      cash: scaledProbability(-r * s, d2),
      asset: scaledProbability(y - q * s, d2 + deviation),
      density: Math.exp(-0.5 * d2 * d2 - r * s) / (Math.sqrt(2 * Math.PI) * deviation),
    };
  };
  /** A quadrature point. `logBoundary` is undefined inside the panel that is being solved. */
  type Past = {
    readonly logBoundary: number | undefined;
    readonly time: number;
    readonly elapsed: number;
    readonly weight: number;
  };
  /** The spot times (1 + slope of the price) at the log-spot y. The result is 0 if y is on the boundary. */
  const slopeGap = (y: number, u: number, past: readonly Past[], panel: Panel): number => {
    let gap = Math.exp(y) - putTerms(y, 0, u).asset;
    for (const point of past) {
      const logBoundary = point.logBoundary ?? logBoundaryIn(panel, point.time);
      const { asset, density } = putTerms(y, logBoundary, point.elapsed);
      gap -= point.weight * (q * asset + (r - q * Math.exp(logBoundary)) * density);
    }
    return gap;
  };
  for (let j = 1; j < panelEnds.length; j++) {
    const from = panelEnds[j - 1]!;
    const to = panelEnds[j]!;
    const start = j === 1 ? logBoundaryAtExpiry : logBoundaryAt(from);
    const drop = j === 1 ? 0.5 * v * Math.sqrt(to) : Math.max(1e-9, 0.5 * (logBoundaryAt(from / 2) - start));
    const panel: Panel = { from, to, values: nodes.map((x) => start - drop * x) };
    const times = nodes.map((x) => (Math.sqrt(from) + x * (Math.sqrt(to) - Math.sqrt(from))) ** 2);
    const pasts = times.map((u) =>
      pastPoints(u, panelEnds, rule, 2).map((point) => ({
        ...point,
        logBoundary: point.time < from ? logBoundaryAt(point.time) : undefined,
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
        panel.values[i] =
          Number.isFinite(next) && next < logBoundaryAtExpiry && Math.abs(next - y) < 2
            ? next
            : 0.5 * (y + logBoundaryAtExpiry);
        change = Math.max(change, Math.abs(panel.values[i]! - y));
      }
    }
    if (change > MAX_LAST_CHANGE)
      throw new Error(`The boundary from ${from} to ${to} years has not converged: ${change}`);
  }
  const y = Math.log(spot);
  if (y <= logBoundaryAt(time)) return 1 - spot;
  const european = putTerms(y, 0, time);
  let price = european.cash - european.asset;
  for (const { time: past, elapsed, weight } of pastPoints(time, panelEnds, legendre(2 * size.points), 6)) {
    const { cash, asset } = putTerms(y, logBoundaryAt(past), elapsed);
    price += weight * (r * cash - q * asset);
  }
  return Math.max(price, 1 - spot);
};

const coarse: Size = { nodes: 6, points: 12, levels: 7, ratio: 4 };
const fine: Size = { nodes: 8, points: 16, levels: 9, ratio: 4 };

export type ReferencePrice = { readonly price: number; readonly error: number };

/** Price of an American option with one exercise boundary, and its error estimate: the difference between two discretisations. */
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
