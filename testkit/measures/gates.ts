export type Gates = {
  /** Waits until `drain` opens the gate. */
  readonly pass: () => Promise<void>;
  /** Opens the gates one after the other until nobody waits. */
  readonly drain: () => Promise<void>;
  /** How many wait now, and the max of it. */
  readonly state: { readonly running: number; readonly max: number };
};

export const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Work of a test that goes on until the test ends it, to count what runs at the same time. */
export const createGates = (): Gates => {
  const state = { running: 0, max: 0 };
  const open: (() => void)[] = [];
  return {
    state,
    pass: async () => {
      state.running += 1;
      state.max = Math.max(state.max, state.running);
      const gate = Promise.withResolvers<void>();
      open.push(gate.resolve);
      await gate.promise;
      state.running -= 1;
    },
    drain: async () => {
      for (await turnOfLoop(); open.length > 0; await turnOfLoop()) open.shift()!();
    },
  };
};
