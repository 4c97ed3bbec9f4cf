import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createKubernetesDetector, createResource } from '#src/telemetry/tracing/resource.ts';

const options = { serviceName: 'prices', serviceVersion: '1', instanceId: 'blue-1', inCluster: false };

test('in a pod the resource has the name of the pod and the namespace of the service account', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'volwatch-pod-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'namespace');
  writeFileSync(path, 'markets\n');
  const pod = { 'k8s.pod.name': hostname() };
  t.deepEqual(createKubernetesDetector(true, path).detect().attributes, { ...pod, 'k8s.namespace.name': 'markets' });
  t.deepEqual(createKubernetesDetector(true, join(directory, 'none')).detect().attributes, pod);
  t.deepEqual(createKubernetesDetector(false, path).detect().attributes, {});
});

test('OTEL_NODE_RESOURCE_DETECTORS chooses; the environment counts more than what is detected', (t) => {
  const of = (...detectors: ('none' | 'host' | 'process')[]) =>
    createResource({ ...options, detectors, attributes: { 'host.name': 'given', 'service.version': '2' } }).attributes;
  t.is(of('none')['process.pid'], undefined);
  t.like(of('host', 'process'), { 'process.pid': process.pid, 'host.name': 'given', 'service.version': '2' });
  t.like(of('none'), { 'service.name': 'prices', 'service.instance.id': 'blue-1' });
});
