import { dictionary } from '@zxcvbn-ts/language-common';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';

/** Max characters. NIST SP 800-63B demands that at least 64 are allowed, and that no character is cut off. */
export const maxPasswordCharacters = 256;

/** 49,000 common passwords from leaks, in lower case. */
const common: ReadonlySet<string> = new Set(dictionary['passwords-common']);

export type PasswordRules = {
  /**
   * Refuses passwords that are too short (in Unicode characters), well known, or easy to guess for this account. There are
   * no rules of composition, because they lead to weaker passwords (NIST SP 800-63B).
   * @param email normalised
   * @throws AppError `validation_failed` with pointer `/password`
   */
  readonly check: (password: string, email: string) => void;
};

const refuse = (code: string, detail: string): never => {
  throw validationFailed([{ pointer: '/password', code, detail }]);
};

export const createPasswordRules = ({ minCharacters }: { readonly minCharacters: number }): PasswordRules => ({
  check: (password, email) => {
    const normal = password.normalize('NFKC');
    const length = Array.from(normal).length;
    if (length < minCharacters) refuse('invalid_length', `password must have at least ${minCharacters} characters`);
    const lower = normal.toLowerCase();
    if (common.has(lower) || new Set(lower).size === 1)
      refuse('password_common', 'password is a well-known password: choose another one');
    const [local = ''] = email.split('@');
    if (lower === email || lower === local || lower.replaceAll(/\d+$/g, '') === 'volwatch') {
      refuse('password_guessable', 'password is easy to guess for this account: choose another one');
    }
  },
});
