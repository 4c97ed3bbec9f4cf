import { eventually } from '../eventually.ts';
import { call } from '../running-service.ts';
import type { Service } from '../service.ts';

type Message = { readonly to: string; readonly subject: string; readonly text: string };

/** Waits for a message in the mailbox of the admin port. @returns the token of the newest such message */
export const tokenOfMessage = async (
  { adminUrl }: Pick<Service, 'adminUrl'>,
  to: string,
  subject: string,
): Promise<string> => {
  let token: string | undefined;
  await eventually(
    async () => {
      const { body } = await call(`${adminUrl}/dev/mailbox`);
      const messages = body['data'] as readonly Message[];
      const found = messages.find((message) => message.to === to && message.subject === subject);
      token = /vwm_[\w-]{43}/.exec(found?.text ?? '')?.[0];
      return token !== undefined;
    },
    `the message "${subject}" arrives`,
    30_000,
  );
  return token!;
};
