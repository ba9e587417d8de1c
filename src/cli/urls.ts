import { UsageError } from './failure.ts';

const defaultUrl = 'http://127.0.0.1:8080';

/**
 * The nodes to ask: those of the options, or else of `KVS_URL`, with commas between them. `host:port` stands for
 * `http://host:port`.
 *
 * @throws UsageError for what is no URL of a node
 */
export function urlsFrom(given: readonly string[] | undefined, environment: string | undefined): string[] {
  const listed = (environment ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (given !== undefined) return given.map((text) => urlFrom('--url', text));
  return listed.length === 0 ? [defaultUrl] : listed.map((text) => urlFrom('KVS_URL', text));
}

function urlFrom(source: string, text: string): string {
  const url = text.includes('://') ? text : `http://${text}`;
  if (isUrlOfNode(url)) return url;
  throw new UsageError(`${source} is the URL of a node, such as ${defaultUrl}, not "${text}"`);
}

function isUrlOfNode(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === '');
}
