import { batchOperations } from './batches.ts';
import { debugOperations } from './debug.ts';
import { documentationOperations } from './documentation.ts';
import { driverOperations } from './drivers.ts';
import { healthOperations } from './health.ts';
import { listOperations } from './lists.ts';
import { memberOperations } from './members.ts';
import type { Operation } from './operation.ts';
import { quorumOperations } from './quorum.ts';
import { revisionOperations } from './revisions.ts';
import { valueOperations } from './values.ts';
import { watchOperations } from './watches.ts';

/** Everything that a node can be asked for. Of those that share a method and a path the first is what is meant without a query. */
export const operations: readonly Operation[] = [
  ...valueOperations,
  ...quorumOperations,
  ...revisionOperations,
  ...listOperations,
  ...watchOperations,
  ...driverOperations,
  ...batchOperations,
  ...memberOperations,
  ...healthOperations,
  ...debugOperations,
  ...documentationOperations,
];
