import type { Deviation } from './judge.ts';

/** All differences between the exported signals and the conventions that are accepted, each with its reason. */
export const deviations: readonly Deviation[] = [
  {
    what: 'metrics `volwatch.*`',
    findings: /^metric volwatch\.\w+ is not in the conventions$/,
    reason: 'figures of this service, in its own namespace',
  },
  {
    what: 'labels of the metrics `volwatch.*`',
    findings: /^metric volwatch\.\w+: attribute [a-z_]+ is not in the conventions$/,
    reason: 'an attribute keeps the name of its label in `/metrics`, so that dashboards work with both',
  },
  {
    what: 'metrics of the process and of Node',
    findings: /^metric (?:process|nodejs)_\w+(?: is not in the conventions|: attribute \w+ is not in the conventions)$/,
    reason: 'prom-client gives its default metrics these names, and dashboards of others use them',
  },
  {
    what: 'labels of the connection pools',
    findings:
      /^metric db\.client\.connection\.\w+(?:: attribute (?:pool|state) is not in| lacks the attribute db\.client\.connection\.(?:pool\.name|state))/,
    reason: '`pool` and `state` are short in `/metrics`, and an attribute keeps the name of its label',
  },
  {
    what: 'attributes with one value that never changes',
    findings:
      /^metric (?:http\.server\.(?:request\.duration|active_requests) lacks the attribute url\.scheme|db\.client\.operation\.duration lacks the attribute db\.system\.name)$/,
    reason:
      '`/metrics` has no label with one value: the service speaks HTTP, with TLS at the proxy, and its only database is PostgreSQL. Spans have both attributes',
  },
  {
    what: 'fields of log lines',
    findings: /^log: attribute [a-z0-9_]+ is not in the conventions$/,
    reason: 'a field has one name in stdout and over OTLP, so that one query finds both',
  },
  {
    what: 'code and cause of an error in log lines',
    findings: /^log: attribute volwatch\.exception\.(?:code|cause) is not in the conventions$/,
    reason: 'the conventions have type, message and stack of an exception only',
  },
  {
    what: 'attributes of our own operations',
    findings: /^span: attribute (?:volwatch|pricing|refresh|index|calendar)\.[a-z_.]+ is not in the conventions$/,
    reason: 'calculations, refreshes and units of work have no conventions',
  },
  {
    what: 'attributes of our own events in spans',
    findings: /^span event: attribute (?:volwatch|audit|fault)\.[a-z_.]+ is not in the conventions$/,
    reason: 'audit records, injected faults and retries have no conventions',
  },
  {
    what: 'an attribute of the instrumentation of pg',
    findings: /^span: attribute db\.postgresql\.idle\.timeout\.millis is not in the conventions$/,
    reason: '`@opentelemetry/instrumentation-pg` gives it to spans of the pool, and has no setting against it',
  },
  {
    what: 'attributes of the instrumentations of dns and net',
    findings: /^span: attribute (?:peer\.ipv4 is not in the conventions|server\.port has the type string, not int)$/,
    reason: 'both are off by default; `net` records a port as its caller wrote it',
  },
];
