import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import type { Service } from '#testkit/service.ts';
import { option, refresh, serve, setFault, takeToken } from '#testkit/running-service.ts';

/** One request over `agent`; the status, or the error of the connection. */
const send = (url: string, agent: Agent, body?: unknown): Promise<number | string> =>
  new Promise((resolve) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const request = httpRequest(url, { agent, headers, method: body === undefined ? 'GET' : 'POST' }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', (error) => resolve(error.message));
    });
    request.once('error', (error) => resolve(error.message));
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });

const isReady = ({ url }: Service): Promise<boolean> =>
  fetch(`${url}/health/ready`).then(
    async (response) => {
      await response.arrayBuffer();
      return response.status === 200;
    },
    () => false,
  );

/**
 * A balancer and its keep-alive clients in one: sends at a fixed rate whether or not answers come, to the first service
 * that said `ready` when it was last asked.
 */
const openLoop = (services: readonly Service[], ratePerSecond: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers: (number | string)[] = [];
  const inFlight = new Set<Promise<void>>();
  let target = services[0]!;
  const stopped = new AbortController();
  const probe = async (): Promise<void> => {
    // The interval of the probes.
    for (; !stopped.signal.aborted; await sleep(100)) {
      const ready = await Promise.all(services.map(isReady));
      // With nobody ready somebody is asked all the same, as balancers do: a busy database is not what is tested here.
      target = services[ready.indexOf(true)] ?? services.at(-1)!;
    }
  };
  const one = async (index: number): Promise<void> => {
    const path = index % 2 === 0 ? '/api/v1/assets' : '/api/v1/pricing/price';
    answers.push(await send(`${target.url}${path}`, agent, index % 2 === 0 ? undefined : option));
  };
  const pump = async (): Promise<void> => {
    const began = performance.now();
    // The interval in which the due requests are sent.
    for (let sent = 0; !stopped.signal.aborted; await sleep(5)) {
      for (; sent < ((performance.now() - began) / 1000) * ratePerSecond; sent += 1) {
        const pending: Promise<void> = one(sent).finally(() => inFlight.delete(pending));
        inFlight.add(pending);
      }
    }
  };
  const loops = [probe(), pump()];
  return {
    end: async () => {
      stopped.abort();
      await Promise.all([...loops, ...inFlight]);
      agent.destroy();
      return answers;
    },
  };
};

test('at 200 requests a second over keep-alive connections, a SIGTERM drops nothing', async (t) => {
  const database = await setupDatabase(t);
  // Patient settings: on a busy machine nothing but the shutdown itself is to refuse a request.
  const environment = {
    DATABASE_URL: database.url,
    DATABASE_ACQUIRE_TIMEOUT_MS: '10000',
    LOAD_LAG_MS: '60000',
    RATE_LIMIT_ENABLED: 'false',
    // The probes of a busy machine are late by seconds, and a balancer that has not noticed is not what is tested here.
    SHUTDOWN_DRAIN_MS: '8000',
  };
  const [leaving, staying] = await Promise.all([serve(t, environment), serve(t, environment)]);
  await Promise.all([leaving, staying].map((service) => service.logged(({ message }) => message === 'started')));
  const load = openLoop([leaving, staying], 200);
  // The load must last for a while before the signal.
  await sleep(1_500);
  leaving.process.kill('SIGTERM');
  t.is((await leaving.exited).code, 0);
  // The other instance must answer all requests for a while after the end.
  await sleep(500);
  const answers = await load.end();
  t.deepEqual([...new Set(answers)], [200], JSON.stringify([...new Set(answers)]));
  t.true(answers.length > 500, `${answers.length} answers`);
  t.is(leaving.log.at(-1)?.message, 'stopped');
});

test('a refresh that ends within its grace time is completed, and its waiting caller is answered', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, SHUTDOWN_REFRESH_GRACE_MS: '5000' });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  await setFault(service, 'refresh.store_prices', { mode: 'delay', delay_ms: 800, count: 1 });
  const running = refresh(service, token, 'tech5');
  await service.logged(
    ({ message, fault_point: point }) => message === 'fault injected' && point === 'refresh.store_prices',
  );
  service.process.kill('SIGTERM');
  t.like((await running).body, { status: 'succeeded' });
  t.is((await service.exited).code, 0);
});

test('a second signal ends the grace time of a refresh, which is rolled back', async (t) => {
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, SHUTDOWN_REFRESH_GRACE_MS: '15000' });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  await setFault(service, 'refresh.commit', { mode: 'hang' });
  t.is((await refresh(service, token, 'tech5', 0)).status, 202);
  await service.logged(({ message, fault_point: point }) => message === 'fault injected' && point === 'refresh.commit');
  service.process.kill('SIGTERM');
  // The time is the subject: the service must not end in it.
  await sleep(500);
  t.is(service.process.exitCode, null, 'the first signal lets it go on');
  const began = performance.now();
  service.process.kill('SIGTERM');
  t.is((await service.exited).code, 0);
  t.true(performance.now() - began < 3_000);
  const [record] = await database.query(`select status, reason from refresh where trigger = 'request'`);
  t.deepEqual(record, { status: 'rolled_back', reason: 'shutting_down' });
});
