/** Values that `helm install` must refuse, each with the reason. */
export const refusedValues: readonly (readonly [reason: string, args: readonly string[]])[] = [
  ['an unknown value', ['--set', 'replica=3']],
  ['a variable that does not exist', ['--set', 'config.PUBLIC_URLS=https://a.example']],
  ['a variable that does not exist, of one role', ['--set', 'api.config.LOG_LEVELS=info']],
  ['a secret in the configuration', ['--set', 'config.API_KEY_SECRET=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']],
  ['a key that is no secret', ['--set', 'secret.keys.LOG_LEVEL=level']],
  ['a pod without the URL of the database', ['--set', 'secret.keys.DATABASE_URL=null']],
  ['a variable that the chart sets', ['--set', 'config.DATABASE_MIGRATE=true']],
  ['a tag that moves', ['--set', 'image.tag=latest']],
  ['a digest that is none', ['--set', 'image.digest=sha256:1']],
  ['a drain that is shorter than the readiness probe', ['--set', 'shutdown.drainMs=3000']],
  ['a refresh that outlives the requests', ['--set', 'shutdown.refreshGraceMs=15000']],
  ['no pods', ['--set', 'api.autoscaling.min=0']],
  ['an autoscaler that does not exist', ['--set', 'autoscaling.metrics=queue']],
  ['a min above the max', ['--set', 'worker.autoscaling.min=9']],
  ['a Kubernetes without support', ['--kube-version', '1.28.0']],
];
