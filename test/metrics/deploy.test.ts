import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runNode } from '../running-node.ts';
import { scrape } from './exposition.ts';

const fileOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const dashboardFile = fileOf('deploy/grafana/kvs.json');
const alertsFile = fileOf('deploy/prometheus/alerts.yaml');

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

async function dashboardQueries(): Promise<readonly (readonly [title: string, expression: string])[]> {
  const { panels, templating } = JSON.parse(await readFile(dashboardFile, 'utf8')) as {
    panels: readonly Panel[];
    templating: { list: readonly { query: string | { query: string } }[] };
  };
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [title, expr] as const),
  );
  const ofVariables = templating.list.flatMap(({ query }) =>
    typeof query === 'string' ? [] : [['a variable', query.query] as const],
  );
  return [...ofPanels, ...ofVariables];
}

async function alertQueries(): Promise<readonly (readonly [title: string, expression: string])[]> {
  const { groups } = parse(await readFile(alertsFile, 'utf8')) as {
    groups: readonly { rules: readonly { alert: string; expr: string }[] }[];
  };
  return groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => [alert, expr] as const));
}

/** Words of PromQL that stand where the name of a metric could. */
const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset']);

/** The metrics that an expression asks for: its words that are no functions, keywords, labels or durations. */
function metricsIn(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\blabel_values\(([^,]*),[^)]*\)/g, '$1');
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)]
    .map(([word]) => word)
    .filter((word) => !keywords.has(word));
}

describe('The metrics that a query asks for', () => {
  it.each([
    ['up{job="kvs"} == 0', ['up']],
    ['sum by (a, b) (rate(x_total{c=~"d_total"}[5m])) / y > 0.5', ['x_total', 'y']],
    ['histogram_quantile(0.99, sum by (le) (rate(x_bucket[$__rate_interval])))', ['x_bucket']],
    ['a * on (i) group_left (c) b and ignoring (o) c == 0', ['a', 'b', 'c']],
    ['time() - t', ['t']],
    ['label_values(kvs_node_info, instance)', ['kvs_node_info']],
  ])('%s', (expression, metrics) => {
    expect(metricsIn(expression)).toEqual(metrics);
  });
});

describe('What comes with the project for operators', () => {
  it('asks for metrics that a node has, and for nothing else', async () => {
    const { url } = await runNode();
    const names = (await scrape(url)).names();
    const queries = [...(await dashboardQueries()), ...(await alertQueries())];
    expect(queries.length).toBeGreaterThan(40);
    const unknown = queries.flatMap(([title, expression]) =>
      metricsIn(expression)
        // Prometheus makes this one itself.
        .filter((name) => name !== 'up' && !names.has(name))
        .map((name) => `${title}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('is explained: docs/metrics.md names each metric of ours, and none that there is not', async () => {
    const { url } = await runNode();
    const guide = await readFile(fileOf('docs/metrics.md'), 'utf8');
    const names = [...(await scrape(url)).types.keys()].filter((name) => name.startsWith('kvs_'));
    expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
    const named = [...guide.matchAll(/`(kvs_\w+)`/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

function promtool(args: readonly string[], input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

describe.skipIf(!hasPromtool)('promtool (needs it: apt-get install prometheus)', () => {
  it('finds no fault with the metrics of a node', async () => {
    const { url } = await runNode();
    await fetch(`${url}/kv/a`, { method: 'PUT', body: '1' });
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, output: '' });
  });

  it('finds fault with a counter that is not called so: the check is able to fail', () => {
    const { status, output } = promtool(['check', 'metrics'], '# HELP a .\n# TYPE a counter\na 1\n');
    expect([status, output]).toEqual([3, expect.stringContaining('_total')]);
  });

  it('accepts the alerts, and the configuration that names them', () => {
    expect(promtool(['check', 'rules', alertsFile])).toMatchObject({ status: 0 });
    expect(promtool(['check', 'config', fileOf('deploy/prometheus/prometheus.yaml')])).toMatchObject({
      status: 0,
    });
  });

  it('sees the alerts fire for what they are about, and for nothing else', () => {
    const { status, output } = promtool(['test', 'rules', fileOf('test/metrics/alerts.test.yaml')]);
    expect(output).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
