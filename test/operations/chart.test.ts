import { readFileSync } from 'node:fs';
import test from 'ava';
import { schemaOfDefinition } from '../../scripts/check/chart/custom-resources.ts';
import { manifestFaults } from '../../scripts/check/chart/manifest-faults.ts';
import { readManifests } from '../../scripts/check/chart/manifest.ts';

const text = readFileSync('deploy/kubernetes/volwatch.yaml', 'utf8');
const faultsWith = (before: RegExp, after: string): string[] => {
  const changed = text.replace(before, after);
  if (changed === text) throw new Error(`the manifests do not contain ${before.source}`);
  return manifestFaults(readManifests(changed));
};

test('the plain manifests have no fault, and the service accepts their configuration', (t) => {
  t.deepEqual(manifestFaults(readManifests(text)), []);
});

for (const [what, before, after, fault] of [
  ['a token of a ServiceAccount', /\n {6}automountServiceAccountToken: false/, '', /no token/],
  ['a root user', /runAsNonRoot: true/, 'runAsNonRoot: false', /not root/],
  ['a writable root', /readOnlyRootFilesystem: true/, 'readOnlyRootFilesystem: false', /read-only root/],
  ['a kept capability', /capabilities: \{ drop: \[ALL\] \}/, 'capabilities: {}', /no privileges/],
  ['a tag that moves', /image: (\S+):\S+/, 'image: $1:stable', /exact tag/],
  ['no limit of memory', /limits:\n +memory: \S+/, 'limits: {}', /limit of memory/],
  ['a stop that is cut short', /terminationGracePeriodSeconds: \d+/, 'terminationGracePeriodSeconds: 20', /whole stop/],
  ['a liveness probe that reads the database', /path: \/health\/live/, 'path: /health/ready', /do not depend/],
  ['a drain that ends before the probe', /SHUTDOWN_DRAIN_MS: "\d+"/, 'SHUTDOWN_DRAIN_MS: "3000"', /before the drain/],
  ['a variable that the service refuses', /PRICING_WORKERS: "1"/, 'PRICING_WORKERS: "0"', /PRICING_WORKERS must/],
  ['a missing secret', / +- name: REDIS_URL\n.*\n/, '', /REDIS_URL is required/],
  ['a Deployment that changes the schema', /DATABASE_MIGRATE: "false"/, 'DATABASE_MIGRATE: "true"', /Job only/],
  [
    'a variable that the pod replaces',
    /(\n {2}ROLE: api)/,
    '$1\n  OTEL_RESOURCE_ATTRIBUTES: team=market',
    /env replaces OTEL/,
  ],
  ['a fast end of pods', /scaleDown:/, 'scaleDow:', /one pod ends at a time/],
  ['a Secret', /kind: ServiceAccount/, 'kind: Secret', /must not create secrets/],
  ['no budget of disruptions', /kind: PodDisruptionBudget/, 'kind: Other', /no PodDisruptionBudget/],
  ['a selector without pods', /(podSelector:\n +matchLabels:\n +.*: )volwatch/, '$1other', /finds no pod/],
] as const) {
  test(`a fault of the manifests is named: ${what}`, (t) => {
    t.regex(faultsWith(before, after).join('\n'), fault);
  });
}

test('the schema of a custom resource refuses unknown fields, except where the definition keeps them', (t) => {
  const [[name, schema] = []] = schemaOfDefinition({
    kind: 'CustomResourceDefinition',
    spec: {
      group: 'example.com',
      names: { kind: 'Thing' },
      versions: [
        {
          name: 'v1',
          schema: {
            openAPIV3Schema: {
              properties: {
                spec: {
                  properties: {
                    // A property with the name of a keyword.
                    properties: { 'x-kubernetes-int-or-string': true },
                    open: { properties: {}, 'x-kubernetes-preserve-unknown-fields': true },
                  },
                },
              },
            },
          },
        },
      ],
    },
  });
  t.is(name, 'thing-example.com-v1');
  const { spec } = (schema as { properties: { spec: { additionalProperties?: boolean; properties: object } } })
    .properties;
  t.is(spec.additionalProperties, false);
  t.deepEqual(spec.properties, {
    properties: { type: ['string', 'integer'] },
    open: { properties: {}, 'x-kubernetes-preserve-unknown-fields': true },
  });
});
