import { banner } from './banner.ts';
import { compose, type Service } from './compose.ts';
import { ConfigError, configExitStatus, loadConfig } from './config.ts';

/** A second signal, or a clean-up that hangs, must not keep the process: the balancer has long moved on. */
const hurriedExitStatus = 1;

const start = async (): Promise<void> => {
  const config = loadConfig();
  const service = await compose(config);
  handleSignals(service);
  await service.start();
  if (service.stopping()) return;
  if (config.NODE_ENV !== 'production') process.stderr.write(banner(service.addresses(), config));
};

const handleSignals = (service: Service): void => {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signalled) return service.hurry();
    signalled = true;
    service.stop(signal).then(
      () => process.exit(0),
      () => process.exit(hurriedExitStatus),
    );
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  const onFatal = (kind: string) => (error: unknown) => {
    service.logger.error({ err: error, kind }, 'uncaught');
    setTimeout(() => process.exit(1), 5_000).unref();
    void service.stop(kind).finally(() => process.exit(1));
  };
  process.on('uncaughtException', onFatal('uncaughtException')).on('unhandledRejection', onFatal('unhandledRejection'));
};

start().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(configExitStatus);
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
