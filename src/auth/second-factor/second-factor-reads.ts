import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { userOf, type SecondFactors } from './second-factor.ts';

export type SecondFactorReadsDeps = { readonly reader: Reader };

/** Reads that change nothing, so they need no transaction. */
export const createSecondFactorReads = ({ reader }: SecondFactorReadsDeps): Pick<SecondFactors, 'state'> => ({
  state: async (caller) => {
    const [row] = await reader.query<{ confirmed_at: Date | null; codes: number }>(
      `select confirmed_at, (select count(*)::int from recovery_code as code where code.user_id = factor.user_id) as codes
         from user_second_factor as factor where user_id = $1`,
      [userOf(caller)],
    );
    const confirmedAt = row?.confirmed_at ?? null;
    return { enabled: confirmedAt !== null, confirmedAt, recoveryCodesLeft: row?.codes ?? 0 };
  },
});
