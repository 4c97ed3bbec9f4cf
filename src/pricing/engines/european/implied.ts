/** Codes that an inversion returns in place of a volatility if no volatility exists. */
export const BELOW_INTRINSIC = -1;
export const ABOVE_MAXIMUM = -2;
export const NO_INFORMATION = -3;
export const NOT_CONVERGED = -4;
export const BELOW_MINIMUM = -5;
export const NOT_UNIQUE = -6;

/** A volatility or one of the codes above, and the number of steps of the solver. */
export type Inversion = { readonly volatility: number; readonly iterations: number };

/** Reason for a missing result. `code` is stable, `detail` is a sentence for people. */
export type Refusal = { readonly code: string; readonly detail: string };

const failures: Readonly<Record<number, Refusal>> = {
  [BELOW_INTRINSIC]: {
    code: 'price_below_intrinsic',
    detail: 'The price is below the min price of the option, which is its price at zero volatility',
  },
  [ABOVE_MAXIMUM]: {
    code: 'price_above_maximum',
    detail: 'The price is above the max price of the option at any volatility',
  },
  [NO_INFORMATION]: {
    code: 'no_volatility_information',
    detail: 'A range of volatilities gives this same price, so the price does not determine the volatility',
  },
  [BELOW_MINIMUM]: {
    code: 'price_below_minimum',
    detail: 'The price is below the min price of the option at any volatility',
  },
  [NOT_UNIQUE]: {
    code: 'volatility_not_unique',
    detail:
      'Several volatilities give this price, because the price of this option rises and falls with the volatility',
  },
  [NOT_CONVERGED]: { code: 'not_converged', detail: 'The search for the volatility did not converge' },
};

/** Reason for a negative code of `Inversion.volatility`. */
export const impliedRefusal = (volatility: number): Refusal => failures[volatility] ?? failures[NOT_CONVERGED]!;
