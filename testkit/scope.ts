/** Like `t.teardown` of a test: stops everything that was started, in reverse order, even if a start fails. */
export type Scope = { readonly teardown: (release: () => unknown) => void; readonly close: () => Promise<void> };

export const createScope = (): Scope => {
  const releases: (() => unknown)[] = [];
  return {
    teardown: (release) => void releases.push(release),
    close: async () => {
      for (const release of releases.splice(0).toReversed()) {
        try {
          await release();
        } catch (error) {
          console.error('not released:', error);
        }
      }
    },
  };
};
