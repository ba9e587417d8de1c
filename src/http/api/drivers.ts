import * as z from 'zod';
import { deletedAnswers } from './lists.ts';
import type { Operation, Parameter } from './operation.ts';
import { prefix } from './parameters.ts';
import { shape } from './shape.ts';
import { writeFailures } from './values.ts';

const paths = ['/kv/{prefix}/:'];

const base: Parameter = {
  name: 'KVS-Base',
  in: 'header',
  text: 'Where the base of the driver ends, as a path; `/` for none. The first segment of the path unless given.',
  schema: z.string(),
};

const keyNames = shape(
  'UnstorageKeys',
  'The keys below a base, relative to it, with colons in the place of slashes.',
  z.array(z.string()),
);

/** What unstorage asks for beside single values. */
export const driverOperations: readonly Operation[] = [
  {
    id: 'listUnstorageKeys',
    method: 'get',
    paths,
    section: 'Drivers',
    title: "List the keys below a base, in unstorage's form",
    text: 'All of them, at any depth, as one array that comes as a stream. Keys that have no name in unstorage are left out.',
    parameters: [prefix, base],
    answers: {
      200: { text: 'The keys.', content: [{ type: 'application/json', schema: keyNames }] },
    },
    failures: ['KVS_BAD_PATH'],
    curl: `curl 'http://localhost:8080/kv/users/:'`,
  },
  {
    id: 'clearUnstorageBase',
    method: 'delete',
    paths,
    section: 'Drivers',
    title: 'Delete all keys below a base',
    text: 'As a recursive delete does.',
    parameters: [prefix],
    answers: deletedAnswers,
    failures: ['KVS_BAD_PATH', ...writeFailures],
    curl: `curl -X DELETE 'http://localhost:8080/kv/users/:'`,
  },
];
