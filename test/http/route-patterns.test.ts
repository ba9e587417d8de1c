import { describe, expect, it } from 'vitest';
import { RoutePatterns } from '../../src/http/route-patterns.ts';
import { makeApp } from './harness.ts';

describe('The pattern of a target', () => {
  it.each([
    ['/kv/a', '/kv/*'],
    ['/kv/a/b%20c?x=/members', '/kv/*'],
    ['/kv/../health', '/kv/*'],
    ['http://example.org/kv/a', '/kv/*'],
    ['/health', '/health'],
    ['/health?verbose', '/health'],
    ['/health/ready', '/health/ready'],
    ['/members/', '/members/'],
    ['/debug/actors', '/debug/actors'],
    ['/debug/actors/replicator.pusher-node2', '/debug/actors/:id'],
    ['/internal/peer', '/internal/peer'],
    ['/metrics', '/metrics'],
    ['/', 'none'],
    ['/kvx', 'none'],
    ['/health/x', 'none'],
    ['/debug/actors/a/b', 'none'],
    ['*', 'none'],
    ['', 'none'],
  ])('%s is %s', async (target, pattern) => {
    const { app, close } = await makeApp();
    expect(new RoutePatterns(app).of(target)).toBe(pattern);
    await close();
  });
});
