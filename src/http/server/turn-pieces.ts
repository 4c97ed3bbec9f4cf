export type TurnPiecesOptions = {
  /** Max small pieces of bodies that the connections of one address bring in one turn of the event loop. */
  readonly maxByAddress: number;
  /** The same for all connections. Above it, each address may still bring `few`, up to `maxWithFew` in all. */
  readonly max: number;
  readonly few: number;
  readonly maxWithFew: number;
};

/** @returns whether one more piece of a connection of `address` is within the limits */
export type TurnPieces = (address: string) => boolean;

/**
 * Counts small pieces of bodies in a turn of the event loop. Node hands over each chunk of a body as a piece, which takes
 * about a microsecond, and one read of a connection can have 3,000 of them. It reads all connections that have data in
 * one turn, so 1,000 of them held the event loop for 2.7 s.
 */
export const createTurnPieces = ({ maxByAddress, max, few, maxWithFew }: TurnPiecesOptions): TurnPieces => {
  const byAddress = new Map<string, number>();
  let total = 0;
  const reset = (): void => {
    byAddress.clear();
    total = 0;
  };
  return (address) => {
    if (total === 0) setImmediate(reset);
    total += 1;
    const count = (byAddress.get(address) ?? 0) + 1;
    byAddress.set(address, count);
    return count <= few ? total <= maxWithFew : count <= maxByAddress && total <= max;
  };
};
