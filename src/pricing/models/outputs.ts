import { outputNames, type OutputName } from '#src/kernel/catalogue/pricing-models.ts';

export { outputNames, type OutputName };
export type GreekName = Exclude<OutputName, 'price' | 'implied_volatility'>;

export const greekNames = outputNames.slice(1, -1) as readonly GreekName[];
/** The outputs of `greeks` if `outputs` is absent: the first-order greeks and gamma. */
export const defaultGreeks: readonly GreekName[] = greekNames.slice(0, 6);

export const indexOfOutput = Object.fromEntries(outputNames.map((name, index) => [name, index])) as Readonly<
  Record<OutputName, number>
>;
