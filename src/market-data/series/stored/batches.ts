/** Limits the memory and the work in one turn of the event loop: the bars of one batch of series are in memory at a time. */
const barsPerBatch = 4_000;

/** Batches of series with at most `max` bars together. A larger series is a batch of its own. */
export const batchesOf = async function* <Series>(
  series: Iterable<Series> | AsyncIterable<Series>,
  barsOf: (each: Series) => number,
  max = barsPerBatch,
): AsyncGenerator<readonly Series[]> {
  let batch: Series[] = [];
  let bars = 0;
  for await (const each of series) {
    const size = barsOf(each);
    if (batch.length > 0 && bars + size > max) {
      yield batch;
      batch = [];
      bars = 0;
    }
    batch.push(each);
    bars += size;
  }
  if (batch.length > 0) yield batch;
};
