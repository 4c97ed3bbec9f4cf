import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Universe } from '../indexes/universes.ts';

/**
 * Asked before the body is read, and again under the lock of the universe: a change of its source between the two would let a
 * file replace the series of a provider.
 * @throws AppError `series_source_conflict`
 */
export const assertTakesUploads = (source: Universe['source'] = 'provider'): void => {
  if (source === 'upload') return;
  throw new AppError(
    'series_source_conflict',
    `The prices of this universe come from ${source}: upload to a universe with "source": "upload"`,
  );
};
