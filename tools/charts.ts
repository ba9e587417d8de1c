import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Chart } from '../src/page/model/chart.ts';
import { machinesIn, type DocumentedMachine } from './actor-pages.ts';
import { chartOf } from './chart-layout.ts';
import { nodesOf } from './machine-tree.ts';
import { statechart } from './statechart.ts';

/**
 * The charts of all machines of the project in `root`. Laying them out takes seconds, and is done anew only when a
 * machine, or how it is laid out, has changed.
 */
export async function chartsIn(root: string): Promise<readonly Chart[]> {
  const machines = await machinesIn(root);
  const cached = join(root, 'node_modules/.cache/kvs', `charts-${await versionOf(machines)}.json`);
  const known = await readFile(cached, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as Chart[];
  const charts: Chart[] = [];
  for (const machine of machines) charts.push(await chartOf(machine));
  await mkdir(dirname(cached), { recursive: true });
  await writeFile(cached, JSON.stringify(charts));
  return charts;
}

/** What decides how a chart looks, beside the machine: how it is read, how it is laid out, and by which library. */
const sources = ['chart-layout.ts', 'machine-tree.ts', '../src/page/model/chart.ts', '../package-lock.json'];

async function versionOf(machines: readonly DocumentedMachine[]): Promise<string> {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(await readFile(new URL(source, import.meta.url)));
  for (const { machine, docstring } of machines) {
    const events = nodesOf(machine.root).map((node) => [...node.transitions.keys()]);
    hash.update(JSON.stringify([machine.id, statechart(machine), events, docstring]));
  }
  return hash.digest('hex').slice(0, 16);
}
