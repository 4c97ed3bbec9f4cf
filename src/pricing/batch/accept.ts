import { acceptedTypes } from '#src/kernel/requests/accept.ts';
import { arrowType, jsonType, type Transport } from './prepared-batch.ts';

/** The formats that an `Accept` header allows, best first. The format of the request comes first for `*` ranges. */
export const acceptedTransports = (accept: string | undefined, input: Transport): Transport[] => {
  const types = input === 'json' ? [jsonType, arrowType] : [arrowType, jsonType];
  return acceptedTypes(accept, types).map((type) => (type === arrowType ? 'arrow' : 'json'));
};

/** The format of a request body, by its `Content-Type`. */
export const transportOf = (contentType: string | undefined): Transport =>
  contentType?.trim().toLowerCase().startsWith(arrowType) ? 'arrow' : 'json';
