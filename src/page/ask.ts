/** What the node answered instead of what was asked for. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
  }
}

/** Longer than a node on a busy machine takes, ms. */
const deadlineMs = 10_000;

/**
 * What a path answers to GET, as JSON of a known form: the page and the node are of one build.
 *
 * @throws Refusal with the node's own words; TypeError when it can't be reached
 */
export async function ask<T>(path: string): Promise<T> {
  const response = await request(path);
  return (await response.json()) as T;
}

/** The same, whatever it answers. */
export async function request(path: string): Promise<Response> {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(deadlineMs) });
  if (response.ok) return response;
  throw new Refusal(response.status, await explanation(response));
}

async function explanation(response: Response): Promise<string> {
  try {
    const { detail } = (await response.json()) as { detail?: string };
    return detail ?? response.statusText;
  } catch {
    return response.statusText;
  }
}

/** The path of a key, as it stands in a URL. */
export function encodedPath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
