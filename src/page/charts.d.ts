/** The charts of all machines, made by `tools/build-page.ts`. */
declare module 'charts' {
  import type { Chart } from './model/chart.ts';
  const charts: readonly Chart[];
  export default charts;
}
