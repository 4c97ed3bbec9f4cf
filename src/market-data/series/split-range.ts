/**
 * Max number of shares of today for one share of an earlier day, and for their reciprocal: far outside of what shares have had. Whoever stores splits must refuse
 * more, because products of many large ones are outside the range of numbers.
 */
export const maxSplitProduct = 1e9;
