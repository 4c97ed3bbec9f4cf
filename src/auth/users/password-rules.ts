import { dictionary } from '@zxcvbn-ts/language-common';
import { validationFailed } from '#src/kernel/requests/validation-failed.ts';

/** Max characters. NIST SP 800-63B demands that at least 64 are allowed, and that no character is cut off. */
export const maxPasswordCharacters = 256;

/** 49,000 common passwords from leaks, in lower case. */
const common: ReadonlySet<string> = new Set(dictionary['passwords-common']);

type PasswordMember = 'password' | 'new_password';

export type PasswordRules = {
  /**
   * Refuses passwords that are too short (in Unicode characters), well known, or easy to guess for this account. There are
   * no rules of composition, because they lead to weaker passwords (NIST SP 800-63B).
   * @param email normalised
   * @param member of the body that has the password; default `password`
   * @throws AppError `validation_failed` with the pointer of the member
   */
  readonly check: (password: string, email: string, member?: PasswordMember) => void;
};

export const createPasswordRules = ({ minCharacters }: { readonly minCharacters: number }): PasswordRules => ({
  check: (password, email, member = 'password') => {
    const refuse = (code: string, detail: string): never => {
      throw validationFailed([{ pointer: `/${member}`, code, detail: `${member} ${detail}` }]);
    };
    const normal = password.normalize('NFKC');
    const length = Array.from(normal).length;
    if (length < minCharacters) refuse('invalid_length', `must have at least ${minCharacters} characters`);
    const lower = normal.toLowerCase();
    if (common.has(lower) || new Set(lower).size === 1) {
      refuse('password_common', 'is a well-known password: choose another one');
    }
    const [local = ''] = email.split('@');
    if (lower === email || lower === local || /^volwatch\d*$/.test(lower)) {
      refuse('password_guessable', 'is easy to guess for this account: choose another one');
    }
  },
});
