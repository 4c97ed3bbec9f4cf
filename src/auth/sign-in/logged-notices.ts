import type { AccountNotices } from '#src/kernel/ports/account-notices.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

/**
 * Writes notices to the log for operators. Owners get no message, because an attacker could cause many of them. Which user
 * it is stands in the audit event only, because ids of users are personal data.
 */
export const createLoggedNotices = ({ logger }: { readonly logger: Logger }): AccountNotices => ({
  signInsThrottled: () => {
    logger.warn(
      { audit_action: 'user.sign_in_throttled' },
      'sign-ins to an account are delayed after many wrong passwords',
    );
  },
});
