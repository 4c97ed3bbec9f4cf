export type RunbookPage = {
  /** Titles of panels with the title of their dashboard. */
  readonly panels: readonly { readonly dashboard: string; readonly title: string }[];
  /** Queries of Prometheus. */
  readonly queries: readonly string[];
  /** Queries of the log store. */
  readonly logs: readonly string[];
  /** The blocks of commands for a shell, in their order. */
  readonly commands: readonly string[];
};

const bullet = (text: string, name: string): string =>
  new RegExp(`^- ${name}: ((?:.*\\n)(?:  .*\\n)*)`, 'm').exec(text)?.[1] ?? '';

const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);

const panelsOf = (text: string): RunbookPage['panels'] => {
  const panels: { dashboard: string; title: string }[] = [];
  let dashboard = '';
  for (const [, name, title] of text.matchAll(/\*([^*]+)\*|"([^"]+)"/g)) {
    if (name !== undefined) dashboard = name;
    else panels.push({ dashboard, title: title! });
  }
  return panels;
};

/** The parts of a runbook that can be carried out. */
export const readRunbook = (text: string): RunbookPage => ({
  panels: panelsOf(bullet(text, 'Panel')),
  queries: quoted(bullet(text, 'Query')),
  logs: quoted(bullet(text, 'Log')).filter((query) => query.startsWith('{')),
  commands: [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block!),
});
