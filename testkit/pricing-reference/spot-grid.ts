import type { TreeOption } from './spot-dividend-tree.ts';

type SpotGridOption = TreeOption & { readonly dividendYield: number };

/** Highest spot of the grid in units of the larger of spot and strike. It is enough for a deviation of ln(spot) up to 0.6. */
const HIGHEST = 6;

/** An implicit step of Euler. It is solved from the far edge to that of the exercise, and the exercise is solved backwards. */
const implicitStep = (option: SpotGridOption, ds: number, old: Float64Array, dt: number): Float64Array => {
  const { strike, rate, dividendYield, volatility, sign, american } = option;
  const last = old.length - 1;
  const payoff = (i: number): number => Math.max(sign * (i * ds - strike), 0);
  const values = new Float64Array(old.length);
  const factors = new Float64Array(old.length);
  // The price is linear at the edges: a number of spots, and cash.
  const spots = (old[last]! - old[last - 1]!) * last;
  values[0] = old[0]! * Math.exp(-rate * dt);
  values[last] = spots * Math.exp(-dividendYield * dt) + (old[last]! - spots) * Math.exp(-rate * dt);
  const [edge, inwards] = sign < 0 ? [0, 1] : [last, -1];
  const far = last - edge;
  if (american) values[edge] = Math.max(values[edge]!, payoff(edge));
  for (let i = far - inwards; i !== edge; i -= inwards) {
    const [diffusion, drift] = [0.5 * volatility * volatility * i * i, 0.5 * (rate - dividendYield) * i];
    const outer = dt * (diffusion + inwards * drift);
    const inner = dt * (diffusion - inwards * drift);
    const pivot = 1 + dt * (2 * diffusion + rate) - outer * factors[i + inwards]!;
    values[i] = (old[i]! + outer * values[i + inwards]!) / pivot;
    factors[i] = inner / pivot;
  }
  for (let i = edge + inwards; i !== far; i += inwards) {
    const free = values[i]! + factors[i]! * values[i - inwards]!;
    values[i] = american ? Math.max(free, payoff(i)) : free;
  }
  return values;
};

const cubicAt = (values: Float64Array, at: number): number => {
  const low = Math.min(Math.max(Math.floor(at), 1), values.length - 3);
  const t = at - low;
  const [a, b, c, d] = [values[low - 1]!, values[low]!, values[low + 1]!, values[low + 2]!];
  return (
    (-t * (t - 1) * (t - 2) * a + 3 * (t + 1) * (t - 1) * (t - 2) * b - 3 * (t + 1) * t * (t - 2) * c) / 6 +
    ((t + 1) * t * (t - 1) * d) / 6
  );
};

/** Price and derivatives by the spot. */
type SpotGridResult = { readonly price: number; readonly delta: number; readonly gamma: number };

const resultOn = (option: SpotGridOption, nodes: number): SpotGridResult => {
  const { spot, strike, time, sign, american, dividends } = option;
  // The spot is a node.
  const toSpot = Math.round(nodes / HIGHEST);
  const ds = spot / toSpot;
  const last = Math.ceil((HIGHEST * Math.max(spot, strike)) / ds);
  const payoff = (i: number): number => Math.max(sign * (i * ds - strike), 0);
  let values = Float64Array.from({ length: last + 1 }, (_, i) => payoff(i));
  const times = [0, ...dividends.map((dividend) => dividend.time), time];
  for (let k = times.length - 2; k >= 0; k--) {
    const length = times[k + 1]! - times[k]!;
    const steps = Math.max(8, Math.ceil((nodes * length) / (8 * time)));
    const dt = length / steps;
    for (let n = 0; n < steps; n++) {
      // The extrapolation of J. Lawson and J. Morris (1978), which is of second order and does not oscillate.
      const whole = implicitStep(option, ds, values, dt);
      const halves = implicitStep(option, ds, implicitStep(option, ds, values, 0.5 * dt), 0.5 * dt);
      values = halves.map((half, i) => {
        const value = 2 * half - whole[i]!;
        return american ? Math.max(value, payoff(i)) : value;
      });
    }
    if (k === 0) break;
    const paid = dividends[k - 1]!.amount / ds;
    const after = values;
    values = after.map((_, i) => {
      const value = i <= paid ? after[0]! : cubicAt(after, i - paid);
      return american ? Math.max(value, payoff(i)) : value;
    });
  }
  const [below, price, above] = [values[toSpot - 1]!, values[toSpot]!, values[toSpot + 1]!];
  return { price, delta: (above - below) / (2 * ds), gamma: (above + below - 2 * price) / (ds * ds) };
};

/**
 * An option whose spot falls by each dividend, on uniform grids of the spot. It shares nothing with the engine, whose grids
 * are uniform in ln(spot). Kinks are between nodes, so the error is not regular: that of the price is estimated by the
 * difference of two grids.
 */
export const spotGridResult = (option: SpotGridOption, nodes: number): SpotGridResult & { readonly error: number } => {
  const [coarse, fine] = [resultOn(option, nodes / 2), resultOn(option, nodes)];
  const extrapolated = (name: keyof SpotGridResult): number => (4 * fine[name] - coarse[name]) / 3;
  return {
    price: extrapolated('price'),
    delta: extrapolated('delta'),
    gamma: extrapolated('gamma'),
    error: Math.abs(fine.price - coarse.price),
  };
};
