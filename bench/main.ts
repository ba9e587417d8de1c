import { availableParallelism, cpus } from 'node:os';
import { benchHttp } from './http.ts';
import { benchMillion } from './million.ts';

process.stdout.write(
  `Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown CPU'}\n\n`,
);
await benchHttp();
process.stdout.write('\n');
await benchMillion();
