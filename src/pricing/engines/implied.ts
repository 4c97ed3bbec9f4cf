/** What an inversion answers in place of a volatility when there is none. */
export const BELOW_INTRINSIC = -1;
export const ABOVE_MAXIMUM = -2;
export const NO_INFORMATION = -3;
export const NOT_CONVERGED = -4;

/** A volatility or one of the codes above, and the steps of the solver. */
export type Inversion = { readonly volatility: number; readonly iterations: number };

/** Why there is no answer; `code` is for machines. */
export type Refusal = { readonly code: string; readonly detail: string };

const failures: Readonly<Record<number, Refusal>> = {
  [BELOW_INTRINSIC]: {
    code: 'price_below_intrinsic',
    detail: 'The price is below the least that the option can be worth, its value at zero volatility',
  },
  [ABOVE_MAXIMUM]: {
    code: 'price_above_maximum',
    detail: 'The price is above the most that the option can be worth at any volatility',
  },
  [NO_INFORMATION]: {
    code: 'no_volatility_information',
    detail: 'The price equals its limit for a range of volatilities: no digit of it depends on the volatility',
  },
  [NOT_CONVERGED]: { code: 'not_converged', detail: 'The search for the volatility did not converge' },
};

/** Why `volatility`, a negative code, is none. */
export const impliedRefusal = (volatility: number): Refusal => failures[volatility] ?? failures[NOT_CONVERGED]!;
