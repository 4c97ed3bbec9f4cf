import type { Query, Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';

/** Explains each statement that reads prices, once, before it runs. */
export const createExplainer = (enabled: boolean) => {
  const plans = new Map<string, string>();
  const explainer = {
    isOn: false,
    print: (): void => {
      for (const [text, plan] of plans) console.log(`\n${text}\n\n${plan}`);
    },
    reader: (reader: Reader): Reader => ({ ...reader, query: explained(reader.query) }),
    unitOfWork: (unitOfWork: UnitOfWork): UnitOfWork => ({
      run: (options, work) =>
        unitOfWork.run(options, (transaction) => work({ ...transaction, query: explained(transaction.query) })),
    }),
  };
  const explained =
    (query: Query): Query =>
    async (text: string, parameters?: readonly unknown[]) => {
      if (enabled && explainer.isOn && !plans.has(text) && /^\s*select\b.*\bprice\b/s.test(text)) {
        const rows = await query<{ 'QUERY PLAN': string }>(
          `explain (analyze, buffers, timing off) ${text}`,
          parameters,
        );
        plans.set(text, rows.map((row) => row['QUERY PLAN'].slice(0, 200)).join('\n'));
      }
      return query(text, parameters);
    };
  return explainer;
};
