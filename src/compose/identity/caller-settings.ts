import { createCallerSettings } from '../../accounts/index.ts';
import type { Database } from '../../database/index.ts';
import type { CallerSettings } from '../../kernel/ports/account/pricing-defaults.ts';
import { ownerName } from '../../kernel/ports/owners.ts';
import { currentRequest } from '../../kernel/requests/request-context.ts';
import type { Base } from '../base.ts';

export type SettingsOfCaller = {
  /**
   * Returns the settings of the user of the current request, or of the owner `user:ID` of a job. An API key acts for its
   * user. Undefined if the caller is no user.
   */
  readonly of: (owner?: string) => Promise<CallerSettings | undefined>;
  readonly forget: (userId: string) => void;
};

const userPrefix = 'user:';

export const composeCallerSettings = ({ config, clock }: Base, { reader }: Database): SettingsOfCaller => {
  const settings = createCallerSettings({ reader, clock, cacheMs: config.OWNER_CACHE_MS });
  return {
    of: async (owner) => {
      const request = owner === undefined ? currentRequest() : undefined;
      const name = owner ?? (request?.principal && ownerName(request.principal));
      if (!name?.startsWith(userPrefix)) return undefined;
      return settings.read(name.slice(userPrefix.length), { fresh: request?.noCache ?? false });
    },
    forget: settings.forget,
  };
};
