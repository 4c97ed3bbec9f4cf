import { banner } from './banner.ts';
import { compose, type Service } from './compose/index.ts';
import { ConfigError, loadConfig } from './config/index.ts';
import { collectOutsideHeap } from './kernel/memory/collect-outside-heap.ts';
import { collectWhenCalm, setHeapGrowth } from './kernel/memory/collect-when-calm.ts';
import { lowerHelperThreads } from './helper-threads.ts';
import { withFileFaults } from './kernel/file-faults.ts';
import { createMemoryReleases } from './kernel/memory/memory-releases.ts';
import { configExitStatus, StartError } from './kernel/start-error.ts';

/** Exit status after an uncaught error, and if the service could not be stopped because it was never built. */
const failedExitStatus = 1;
/** Max time for the stop after an uncaught error, because the state of the process is not known then. */
const fatalStopTimeoutMs = 5_000;

/** If the log could not be written, a thread hangs in its write. `process.exit` would wait for it, SIGKILL does not. */
const end = (status: number, logIsWritten: boolean): void => {
  if (logIsWritten) process.exit(status);
  process.kill(process.pid, 'SIGKILL');
};

const releaseMemory = ({ metrics, requestMemory }: Service): void => {
  const releases = createMemoryReleases({ metrics });
  collectWhenCalm({ ...releases, heldBytes: requestMemory.total });
  collectOutsideHeap({
    ...releases,
    heldBytes: () => requestMemory.heldBy(['bodies', 'answers', 'unfinished_answers']),
  });
};

const start = async (): Promise<void> => {
  const config = loadConfig();
  const data = { variable: 'VOLWATCH_DIRECTORY', directory: config.VOLWATCH_DIRECTORY };
  const composing = withFileFaults(data, async () => compose(config));
  handleSignals(composing);
  const service = await composing;
  releaseMemory(service);
  // Before the start, because it serves while it prepares its data.
  await lowerHelperThreads();
  try {
    await service.start();
  } catch (error) {
    service.logger.error({ err: error }, 'the start failed');
    // Everything that was started must be stopped, in particular the embedded PostgreSQL.
    await service.stop('the start failed');
    throw error;
  }
  if (service.stopping()) return;
  if (config.NODE_ENV !== 'production') process.stderr.write(banner(service.addresses(), config));
};

/** Handles signals from the start. A signal while the service is being built stops the service after it is built. */
const handleSignals = (composing: Promise<Service>): void => {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    const isSecond = signalled;
    signalled = true;
    composing
      .then((service) =>
        isSecond ? service.hurry() : service.stop(signal).then((logIsWritten) => end(0, logIsWritten)),
      )
      .catch(() => process.exit(failedExitStatus));
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('SIGHUP', () => void composing.then((service) => service.reload()).catch(() => {}));

  let failed = false;
  const onFatal = (kind: string) => (error: unknown) => {
    // Errors after the first are consequences of the stop; they are ignored.
    if (failed) return;
    failed = true;
    // Not `process.exit`, because the stop may hang for the same reason as the log.
    setTimeout(() => end(failedExitStatus, false), fatalStopTimeoutMs).unref();
    composing
      .then((service) => {
        service.logger.error({ err: error, kind }, 'uncaught');
        return service.stop(kind);
      })
      .catch(() => true)
      .then((logIsWritten) => end(failedExitStatus, logIsWritten))
      .catch(() => process.exit(failedExitStatus));
  };
  process.on('uncaughtException', onFatal('uncaughtException')).on('unhandledRejection', onFatal('unhandledRejection'));
};

setHeapGrowth();
start().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(configExitStatus);
  }
  if (error instanceof StartError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(error.exitStatus);
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
