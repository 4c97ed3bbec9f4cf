import { banner } from './banner.ts';
import { compose, type Service } from './compose/index.ts';
import { ConfigError, configExitStatus, loadConfig } from './config/index.ts';
import { collectWhenCalm, countBodiesAsHeap } from './garbage-collection.ts';
import { StartError } from './kernel/start-error.ts';

/** A second signal, or a clean-up that hangs, must not keep the process: the balancer has long moved on. */
const hurriedExitStatus = 1;
/** After an error that nobody caught the process is not to be trusted for long. */
const fatalCleanUpMs = 5_000;

/** With a log that nobody reads a thread is stuck in its write, and `process.exit` would wait for that thread. */
const end = (status: number, logIsWritten: boolean): void => {
  if (logIsWritten) process.exit(status);
  process.kill(process.pid, 'SIGKILL');
};

const start = async (): Promise<void> => {
  const config = loadConfig();
  const composing = compose(config);
  handleSignals(composing);
  const service = await composing;
  try {
    await service.start();
  } catch (error) {
    service.logger.error({ err: error }, 'the start failed');
    // Nothing that has begun is left behind, our own PostgreSQL least of all.
    await service.stop('the start failed');
    throw error;
  }
  if (service.stopping()) return;
  if (config.NODE_ENV !== 'production') process.stderr.write(banner(service.addresses(), config));
};

/** Signals count from the first moment: one that comes while the service is being built stops it once it is. */
const handleSignals = (composing: Promise<Service>): void => {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    const again = signalled;
    signalled = true;
    composing
      .then((service) => (again ? service.hurry() : service.stop(signal).then((logIsWritten) => end(0, logIsWritten))))
      .catch(() => process.exit(hurriedExitStatus));
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  let failed = false;
  const onFatal = (kind: string) => (error: unknown) => {
    // What breaks while the first failure is being cleaned up says nothing new.
    if (failed) return;
    failed = true;
    setTimeout(() => process.exit(1), fatalCleanUpMs).unref();
    composing
      .then((service) => {
        service.logger.error({ err: error, kind }, 'uncaught');
        return service.stop(kind);
      })
      .catch(() => true)
      .then((logIsWritten) => end(1, logIsWritten))
      .catch(() => process.exit(1));
  };
  process.on('uncaughtException', onFatal('uncaughtException')).on('unhandledRejection', onFatal('unhandledRejection'));
};

countBodiesAsHeap();
collectWhenCalm();
start().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(configExitStatus);
  }
  if (error instanceof StartError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
