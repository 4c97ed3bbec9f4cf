import { currentRequest } from '../request-context.ts';

/** Runs work that holds one of few places. While it runs, its request does not wait for connections behind the other requests of its caller and network. */
export const holdingPlace = async <T>(work: () => Promise<T>): Promise<T> => {
  const request = currentRequest();
  if (request === undefined) return work();
  request.placesHeld = (request.placesHeld ?? 0) + 1;
  try {
    return await work();
  } finally {
    request.placesHeld -= 1;
  }
};
