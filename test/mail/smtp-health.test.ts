import test, { type ExecutionContext } from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { silentLogger } from '#src/kernel/ports/logger.ts';
import { createSmtp } from '#src/mail/smtp.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startSmtpServer } from '#testkit/servers/smtp-server.ts';

/** A real SMTP server behind a policy with one place and no queue. */
const setup = async (t: ExecutionContext) => {
  const server = await startSmtpServer(t);
  const smtp = createSmtp({
    url: server.url,
    from: 'Volwatch <volwatch@example.org>',
    requireTls: false,
    timeoutMs: 30_000,
    policy: createPolicy({
      dependency: 'smtp',
      attemptTimeoutMs: 30_000,
      retries: 0,
      breaker: { failures: 100, resetMs: 1_000 },
      bulkhead: { concurrent: 1, waiting: 0 },
      logger: silentLogger,
      metrics: recordMetrics(),
      clock: systemClock,
    }),
    clock: systemClock,
  });
  t.teardown(smtp.close);
  const envelope = { id: 'a', to: 'ada@example.org', subject: 'subject', text: 'text' };
  return {
    server,
    send: (signal = new AbortController().signal) =>
      smtp.send(envelope, signal).then(
        (outcome) => outcome as string,
        (error: unknown) => codeOf(error) as string,
      ),
    health: async () => (await smtp.healthCheck.check(new AbortController().signal)).status,
  };
};

test('a full bulkhead and an abort by the caller are no failures of the SMTP server', async (t) => {
  const { server, send, health } = await setup(t);
  server.fault = 'hang';
  const caller = new AbortController();
  const slow = send(caller.signal);
  await eventually(async () => server.hanging === 1, 'the first message waits for the server');
  t.is(await send(), 'external_api_unavailable', 'the bulkhead is full');
  t.is(await health(), 'up');
  caller.abort(new Error('the process ends'));
  t.is(await slow, 'internal_error');
  t.is(await health(), 'up');
});

test('a refused message of the SMTP server is a failure until a message is sent', async (t) => {
  const { server, send, health } = await setup(t);
  server.fault = 451;
  t.is(await send(), 'external_api_unavailable');
  t.is(await health(), 'degraded');
  server.fault = undefined;
  t.is(await send(), 'sent');
  t.is(await health(), 'up');
});
