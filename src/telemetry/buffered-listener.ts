export type BufferedListener<Item> = {
  readonly report: (item: Item) => void;
  /** Calls the listener for all items, also for those before this call. */
  readonly subscribe: (listener: (item: Item) => void) => void;
};

/** Keeps up to `maxItems` until a listener subscribes, because the preload runs long before the logger exists. */
export const createBufferedListener = <Item>(maxItems: number): BufferedListener<Item> => {
  const before: Item[] = [];
  let listener: ((item: Item) => void) | undefined;
  return {
    report: (item) => {
      if (listener) listener(item);
      else if (before.length < maxItems) before.push(item);
    },
    subscribe: (subscriber) => {
      listener = subscriber;
      for (const item of before.splice(0)) subscriber(item);
    },
  };
};
