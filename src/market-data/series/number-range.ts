/**
 * The range of the prices, volumes, dividends and numbers of shares that are stored. Quotients and products of two of them, also
 * after splits, must be numbers that are finite and above 0, because answers have them.
 */
export const minNumber = 1e-100;
export const maxNumber = 1e15;
/** The same for a person. */
export const numberRange = 'from 1e-100 to 1e15';
export const isInNumberRange = (value: number): boolean => value >= minNumber && value <= maxNumber;

/**
 * Max number of shares of today for one share of an earlier day, and its reciprocal. Shares with many reverse splits have had 1e13 and more. Whoever stores splits must
 * refuse more than this, because products of many large ones are outside the range of numbers.
 */
export const maxSplitProduct = 1e18;
