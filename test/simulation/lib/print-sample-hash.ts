import { runSampleCluster } from './sample-cluster.ts';

const [seed, untilMs] = process.argv.slice(2).map(Number);
if (seed === undefined || untilMs === undefined) throw new Error('usage: print-sample-hash SEED UNTIL_MS');
const { trace } = await runSampleCluster(seed, untilMs);
process.stdout.write(trace.hash);
