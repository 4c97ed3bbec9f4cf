import { createFairQueue, type Waiting } from '#src/pricing/workers/fair-queue.ts';

export type Task = Waiting & { readonly name: string };
/** A fair queue of named tasks. */
export const start = (maxTasks = 100, maxBytes = 1e9, now = () => performance.now()) => {
  const queue = createFairQueue<Task>({ maxTasks, maxBytes, now });
  const taskOf = (caller: string, name: string, facts: Partial<Task> = {}): Task => ({
    caller,
    name,
    kind: 'batch',
    bytes: 1_000,
    expectedMs: 10,
    ...facts,
  });
  const add = (caller: string, name: string, facts?: Partial<Task>): string[] =>
    queue.add(taskOf(caller, name, facts)).map((task) => task.name);
  /** Takes the next task and does its work, which takes the expected time. */
  const serve = (): Task => {
    const task = queue.take()!;
    queue.pass(task.expectedMs, [task]);
    return task;
  };
  const takeAll = (): string[] => Array.from({ length: queue.size() }, () => serve().name);
  return { queue, add, serve, takeAll, taskOf };
};
