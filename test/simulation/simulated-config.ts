import { configKeys, configSchema, defaultOf, type Config } from '../../src/config.ts';

/** The configuration of a simulated node: the defaults, and what a run changes of them. */
export function simulatedConfig(overrides: Partial<Config> & Pick<Config, 'node_id'>): Config {
  const defaults = Object.fromEntries(configKeys.map((key) => [key, defaultOf(key, overrides.node_id)]));
  return configSchema.parse({ ...defaults, cache_bytes: 65_536, ...overrides });
}
