import { jsonOf } from '../../client/answer.ts';
import { EventStream } from '../../client/event-stream.ts';
import { failureOf } from '../../client/failure.ts';
import type { Requester } from '../../client/requester.ts';
import type { ActorDetail, ActorSnapshot, ActorTransition } from '../../core/ports.ts';
import { defineCommand, type Context } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Cell, Output } from '../output.ts';
import { age, instant } from '../times.ts';

export const debugCommand = defineCommand({
  name: 'debug',
  summary: 'Show the actors of a node and their states, or one of them closely',
  words: [{ name: 'ACTOR', isOptional: true, completes: 'actor' }],
  options: {
    follow: { type: 'boolean', short: 'f', summary: 'Tell each transition as it happens' },
  },
  details: `Nodes show this to clients on their own machine only, unless their key debug says otherwise. With --follow,
SIGINT ends it, with exit code 130.`,
  examples: [
    'kvs debug',
    'kvs debug mode-controller',
    'kvs debug --follow',
    'kvs debug syncer --follow --json',
  ],
  async run(context, [actor], options) {
    if (options.follow === true) await follow(context, actor);
    else if (actor === undefined) await showAll(context);
    else await showOne(context, actor);
    return exitCodes.ok;
  },
});

/** Nodes say something every 15 s; one that was silent for so long is gone, ms. */
const silenceMs = 40_000;

async function showAll({ requester, output, isJson, signal }: Context): Promise<void> {
  const actors = (await ask(requester, '/debug/actors', signal)) as readonly ActorSnapshot[];
  if (isJson) {
    for (const actor of actors) await output.json(actor);
    return;
  }
  const rows = actors.map(({ id, machine, state, status, since, restarts, error }): Cell[] => [
    id,
    machine,
    stateCell(state, status),
    age(since),
    restarts === 0 ? '0' : ['yellow', String(restarts)],
    error === undefined ? '' : ['red', error],
  ]);
  await output.table(['ACTOR', 'MACHINE', 'STATE', 'FOR', 'RESTARTS', ''], rows);
}

async function showOne({ requester, output, isJson, signal }: Context, id: string): Promise<void> {
  const target = `/debug/actors/${encodeURIComponent(id)}`;
  const actor = (await ask(requester, target, signal)) as ActorDetail;
  if (isJson) return output.json(actor);
  const { machine, state, status, since, restarts, error, context, transitions } = actor;
  await output.line(['bold', id], machine);
  const shown = Object.entries(context ?? {});
  const width = Math.max(...['restarts', ...shown.map(([name]) => name)].map(({ length }) => length));
  await output.line('state'.padEnd(width), stateCell(state, status), `for ${age(since)}`);
  await output.line(
    'restarts'.padEnd(width),
    String(restarts),
    ...(error === undefined ? [] : [['red', error] as const]),
  );
  for (const [name, value] of shown) await output.line(name.padEnd(width), JSON.stringify(value));
  for (const transition of transitions) await output.line(...transitionCells(transition));
}

async function follow(
  { requester, output, isJson, signal }: Context,
  actor: string | undefined,
): Promise<void> {
  // An actor that isn't there would be waited for in silence.
  const shown = actor === undefined ? '/debug/actors' : `/debug/actors/${encodeURIComponent(actor)}`;
  await ask(requester, shown, signal);
  const { nodes } = requester;
  const url = nodes.at(nodes.preferred);
  const target = '/debug/events';
  const options = { requester, url, target, lastId: undefined, silenceMs, signal };
  const stream = await reached(EventStream.open(options), signal);
  try {
    for (;;) {
      const { type, data } = await reached(stream.next(), signal);
      if (type === 'gap') await printGap(output, data, isJson);
      else if (type === 'transition') await printTransition(output, data, isJson, actor);
    }
  } finally {
    stream.close();
  }
}

/** What a connection fails with says nothing to a user. */
async function reached<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error).error;
  }
}

async function printGap(output: Output, data: string, isJson: boolean): Promise<void> {
  const { dropped } = JSON.parse(data) as { dropped: number | null };
  if (isJson) await output.json({ gap: dropped });
  else await output.line(['magenta', 'gap'], `${dropped ?? 'some'} transitions are missing here`);
}

async function printTransition(output: Output, data: string, isJson: boolean, actor: string | undefined) {
  const transition = JSON.parse(data) as ActorTransition;
  if (actor !== undefined && transition.actor !== actor) return;
  if (isJson) await output.jsonText(data);
  else await output.line(...transitionCells(transition));
}

function ask(requester: Requester, target: string, signal: AbortSignal): Promise<unknown> {
  return requester.call({ method: 'GET', target, repeatable: 'anywhere', signal }, jsonOf);
}

function transitionCells({ at, actor, event, from, to }: ActorTransition): readonly Cell[] {
  return [['dim', instant(at)], ['bold', actor], `${stateText(from)} -> ${stateText(to)}`, ['dim', event]];
}

function stateCell(state: unknown, status: string): Cell {
  if (status === 'active') return ['green', stateText(state)];
  return [status === 'error' ? 'red' : 'dim', `${stateText(state)} (${status})`];
}

/** `{ a: { b: 'c' } }` as `a.b.c`; of parallel states all, with commas between them. */
function stateText(state: unknown): string {
  if (typeof state === 'string') return state;
  if (typeof state !== 'object' || state === null) return '-';
  return Object.entries(state)
    .map(([name, inner]) => `${name}.${stateText(inner)}`)
    .join(', ');
}
