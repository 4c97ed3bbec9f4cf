import { parse } from 'yaml';
import type { Api } from '../cluster/api.ts';

type Rule = { readonly seriesQuery: string; readonly name: { readonly as: string }; readonly metricsQuery: string };
type Rules = { readonly rules: readonly Rule[]; readonly externalRules: readonly Rule[] };
type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] };

/** Evaluates the rules of the chart in Prometheus, as prometheus-adapter does. */
export const createAdapter = async (api: Api, namespace: string, prometheusUrl: string) => {
  const path = `/api/v1/namespaces/${namespace}/configmaps/volwatch-adapter-rules`;
  const { data } = await api.get<{ data: Readonly<Record<string, string>> }>(path);
  const { rules, externalRules } = parse(data['config.yaml']!) as Rules;

  const samples = async (list: readonly Rule[], metric: string, matchers: string): Promise<readonly Sample[]> => {
    const rule = list.find(({ name }) => name.as === metric);
    if (rule === undefined) return [];
    const query = rule.metricsQuery
      .replaceAll('<<.Series>>', rule.seriesQuery.replace(/\{.*$/, ''))
      .replaceAll('<<.LabelMatchers>>', matchers)
      .replaceAll('<<.GroupBy>>', 'pod');
    const response = await fetch(`${prometheusUrl}/api/v1/query?${new URLSearchParams({ query }).toString()}`);
    const answer = (await response.json()) as { status: string; error?: string; data: { result: readonly Sample[] } };
    if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
    return answer.data.result;
  };
  return {
    customNames: rules.map(({ name }) => name.as),
    externalNames: externalRules.map(({ name }) => name.as),
    /** The value of each of the pods that has one. */
    ofPods: async (metric: string, names: readonly string[]): Promise<ReadonlyMap<string, number>> => {
      const found = await samples(rules, metric, `namespace="${namespace}",pod=~"${names.join('|')}"`);
      return new Map(found.map(({ metric: labels, value }) => [labels['pod']!, Number(value[1])]));
    },
    external: async (metric: string): Promise<readonly number[]> =>
      (await samples(externalRules, metric, `namespace="${namespace}"`)).map(({ value }) => Number(value[1])),
  };
};

export type Adapter = Awaited<ReturnType<typeof createAdapter>>;
