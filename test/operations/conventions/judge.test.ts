import test from 'ava';
import { createInventory } from '../../../scripts/verify/conventions/inventory.ts';
import { findingsOf, judge } from '../../../scripts/verify/conventions/judge.ts';
import type { Conventions } from '../../../scripts/verify/conventions/published.ts';

const conventions: Conventions = {
  version: '1.0.0',
  attributes: new Map([
    ['http.request.method', { type: 'string', values: new Set(['GET']) }],
    ['http.response.status_code', { type: 'int', values: undefined }],
    ['process.command_args', { type: 'string[]', values: undefined }],
  ]),
  metrics: new Map([
    ['http.server.request.duration', { unit: 's', instrument: 'histogram', required: ['http.request.method'] }],
    ['db.client.connection.max', { unit: '{connection}', instrument: 'up_down_counter', required: [] }],
  ]),
};

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, unknown>> };

const text = (key: string, stringValue: string): Attribute => ({ key, value: { stringValue } });
const whole = (key: string, intValue: number): Attribute => ({ key, value: { intValue } });

const inventoryOf = (attributes: readonly Attribute[]) => {
  const inventory = createInventory();
  inventory.addTraces({ resourceSpans: [{ resource: {}, scopeSpans: [{ spans: [{ attributes }] }] }] });
  return inventory;
};

test('attributes with the right name, type and value are no difference', (t) => {
  const inventory = inventoryOf([text('http.request.method', 'GET'), whole('http.response.status_code', 200)]);
  t.deepEqual(findingsOf(inventory, conventions), []);
});

test('an unknown attribute, a wrong type, a value that is not listed', (t) => {
  const inventory = inventoryOf([
    text('http.method', 'GET'),
    text('http.response.status_code', '200'),
    text('http.request.method', 'get'),
  ]);
  t.deepEqual(findingsOf(inventory, conventions), [
    'span: attribute http.method is not in the conventions',
    'span: attribute http.request.method has the value get, which is not listed',
    'span: attribute http.response.status_code has the type string, not int',
  ]);
});

test('lists have the type of their members; an empty one fits each list', (t) => {
  const list = (...values: object[]): Attribute => ({ key: 'process.command_args', value: { arrayValue: { values } } });
  const of = (attribute: Attribute): string[] => findingsOf(inventoryOf([attribute]), conventions);
  t.deepEqual(of(list({ stringValue: 'a' })), []);
  t.deepEqual(of(list()), []);
  t.deepEqual(of(list({ intValue: 1 })), ['span: attribute process.command_args has the type int[], not string[]']);
});

test('events, log records, the resource and metrics have their places', (t) => {
  const inventory = createInventory();
  const one = [text('x', 'y')];
  inventory.addTraces({
    resourceSpans: [{ resource: { attributes: one }, scopeSpans: [{ spans: [{ events: [{ attributes: one }] }] }] }],
  });
  inventory.addLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: one }] }] }] });
  inventory.addMetrics({
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ attributes: one }] } }] }] }],
  });
  t.deepEqual(findingsOf(inventory, conventions), [
    'log: attribute x is not in the conventions',
    'metric m is not in the conventions',
    'metric m: attribute x is not in the conventions',
    'resource: attribute x is not in the conventions',
    'span event: attribute x is not in the conventions',
  ]);
});

test('a metric with another unit or instrument, or a point without a required attribute', (t) => {
  const inventory = createInventory();
  const points = [{ attributes: [text('http.request.method', 'GET')] }, {}];
  inventory.addMetrics({
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              { name: 'http.server.request.duration', unit: 'ms', histogram: { dataPoints: points } },
              { name: 'db.client.connection.max', unit: '{connection}', gauge: { dataPoints: [{}] } },
            ],
          },
        ],
      },
    ],
  });
  t.deepEqual(findingsOf(inventory, conventions), [
    'metric db.client.connection.max is a gauge, not a up_down_counter',
    'metric http.server.request.duration has the unit "ms", not "s"',
    'metric http.server.request.duration lacks the attribute http.request.method',
  ]);
});

test('a difference needs an entry in the list, and an entry a difference', (t) => {
  const own = { what: 'own attributes', findings: /^span: attribute volwatch\./, reason: 'ours' };
  const former = { what: 'former names', findings: /http\.method/, reason: 'once' };
  const accepted = 'span: attribute volwatch.x is not in the conventions';
  const fault = 'span: attribute y is not in the conventions';
  const judgement = judge([accepted, fault], [own, former]);
  t.deepEqual(judgement.faults, [fault]);
  t.deepEqual(judgement.unused, [former]);
  t.deepEqual(judgement.accepted.get(own), [accepted]);
});
