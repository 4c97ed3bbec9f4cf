/** Mean and squared coefficient of variation (variance / mean^2) of service times or of times between arrivals. */
export type Moments = { readonly mean: number; readonly scv: number };

export const momentsOf = (values: readonly number[]): Moments => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, scv: variance / mean ** 2 };
};

/**
 * The mean wait in the queue of one server: Kingman's approximation with the correction of Kraemer and Langenbach-Belz for
 * arrivals that are less random. With random arrivals (`arrivalScv` 1) it is exact: the formula of Pollaczek and Khinchine.
 * @param load arrivals per second times seconds of service, below 1
 * @param arrivalScv at most 1
 */
export const meanWait = (load: number, service: Moments, arrivalScv: number): number => {
  if (load >= 1) return Infinity;
  const variation = arrivalScv + service.scv;
  const correction = variation === 0 ? 1 : Math.exp((-2 * (1 - load) * (1 - arrivalScv) ** 2) / (3 * load * variation));
  return (load / (1 - load)) * (variation / 2) * service.mean * correction;
};

/**
 * The variation of the arrivals at one of `processes` that get random arrivals in turn: each gets every nth one, so the times
 * between them are sums of n exponential times.
 */
export const arrivalScvInTurn = (processes: number): number => 1 / processes;

/** The number of processes for this rate, each used up to `maxLoad`. */
export const processesFor = (perSecond: number, serviceSeconds: number, maxLoad: number): number =>
  Math.ceil((perSecond * serviceSeconds) / maxLoad);
