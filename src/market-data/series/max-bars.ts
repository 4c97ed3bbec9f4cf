/** Max bars of a series, more than the history of any share. It limits the memory and the work of its comparison with a new answer. */
export const maxBarsOfSeries = 50_000;
