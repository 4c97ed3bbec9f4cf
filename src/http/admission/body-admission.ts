import { AsyncLocalStorage } from 'node:async_hooks';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createBoundedWork } from '#src/kernel/requests/callers/bounded-work.ts';
import { createBodyMemory, type HeldBytes } from './bodies/body-memory.ts';
import { createBodyPlaces } from './bodies/body-places.ts';
import { createWastedBytes } from './bodies/wasted-bytes.ts';
import { maxTableBytes, type DecompressorOptions } from './decompressor.ts';
import type { Caller, Refusal } from './shares.ts';

export type BodyAdmissionOptions = {
  /** Max bodies that are read at once. */
  readonly maxBodies: number;
  /**
   * Max bytes of all bodies in memory, while they are read or processed. The first `uncountedBytes` of each body do not
   * count.
   */
  readonly maxTotalBytes: number;
  /**
   * Bytes at the start of each body that do not count against `maxTotalBytes`. `maxBodies` limits their sum while
   * bodies are read.
   */
  readonly uncountedBytes: number;
  /** Percent of both limits that one caller can use while it is the only caller. */
  readonly callerPercent: number;
  /** Min rate of a body, measured over each `graceMs`. A slower body is refused. */
  readonly minBytesPerSecond: number;
  /** Time over which the rate is measured. So no body is refused for its rate before this time has passed. */
  readonly graceMs: number;
};

export type OpenBody = {
  /** Counts bytes that arrived from the network, for the min rate. */
  readonly arrived: (bytes: number) => void;
  /** With false, the min rate does not apply, because this process does not read. The default is true. */
  readonly awaited: (isAwaited: boolean) => void;
  /** Runs a job of the decompressor when this body has its turn. */
  readonly unpack: DecompressorOptions['inTurn'];
  /** Counts bytes that stay in memory. @throws AppError `overloaded`, `concurrency_limit_exceeded` */
  readonly keep: (bytes: number) => void;
  /** Counts what a decompressor holds, until the body is closed. All have half of `maxTotalBytes`. @throws AppError as `keep` */
  readonly reserve: (bytes: number) => void;
  /** The body was read or refused: it does not count against `maxBodies` any more. */
  readonly close: () => void;
  /** The bytes are not needed any more: they do not count against `maxTotalBytes`. Also closes the body. */
  readonly release: () => void;
};

export type BodyAdmission = {
  /**
   * Counts a body as being read.
   * @param declaredBytes value of `Content-Length`, 0 without the header
   * @param onEnd called once when the body must end, because it arrives below the min rate or others need its memory
   * @throws AppError `overloaded`, `concurrency_limit_exceeded`
   */
  readonly open: (caller: Caller, declaredBytes: number, onEnd: (error: AppError) => void) => OpenBody;
  /** Bytes of all bodies in memory that count. */
  readonly heldBytes: () => number;
};

export type BodyAdmissionDeps = { readonly metrics: Metrics; readonly abuse: AbuseReport };

/**
 * Checks of a body per `graceMs`. The code counts checks and does not measure time: a blocked event loop has not read
 * the bytes that did arrive, and the body must not be refused because of that.
 */
const looksPerGrace = 5;
const retryAfter = 1;
/** Part of `maxTotalBytes` that every caller may hold while it is free: 4 MiB by default, about 40,000 rows of a batch. */
const minPart = 1 / 64;
/**
 * Part of `maxTotalBytes` beyond it for small bodies, 32 MiB by default. Bodies that have arrived keep their memory while they wait for their work, and a few large ones can
 * hold all of it.
 */
const extraPart = 1 / 8;
/** A batch of 1,000 rows has about 100 KB, and a part of them counts. */
const maxExtraBytes = 262_144;
/** The max window of brotli, and its tables. */
const maxDecoderBytes = 2 ** 24 + maxTableBytes;

/**
 * Part of the time of a place that a network may use without a place behind others: about 300 packed batches of 1,000 rows a minute. It is below the share of
 * each of 50 networks that use all places.
 */
const freeUnpacking = 0.01;

type Watched = { looks: number; bytes: number; isAwaited: boolean; readonly slow: () => void };

/** Limits the bodies that arrive: their number and bytes, in total and per caller, and the min rate of each body. */
export const createBodyAdmission = (options: BodyAdmissionOptions, deps: BodyAdmissionDeps): BodyAdmission => {
  const { maxBodies, maxTotalBytes, uncountedBytes, callerPercent, minBytesPerSecond, graceMs } = options;
  const { metrics, abuse } = deps;
  const bodies = createBodyPlaces({ limit: maxBodies, callerPercent, minAmount: 1 });
  const memory = createBodyMemory({
    limit: maxTotalBytes,
    callerPercent,
    minAmount: maxTotalBytes * minPart,
    extra: maxTotalBytes * extraPart,
    extraPerCaller: maxExtraBytes,
  });
  // Apart, so that bodies with large windows take no memory from bodies that have none.
  const windows = createBodyMemory({ limit: maxTotalBytes / 2, callerPercent, minAmount: maxDecoderBytes });
  const decompression = {
    metrics,
    queue: maxBodies,
    freeUse: freeUnpacking,
    detail: 'Too many compressed bodies are being read',
    retryAfter,
  } as const;
  const unpacking = {
    // Most of a short job is the wait for a processor and for the event loop, so two of them take little more of the threads than one.
    short: createBoundedWork({ ...decompression, concurrency: 2, work: 'decompression' }),
    // A long job keeps its thread for 0.1 s, and passwords and signatures need the others of the four.
    long: createBoundedWork({ ...decompression, concurrency: 1, work: 'brotli_decompression' }),
  } as const;
  const wasted = createWastedBytes({ maxBytes: maxTotalBytes * minPart });
  const isScarce = (): boolean => memory.total() > maxTotalBytes / 2;
  const watched = new Set<Watched>();
  const minBytesPerGrace = (minBytesPerSecond * graceMs) / 1_000;

  const look = (): void => {
    for (const body of watched) {
      if (!body.isAwaited) continue;
      body.looks += 1;
      if (body.looks < looksPerGrace) continue;
      if (body.bytes < minBytesPerGrace) body.slow();
      body.looks = 0;
      body.bytes = 0;
    }
  };
  setInterval(look, graceMs / looksPerGrace).unref();

  const refuse = (refusal: Refusal, caller: Caller): never => {
    abuse.refused('body_backlog', caller.clientIp);
    if (refusal === 'full') throw new AppError('overloaded', 'Too many bodies are being read', { retryAfter });
    throw new AppError('concurrency_limit_exceeded', 'Too many bodies of this caller are being read', { retryAfter });
  };
  const reportBodies = (): void => metrics.set('volwatch_http_bodies_in_progress', {}, bodies.total());
  const heldBytes = (): number => memory.total() + windows.total();
  const reportBytes = (): void => metrics.set('volwatch_http_body_bytes', {}, heldBytes());
  reportBodies();
  reportBytes();

  return {
    heldBytes,
    open: (caller, declaredBytes, onEnd) => {
      const declared = Math.max(0, declaredBytes - uncountedBytes);
      const hopeless = declared > 0 ? memory.check(caller, declared) : undefined;
      if (hopeless !== undefined) return refuse(hopeless, caller);
      // Its log line must belong to this request, and not to the one that takes the memory or the place.
      const giveUp = AsyncLocalStorage.bind((detail: string) => {
        release();
        abuse.refused('body_backlog', caller.clientIp);
        onEnd(new AppError('concurrency_limit_exceeded', detail, { retryAfter }));
      });
      const place = bodies.take(caller, () =>
        giveUp('Callers with fewer bodies need the place of this one, which has not arrived completely'),
      );
      if (typeof place === 'string') return refuse(place, caller);
      const body: Watched = {
        looks: 0,
        bytes: 0,
        isAwaited: true,
        slow: () => {
          watched.delete(body);
          abuse.refused('body_slow', caller.clientIp);
          onEnd(new AppError('request_timeout', 'The body arrives too slowly'));
        },
      };
      watched.add(body);
      reportBodies();
      const displaced = (): void =>
        giveUp('Callers with less memory need that of this body, which has not arrived completely');
      const kept = memory.open(caller, displaced);
      const window = windows.open(caller, displaced);
      /** Bytes as they arrive, and after decompression. */
      let arrived = 0;
      let size = 0;
      let counted = 0;
      let reading = true;
      const take = (held: HeldBytes, bytes: number): void => {
        const refused = held.take(bytes);
        if (refused !== undefined) refuse(refused, caller);
        reportBytes();
      };
      const close = (): void => {
        if (!reading) return;
        reading = false;
        watched.delete(body);
        place.leave();
        reportBodies();
        kept.settle();
        window.release();
        reportBytes();
      };
      const release = (): void => {
        if (reading) wasted.add(caller.clientIp, size - arrived);
        close();
        kept.release();
        reportBytes();
      };
      return {
        arrived: (bytes) => {
          body.bytes += bytes;
          arrived += bytes;
        },
        awaited: (isAwaited) => (body.isAwaited = isAwaited),
        unpack: (length, work) => unpacking[length].run(work),
        keep: (bytes) => {
          size += bytes;
          const more = Math.max(0, size - uncountedBytes) - counted;
          if (more === 0) return;
          if (size > arrived && isScarce() && wasted.isMuch(caller.clientIp)) refuse('caller', caller);
          take(kept, more);
          counted += more;
        },
        reserve: (bytes) => {
          if (bytes > 0) take(window, bytes);
        },
        close,
        release,
      };
    },
  };
};
