/** The spot must fall or rise to the barrier, which starts (`in`) or ends (`out`) the option. */
export const barrierTypes = ['down_in', 'down_out', 'up_in', 'up_out'] as const;
export type BarrierType = (typeof barrierTypes)[number];
