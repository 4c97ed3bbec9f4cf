import { diag, DiagLogLevel, type DiagLogFunction } from '@opentelemetry/api';
import { withoutVariable, type OpenTelemetrySettings } from '../../config/index.ts';

export type SdkMessage = { readonly level: 'debug' | 'info' | 'warn'; readonly message: string };
export type SdkMessageListener = (message: SdkMessage) => void;

const levels: Readonly<Record<NonNullable<OpenTelemetrySettings['OTEL_LOG_LEVEL']>, DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

/**
 * Passes the messages of the SDK to the listener. Their other arguments are left out, because they can hold spans and
 * headers. An error of the SDK becomes `warn`, because the level `error` is for faults that need a person.
 */
const listen = (listener: SdkMessageListener, logLevel: DiagLogLevel): void => {
  const pass =
    (level: SdkMessage['level']): DiagLogFunction =>
    (message) =>
      listener({ level, message: `OpenTelemetry: ${message.slice(0, 500)}` });
  const logger = {
    error: pass('warn'),
    warn: pass('warn'),
    info: pass('info'),
    debug: pass('debug'),
    verbose: pass('debug'),
  };
  diag.disable();
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true });
};

/**
 * Runs the start of the SDK. Its warnings name settings that it ignores. After the start only messages that
 * OTEL_LOG_LEVEL asks for are passed, because a receiver that is down would cause one each second; lost spans are counted.
 */
export const withSdkMessages = <Result>(
  settings: OpenTelemetrySettings,
  listener: SdkMessageListener,
  start: () => Result,
): Result => {
  const asked = settings.OTEL_LOG_LEVEL;
  listen(listener, asked === undefined ? DiagLogLevel.WARN : levels[asked]);
  // If the SDK sees this variable, it replaces the listener by a logger that writes lines to stdout that are not JSON.
  try {
    return withoutVariable('OTEL_LOG_LEVEL', start);
  } finally {
    if (asked === undefined) diag.disable();
  }
};
