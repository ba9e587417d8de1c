import * as z from 'zod';
import type { Operation } from './operation.ts';
import { fileHeaders, knownAnswer as known } from './files.ts';
import { ifNoneMatch } from './parameters.ts';

/** What describes the interface, and what Prometheus reads. */
export const documentationOperations: readonly Operation[] = [
  {
    id: 'getMetrics',
    method: 'get',
    paths: ['/metrics'],
    section: 'Metrics',
    title: 'The node in numbers',
    text: 'In the text format of Prometheus, to everybody, unless the key `metrics` is `off`.',
    answers: { 200: { text: 'The metrics.', content: [{ type: 'text/plain', schema: z.string() }] } },
    failures: [],
    curl: 'curl http://localhost:8080/metrics',
  },
  {
    id: 'getOpenApi',
    method: 'get',
    paths: ['/openapi.json'],
    section: 'Documentation',
    title: 'This interface as OpenAPI 3.1',
    text: 'The same for every node of this version.',
    parameters: [ifNoneMatch],
    answers: {
      200: {
        text: 'The document.',
        headers: fileHeaders,
        content: [{ type: 'application/json', schema: z.looseObject({ openapi: z.string() }) }],
      },
      304: known,
    },
    failures: [],
    curl: 'curl http://localhost:8080/openapi.json',
  },
  {
    id: 'getDocs',
    method: 'get',
    paths: ['/docs'],
    section: 'Documentation',
    title: 'This interface as a page',
    text: 'To be opened in a browser.',
    parameters: [ifNoneMatch],
    answers: {
      200: { text: 'The page.', headers: fileHeaders, content: [{ type: 'text/html', schema: z.string() }] },
      304: known,
    },
    failures: [],
    curl: 'curl http://localhost:8080/docs',
  },
  {
    id: 'findDocs',
    method: 'get',
    paths: ['/docs/'],
    section: 'Documentation',
    title: 'Where that page is',
    text: 'For those who add a slash.',
    answers: { 308: { text: 'It is there.', headers: ['Location'] } },
    failures: [],
    curl: 'curl -L http://localhost:8080/docs/',
  },
  {
    id: 'getDocsAsset',
    method: 'get',
    paths: ['/docs/{name}'],
    section: 'Documentation',
    title: 'A part of that page',
    text: 'Its name changes with its content.',
    parameters: [
      { name: 'name', in: 'path', text: 'As the page has it.', schema: z.string().min(1) },
      ifNoneMatch,
    ],
    answers: {
      200: { text: 'The file.', headers: fileHeaders, content: [{ type: '*/*', schema: 'bytes' }] },
      304: known,
    },
    failures: [],
    curl: 'curl http://localhost:8080/docs/NAME',
    isInternal: true,
  },
];
