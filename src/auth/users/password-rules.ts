import { dictionary } from '@zxcvbn-ts/language-common';
import { AppError } from '#src/kernel/catalogue/errors.ts';

/** NIST SP 800-63B: at least 64 characters must be allowed; every one of them counts, none is demanded. */
export const longestPassword = 256;

/** 49,000 of the most used passwords, lower-case, from leaks. */
const common: ReadonlySet<string> = new Set(dictionary['passwords-common']);

export type PasswordRules = {
  /**
   * Length in Unicode characters, no well-known password, nothing that everybody would try for this account. No rules
   * of composition: they make passwords worse.
   * @param email normalised
   * @throws AppError `validation_failed` with pointer `/password`
   */
  readonly check: (password: string, email: string) => void;
};

const refuse = (code: string, detail: string): never => {
  throw new AppError('validation_failed', 'The request breaks its schema', {
    errors: [{ pointer: '/password', code, detail }],
  });
};

export const createPasswordRules = ({ shortest }: { readonly shortest: number }): PasswordRules => ({
  check: (password, email) => {
    const normal = password.normalize('NFKC');
    const length = Array.from(normal).length;
    if (length < shortest) refuse('invalid_length', `Must have at least ${shortest} characters`);
    const lower = normal.toLowerCase();
    if (common.has(lower) || new Set(lower).size === 1) refuse('password_common', 'Is one of the best known passwords');
    const [local = ''] = email.split('@');
    if (lower === email || lower === local || lower.replaceAll(/\d+$/g, '') === 'volwatch') {
      refuse('password_guessable', 'Is the first that anybody would try for this account');
    }
  },
});
