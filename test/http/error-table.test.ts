import { get, type IncomingMessage } from 'node:http';
import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import test from 'ava';
import { z } from 'zod';
import { AppError, errorCodes, errorTable, isErrorCode } from '#src/kernel/catalogue/errors.ts';
import { defineRoute } from '#src/kernel/requests/route.ts';
import { eventually } from '#testkit/eventually.ts';
import { serve } from './support.ts';

const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));

const failing = defineRoute({
  method: 'GET',
  path: '/fail/{code}',
  tag: 'test',
  summary: 'Fails as told',
  auth: 'public',
  rateLimit: 'none',
  load: 'none',
  request: { path: z.strictObject({ code: z.string() }) },
  responses: { 200: z.strictObject({}) },
  errors: [],
  handler: async ({ path }) => {
    if (path.code === 'unforeseen') throw new TypeError('password=hunter2');
    if (path.code === 'fault')
      throw new AppError('auth_service_error', undefined, { cause: new RangeError('hunter2') });
    if (path.code === 'text') throw 'not an error';
    if (isErrorCode(path.code)) throw new AppError(path.code, `Detail of ${path.code}`);
    return { status: 200, body: {} };
  },
});
const template = '/api/v1/fail/{code}';

for (const code of errorCodes) {
  test.serial(`${code}: answer, headers, metric, span and log line agree with the table`, async (t) => {
    const { status, category, title, retryable } = errorTable[code];
    const { call, reported, lines } = await serve(t, { routes: [failing], production: true });
    const response = await call(`/api/v1/fail/${code}?`, { headers: { 'X-Request-ID': 'caller-1' } });
    const body = (await response.json()) as Record<string, unknown>;

    t.is(response.status, status);
    t.is(response.headers.get('content-type'), 'application/problem+json');
    t.is(response.headers.get('x-request-id'), 'caller-1');
    t.regex(response.headers.get('x-trace-id') ?? '', /^[0-9a-f]{32}$/);
    t.regex(response.headers.get('server-timing') ?? '', /^total;dur=\d+\.\d\d$/);
    t.is(response.headers.get('retry-after'), status === 503 && retryable ? '1' : null);
    t.deepEqual(body, {
      type: `/problems/${code}`,
      title,
      status,
      detail: code === 'internal_error' ? 'An unexpected error occurred' : `Detail of ${code}`,
      instance: `/api/v1/fail/${code}`,
      code,
      category,
      request_id: 'caller-1',
      trace_id: response.headers.get('x-trace-id'),
    });

    t.deepEqual(
      reported.filter(({ name }) => name === 'volwatch_errors_total'),
      [{ kind: 'count', name: 'volwatch_errors_total', labels: { category, code, http_route: template }, value: 1 }],
    );
    const [duration, ...others] = reported.filter(({ name }) => name === 'http_server_request_duration_seconds');
    t.deepEqual(others, []);
    t.deepEqual(duration?.labels, {
      http_request_method: 'GET',
      http_route: template,
      http_response_status_code: String(status),
      error_type: code,
    });
    const active = reported.filter(({ name }) => name === 'http_server_active_requests');
    t.deepEqual(
      active.map(({ value }) => value),
      [1, -1],
    );

    const span = exporter.getFinishedSpans().find((each) => each.spanContext().traceId === body['trace_id']);
    t.is(span?.name, `GET ${template}`);
    t.is(span?.attributes['error.type'], code);
    t.is(span?.attributes['http.response.status_code'], status);
    t.is(span?.attributes['http.route'], template);
    t.is(span?.status.code, status >= 500 ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);

    const [line, ...more] = lines;
    t.deepEqual(more, []);
    t.like(line, {
      message: 'request',
      request_id: 'caller-1',
      trace_id: body['trace_id'] as string,
      method: 'GET',
      route: template,
      status,
      code,
      category,
    });
    t.true(status >= 500 ? ['warn', 'error'].includes(line?.level ?? '') : line?.level === 'info');

    const page = await call(body['type'] as string);
    t.is(page.status, 200);
    t.true((await page.text()).includes(title));
  });
}

test.serial('an unforeseen error says nothing in production and shows its stack elsewhere', async (t) => {
  const production = await serve(t, { routes: [failing], production: true });
  const hidden = await (await production.call('/api/v1/fail/unforeseen')).text();
  t.true(hidden.includes('An unexpected error occurred'));
  t.false(hidden.includes('hunter2') || hidden.includes('stack'));
  t.is(production.lines[0]?.level, 'error');
  t.true(production.lines[0]?.['error'] instanceof TypeError);

  const elsewhere = await serve(t, { routes: [failing] });
  const shown = (await (await elsewhere.call('/api/v1/fail/unforeseen')).json()) as { detail: string; stack: string };
  t.is(shown.detail, 'password=hunter2');
  t.regex(shown.stack, /^TypeError: password=hunter2\n\s+at /);
  t.like(await (await elsewhere.call('/api/v1/fail/text')).json(), { code: 'internal_error', detail: 'not an error' });
});

test.serial('a fault of the authentication service shows its class, and only outside production', async (t) => {
  const detailIn = async (options: { production?: boolean }) => {
    const { call } = await serve(t, { routes: [failing], ...options });
    return (await (await call('/api/v1/fail/fault')).json()) as { detail: string; stack?: string };
  };
  const hidden = await detailIn({ production: true });
  t.is(hidden.detail, 'The authentication service failed');
  t.false('stack' in hidden);
  const shown = await detailIn({});
  t.is(shown.detail, 'The authentication service failed (RangeError)');
  t.regex(shown.stack ?? '', /^RangeError: hunter2\n\s+at /);
});

test.serial("the server span continues the caller's trace", async (t) => {
  const { call } = await serve(t, { routes: [failing] });
  const traceId = 'a'.repeat(32);
  const response = await call('/api/v1/fail/none', { headers: { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` } });
  t.is(response.headers.get('x-trace-id'), traceId);
  const span = exporter.getFinishedSpans().find((each) => each.spanContext().traceId === traceId);
  t.is(span?.parentSpanContext?.spanId, 'b'.repeat(16));
  t.is(span?.attributes['error.type'], undefined);
  t.like(span?.attributes, { 'url.path': '/api/v1/fail/none', 'url.scheme': 'http' });
});

test.serial('the server span has no text of the caller: only the name of the program', async (t) => {
  const { call } = await serve(t, { routes: [failing] });
  const traceId = 'c'.repeat(32);
  const headers = {
    traceparent: `00-${traceId}-${'b'.repeat(16)}-01`,
    tracestate: 'caller=canary',
    'user-agent': 'curl/8.5 jane.doe@example.net canary',
  };
  await call('/api/v1/fail/none', { headers });
  const span = exporter.getFinishedSpans().find((each) => each.spanContext().traceId === traceId);
  t.is(span?.attributes['user_agent.name'], 'curl');
  t.notRegex(JSON.stringify(span?.attributes), /canary|jane/);
});

test.serial('the server span has no host of the caller', async (t) => {
  const { port } = await serve(t, { routes: [failing] });
  const traceId = 'd'.repeat(32);
  const headers = { Host: 'canary.example.net', traceparent: `00-${traceId}-${'b'.repeat(16)}-01` };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`http://127.0.0.1:${port}/api/v1/fail/none`, { headers }, resolve).on('error', reject);
  });
  answer.resume();
  const find = () => exporter.getFinishedSpans().find((each) => each.spanContext().traceId === traceId);
  await eventually(() => find() !== undefined, 'the span has ended');
  t.notRegex(JSON.stringify(find()?.attributes), /canary/);
});
