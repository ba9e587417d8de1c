import * as z from 'zod';
import { limits } from '../../core/limits.ts';
import type { Operation, Parameter } from './operation.ts';
import { acceptEncoding, ifMatch, ifNoneMatch, keyPath } from './parameters.ts';
import { bound } from './shape.ts';
import { notModifiedAnswer, valueAnswer } from './values.ts';

const consistency: Parameter = {
  name: 'consistency',
  in: 'query',
  text: '`quorum`: what a majority of all members knows; `local`, which is meant without it: what this node holds.',
  schema: z.enum(['local', 'quorum']),
};

const timeout: Parameter = {
  name: 'timeout',
  in: 'query',
  text: 'Seconds that a read with `consistency=quorum` waits for a majority; 5 unless given.',
  schema: z.number().min(0).max(limits.quorumTimeoutSecondsMax).meta(bound('quorumTimeoutSecondsMax')),
};

/** Reading what a majority knows. */
export const quorumOperations: readonly Operation[] = [
  {
    id: 'getValueOfQuorum',
    method: 'get',
    paths: ['/kv/{path}'],
    query: 'consistency=quorum',
    section: 'Values',
    title: 'Read what a majority of the members knows',
    text: "The newest version that a majority of all known members holds, this node included. Members that have left or were forgotten don't count; those that have failed do. What is behind is repaired on the way.",
    parameters: [keyPath, consistency, timeout, ifNoneMatch, ifMatch, acceptEncoding],
    answers: { 200: valueAnswer, 304: notModifiedAnswer },
    failures: ['KVS_BAD_PATH', 'KVS_KEY_NOT_FOUND', 'KVS_PRECONDITION_FAILED', 'KVS_NO_QUORUM'],
    curl: `curl 'http://localhost:8080/kv/users/john/profile?consistency=quorum'`,
  },
];
