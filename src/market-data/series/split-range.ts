/**
 * Max number of shares of today for one share of an earlier day, and its reciprocal. Shares with many reverse splits have had 1e13 and more. Whoever stores splits must
 * refuse more than this, because products of many large ones are outside the range of numbers. Prices are at most 1e15.
 */
export const maxSplitProduct = 1e18;
