/**
 * Whether the time of an answer tells that an address has an account: `PAIRS=150 npm run bench:same-time`. It starts a service
 * with its own PostgreSQL and a mail server, opens accounts, and asks in pairs for an address with and one without an
 * account, in random order. For each pair the times are compared, so that other load of the machine affects both alike. It
 * prints the medians, the median difference with the confidence interval of 95 %, and how often the address with an account
 * was the slower one of its pair: 50 % tells nothing.
 */
import { randomUUID } from 'node:crypto';
import { call, json, settings } from '#testkit/running-service.ts';
import { startSmtpServer } from '#testkit/servers/smtp-server.ts';
import { startService } from '#testkit/service.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { withScope } from '../../verify/scope.ts';

const pairCount = Number(process.env['PAIRS'] ?? 150);
const password = 'a rather long sentence of the bench';

type Pair = { readonly known: number; readonly unknown: number };

const at = (sorted: readonly number[], index: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(index)))] ?? Number.NaN).toFixed(2);

const report = (title: string, pairs: readonly Pair[]): void => {
  const sorted = (of: (pair: Pair) => number): number[] => pairs.map(of).toSorted((a, b) => a - b);
  const middle = (pairs.length - 1) / 2;
  const differences = sorted(({ known, unknown }) => known - unknown);
  // The ranks of the interval of a median by the sign test.
  const half = (1.96 * Math.sqrt(pairs.length)) / 2;
  const slower = pairs.filter(({ known, unknown }) => known > unknown).length / pairs.length;
  const error = 1.96 * Math.sqrt(0.25 / pairs.length);
  console.log(`${title}, ${pairs.length} pairs:`);
  console.log(
    `  with an account     median ${at(
      sorted(({ known }) => known),
      middle,
    )} ms`,
  );
  console.log(
    `  without an account  median ${at(
      sorted(({ unknown }) => unknown),
      middle,
    )} ms`,
  );
  console.log(
    `  difference          median ${at(differences, middle)} ms, ${at(differences, middle - half)} to ${at(differences, middle + half)} ms`,
  );
  console.log(`  slower with one     ${(slower * 100).toFixed(0)} % ± ${(error * 100).toFixed(0)} %`);
};

await withScope(async (scope) => {
  const { url, directory } = await startTemporaryPostgres(scope, { name: 'bench', durable: true });
  const smtp = await startSmtpServer(scope);
  const service = await startService({
    environment: {
      ...settings,
      DATABASE_URL: url,
      VOLWATCH_DIRECTORY: directory,
      OTEL_SDK_DISABLED: 'true',
      SMTP_URL: smtp.url,
      MAIL_FROM: 'volwatch@example.org',
      RATE_LIMIT_ENABLED: 'false',
      MAIL_PER_NETWORK_PER_HOUR: '1000000',
      REGISTRATIONS_PER_NETWORK_PER_DAY: '1000000',
    },
  });
  scope.teardown(() => service.stop(5_000));
  await service.ready(60_000);

  const api = `${service.url}/api/v1`;
  const post = async (path: string, body: object): Promise<number> => {
    const startedAt = performance.now();
    const { status, text } = await call(`${api}${path}`, json(body));
    const milliseconds = performance.now() - startedAt;
    if (status !== 202) throw new Error(text);
    return milliseconds;
  };
  const register = (email: string): Promise<number> => post('/auth/register', { email, password });
  const askForReset = (email: string): Promise<number> => post('/account/password-reset', { email });

  const known = Array.from({ length: pairCount }, () => `${randomUUID()}@example.org`);
  for (const email of known) await register(email);
  const pairsOf = async (ask: (email: string) => Promise<number>): Promise<Pair[]> => {
    const pairs: Pair[] = [];
    for (const email of known) {
      const free = `${randomUUID()}@example.org`;
      const knownFirst = Math.random() < 0.5;
      const first = await ask(knownFirst ? email : free);
      const second = await ask(knownFirst ? free : email);
      pairs.push(knownFirst ? { known: first, unknown: second } : { known: second, unknown: first });
    }
    return pairs;
  };
  report('request to reset a password', await pairsOf(askForReset));
  report('registration', await pairsOf(register));
  return true;
});
