import { describe, expect, it } from 'vitest';
import { prefersGzip } from '../../src/http/accept-encoding.ts';

describe('a client', () => {
  it.each([
    'gzip',
    'GZIP',
    'x-gzip',
    'gzip, deflate, br',
    'br;q=1.0, gzip;q=0.8, *;q=0.1',
    'gzip ; q=0.001',
    '*',
    'identity, gzip',
    'identity;q=0.5, gzip;q=0.5',
    'identity;q=0, gzip;q=0.1',
    'identity;q=0, *',
    'deflate,,gzip',
  ])('that sends %j takes gzip', (accepted) => {
    expect(prefersGzip(accepted)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'identity',
    'br, deflate',
    'gzip;q=0',
    'gzip;q=0.000',
    '*;q=0',
    'gzip;q=0, *',
    'identity;q=1, gzip;q=0.5',
    'identity;q=0',
    'gzip;q=2',
    'gzip;q=-1',
    'gzip;q=0.0001',
    'gzip;q=',
    'gzip;level=1',
    'gzipped',
  ])('that sends %j gets the value as it is', (accepted) => {
    expect(prefersGzip(accepted)).toBe(false);
  });
});
