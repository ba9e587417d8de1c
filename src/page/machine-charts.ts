import charts from 'charts';
import type { Chart } from './model/chart.ts';

const byMachine = new Map(charts.map((chart) => [chart.id, chart]));

/** Undefined for a machine of another build. */
export function chartOfMachine(id: string): Chart | undefined {
  return byMachine.get(id);
}
