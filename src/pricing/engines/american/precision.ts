export const precisions = ['fast', 'default', 'high'] as const;
export type Precision = (typeof precisions)[number];

/** Max error of an American price of andersen_lake over the whole accepted domain, in units of the strike. */
export const errorBounds: Readonly<Record<Precision, number>> = { fast: 1e-5, default: 1e-6, high: 1e-9 };
