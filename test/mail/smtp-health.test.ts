import { createServer, type AddressInfo, type Socket } from 'node:net';
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
const setup = async (t: ExecutionContext, options: { readonly timeoutMs?: number; readonly url?: string } = {}) => {
  const { timeoutMs = 30_000, url } = options;
  const server = await startSmtpServer(t);
  const metrics = recordMetrics();
  const smtp = createSmtp({
    url: url ?? server.url,
    from: 'Volwatch <volwatch@example.org>',
    requireTls: false,
    timeoutMs,
    policy: createPolicy({
      dependency: 'smtp',
      attemptTimeoutMs: timeoutMs + 1_000,
      retries: 0,
      breaker: { failures: 3, resetMs: 60_000 },
      bulkhead: { concurrent: 1, waiting: 0 },
      logger: silentLogger,
      metrics,
      clock: systemClock,
    }),
    clock: systemClock,
  });
  const letter = { id: 'a', subject: 'subject', text: 'text' };
  return {
    server,
    errors: () =>
      metrics.value('volwatch_dependency_request_duration_seconds', { dependency: 'smtp', outcome: 'error' }),
    timeouts: () =>
      metrics.value('volwatch_dependency_request_duration_seconds', { dependency: 'smtp', outcome: 'timeout' }),
    send: (signal = new AbortController().signal, to = 'ada@example.org') =>
      smtp.send({ ...letter, to }, signal).then(
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
  t.is(await send(), 'refused', 'the bulkhead is full');
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

test('a server that greets and answers for no recipient keeps the circuit closed, and health and metric show it', async (t) => {
  const { server, send, health, timeouts } = await setup(t, { timeoutMs: 200 });
  server.fault = 'hang';
  for (let number = 0; number < 4; number += 1) t.is(await send(), 'external_api_timeout');
  t.is(server.hanging, 4, 'each message is tried');
  t.is(await health(), 'degraded');
  t.is(timeouts(), 4);
});

test('a server that takes connections and says nothing opens the circuit', async (t) => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => void silent.close(resolve));
  });
  const url = `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { send, health, timeouts } = await setup(t, { timeoutMs: 200, url });
  for (let number = 0; number < 3; number += 1) t.is(await send(), 'external_api_timeout');
  t.is(await send(), 'refused');
  t.is(sockets.length, 3);
  t.is(await health(), 'down');
  t.is(timeouts(), 3);
});

test('an account that the server does not know opens the circuit', async (t) => {
  const { port } = await startSmtpServer(t, { account: { user: 'known', password: 'secret' } });
  const { send } = await setup(t, { url: `smtp://other:secret@127.0.0.1:${port}` });
  for (let number = 0; number < 3; number += 1) t.is(await send(), 'external_api_bad_response');
  t.is(await send(), 'refused');
});

test('a relay that refuses for a while loses no message, and health and metric show it, with the circuit closed', async (t) => {
  const { server, send, health, errors } = await setup(t);
  const replies = [
    530,
    552,
    554,
    556,
    { code: 550, text: '5.7.1 Unable to relay' },
    { code: 553, text: '5.1.8 sender' },
  ];
  for (const [index, reply] of replies.entries()) {
    server.fault = reply;
    t.is(await send(), 'external_api_bad_response', JSON.stringify(reply));
    t.is(await health(), 'degraded');
    t.is(errors(), index + 1);
  }
  server.fault = undefined;
  t.is(await send(), 'sent');
  t.is(await health(), 'up');
});

test('one recipient that does not exist is refused for ever, and several different ones in a row are a failure of the relay', async (t) => {
  const { server, send, health, errors } = await setup(t);
  const to = (name: string) => send(undefined, `${name}@example.org`);
  for (const round of [1, 2]) {
    for (const fault of [550, 551, { code: 553, text: '5.1.2 no such domain' }]) {
      server.fault = fault;
      for (const name of ['first', 'first', 'second']) t.is(await to(name), 'rejected', `round ${round}`);
      t.is(await health(), 'up');
    }
    for (const name of ['third', 'first', 'fourth', 'fifth']) t.is(await to(name), 'doubted');
    t.is(await health(), 'degraded');
    t.is(errors(), 4 * round);
    server.fault = undefined;
    t.is(await to('fifth'), 'sent', 'the circuit is closed');
    t.is(await health(), 'up');
  }
});

test('a status that names the mailbox is final for each recipient, and says nothing about the relay', async (t) => {
  const { server, send, health, errors } = await setup(t);
  const to = (name: string) => send(undefined, `${name}@example.org`);
  for (const text of ['5.1.1 no such user', '5.1.3 not valid', '5.1.6 moved', '5.1.10 no such recipient']) {
    server.fault = { code: 550, text };
    for (const name of ['first', 'second', 'third', 'fourth']) t.is(await to(name), 'rejected', text);
  }
  t.is(errors(), 0);
  t.is(await health(), 'up');
  server.fault = 550;
  t.is(await to('fifth'), 'rejected', 'it is the first one in the row');
});

test('a server that refuses the sender opens the circuit, because it takes no message', async (t) => {
  const { server, send, health } = await setup(t);
  server.senderFault = 550;
  for (let number = 0; number < 3; number += 1) t.is(await send(), 'external_api_bad_response');
  t.is(await send(), 'refused');
  t.is(await health(), 'down');
});
