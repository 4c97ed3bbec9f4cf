/** Percent of the bytes of all callers that the owners of one network can use together while few bytes are used. */
const maxPercent = 25;
/** Above this percent of the bytes of all callers each network has a part of what is free. */
const crowdedPercent = 50;
/** The part of the free bytes: one of so many. After 50 networks have taken their part there is still a chunk for the next one. */
const parts = 40;

export type ShareOptions = {
  /** Max bytes of all callers. */
  readonly max: number;
  /** One owner may use so many bytes while few bytes are used, whatever the share of a network is. */
  readonly maxOfOwner: number;
  /** A network may always use so many bytes, while they are free. */
  readonly minBytes: number;
};

/**
 * The max bytes of all owners of one network, so that many accounts of one network, or those of 50 networks, leave room for others.
 * @param total the bytes that all callers use now
 * @param added the bytes that this request would add
 */
export const networkShare = ({ max, maxOfOwner, minBytes }: ShareOptions, total: number, added: number): number => {
  const isCrowded = total + added > (max * crowdedPercent) / 100;
  if (!isCrowded) return Math.max(maxOfOwner, Math.floor((max * maxPercent) / 100));
  return Math.max(minBytes, Math.floor((max - total) / parts));
};
