import { eventually } from '../eventually.ts';
import type { OtlpReceiver } from '../servers/otlp-receiver.ts';

/** The time of a request in milliseconds. The last six digits are below a millisecond. */
const timeOf = (body: Buffer): number => Number(/"timeUnixNano":"(\d+)\d{6}"/.exec(body.toString())?.[1] ?? 0);

/**
 * The bodies of the first export of metrics whose figures were read after `sinceMs`. One export can have several requests.
 * The service must export metrics at a short interval and with the protocol `http/json`.
 */
export const nextExport = async (
  collector: Pick<OtlpReceiver, 'ofSignal'>,
  sinceMs: number,
): Promise<readonly Buffer[]> => {
  const news = (): Buffer[] => collector.ofSignal('metrics').filter((body) => timeOf(body) > sinceMs);
  // A second new time says that the first export is complete.
  await eventually(() => new Set(news().map(timeOf)).size > 1, 'two exports of metrics', 60_000);
  const first = Math.min(...news().map(timeOf));
  return news().filter((body) => timeOf(body) === first);
};
