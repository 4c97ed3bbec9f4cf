import { readCode } from './source-code.ts';

/** Texts of the operator: addresses of the service, and of the services that it calls. */
const ofOperator = [
  'src/config/',
  'src/auth/auth.ts',
  'src/calendar/google/google-events.ts',
  'src/calendar/google/google-oauth.ts',
  'src/compose/features/mail.ts',
  'src/compose/lifecycle.ts',
  'src/mail/smtp-session.ts',
  'src/market-data/providers/http/provider-requests.ts',
  'src/redis/connection/redis-address.ts',
];
/** URLs of receivers, whose length and host are checked before they are stored. */
const ofReceivers = [
  'src/webhooks/delivery/delivery.ts',
  'src/webhooks/receiver-url.ts',
  'src/webhooks/sender/send.ts',
];
const allowed = [...ofOperator, ...ofReceivers];

const parses = /\b(?:URL\.(?:parse|canParse)|new URL)\((?<input>[^)]*)/g;
/** Files of the service itself. */
const ofModule = /\bimport\.meta\.url\b/;

/**
 * Places where a text becomes a `URL`. The parser normalizes hosts in a time that grows with the square of their length, so no text of a caller may
 * reach it before its length is small. See docs/decisions/0397.
 */
export const urlFaults = (files = readCode()): string[] =>
  [...files]
    .filter(([path]) => !allowed.some((each) => path.startsWith(each)))
    .flatMap(([path, code]) =>
      code
        .split('\n')
        .flatMap((line, index) =>
          [...line.matchAll(parses)]
            .filter(({ groups = {} }) => !ofModule.test(groups['input'] ?? ''))
            .map(
              () =>
                `${path}:${index + 1}: a text becomes a URL. Compare texts, use src/kernel/connections/host-name.ts, or add the file to scripts/check/code/urls.ts if its text is not of a caller or is short.`,
            ),
        ),
    );
