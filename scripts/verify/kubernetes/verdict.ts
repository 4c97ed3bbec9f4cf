/** What a step has shown, for one line of the table. */
export type Verdict = { readonly name: string; readonly holds: boolean; readonly shown: string };

/** Prints the table. @returns whether every verdict holds */
export const reportVerdicts = (verdicts: readonly Verdict[]): boolean => {
  const width = Math.max(...verdicts.map(({ name }) => name.length));
  for (const { name, holds, shown } of verdicts) {
    console.log(`${holds ? 'holds ' : 'BROKEN'}  ${name.padEnd(width)}  ${shown}`);
  }
  const broken = verdicts.filter(({ holds }) => !holds).length;
  console.log(`${verdicts.length} verdicts, ${broken} broken`);
  return verdicts.length > 0 && broken === 0;
};
