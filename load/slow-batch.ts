/** The body of a batch that takes some ten milliseconds of a pricing process for each thousand rows. */
export const slowBatch = (rows: number): string =>
  JSON.stringify({
    columns: {
      spot: Array.from({ length: rows }, (_, row) => 80 + (40 * row) / rows),
      strike: 100,
      time_to_expiry: 1,
      rate: 0.03,
      volatility: 0.3,
      option_type: 'put',
    },
    model: 'andersen_lake',
    exercise_style: 'american',
  });
