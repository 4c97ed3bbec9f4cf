/** What can hold much memory for requests. `unfinished_answers` arrive from pricing processes, or are read from the database. */
export const memoryHolders = ['bodies', 'answers', 'unfinished_answers', 'syncs', 'connections'] as const;
export type MemoryHolder = (typeof memoryHolders)[number];

/** How the service itself makes memory free, beside what V8 and the C library do. See docs/decisions/0121, 0377 and 0414. */
export const memoryReleases = ['collection', 'free_pages'] as const;
export type MemoryRelease = (typeof memoryReleases)[number];
