import { useEffect } from 'preact/hooks';
import { live } from '../live.ts';
import type { DecisionAnswer } from '../model/answers.ts';
import { count, dateTime, shortUuid } from '../model/format.ts';
import { Empty } from '../parts/empty.tsx';
import { Ago } from '../parts/since.tsx';
import { hrefOf } from '../router.ts';

const decisionsShown = 100;

/** How the members voted where two versions of one instant stood against each other. */
export function ConflictsView() {
  useEffect(() => {
    live.selected.value = 'conflict-resolver';
    return () => {
      live.selected.value = '';
    };
  }, []);
  const decisions = live.decisions.value.slice(-decisionsShown).toReversed();
  return (
    <section class="panel" aria-labelledby="conflicts-title">
      <div class="panel-head">
        <h2 id="conflicts-title">Decisions of this node</h2>
        <a href={hrefOf('actors', 'conflict-resolver')}>The conflict-resolver</a>
      </div>
      <Totals />
      {decisions.length === 0 ? (
        <Empty title="No conflict was decided here">
          When two nodes write one key at the very same instant, the members vote on it, and each vote is
          listed here with its tally. <code>npm run make-conflict</code> makes one to look at.
        </Empty>
      ) : (
        <ol class="decisions">
          {decisions.map((decision) => (
            <Decision key={`${decision.at} ${decision.path}`} decision={decision} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Totals() {
  const context = live.contexts.value.get('conflict-resolver')?.context;
  if (context === undefined) return null;
  const number = (name: string) => count(Number(context[name] ?? 0));
  return (
    <p class="totals">
      {number('decided')} decided since the start · {number('overflown')} left to a later comparison ·{' '}
      {number('failures')} failed votes in a row
    </p>
  );
}

function Decision({ decision }: { readonly decision: DecisionAnswer }) {
  const { path, at, winner, origin, tally } = decision;
  const votes = Object.entries(tally).toSorted(([a], [b]) => Number(b === winner) - Number(a === winner));
  const all = votes.reduce((sum, [, many]) => sum + many, 0);
  return (
    <li class="decision">
      <div class="decision-head">
        <a href={hrefOf('keys', path)}>
          <code>{path}</code>
        </a>
        <time title={dateTime(at)}>
          <Ago at={at} />
        </time>
      </div>
      <p>
        The version of <strong>{origin}</strong> stays
        {isTie(tally, winner) ? ', as that of the oldest node' : ''}.
      </p>
      <ul class="tally">
        {votes.map(([uuid, many]) => (
          <li key={uuid} class={uuid === winner ? 'winner' : 'loser'}>
            <code title={uuid}>{shortUuid(uuid)}</code>
            <span class="bar" aria-hidden="true">
              <i style={{ width: `${(100 * many) / Math.max(1, all)}%` }} />
            </span>
            <span class="votes">
              {count(many)} {many === 1 ? 'vote' : 'votes'}
            </span>
          </li>
        ))}
      </ul>
    </li>
  );
}

function isTie(tally: Readonly<Record<string, number>>, winner: string): boolean {
  const own = tally[winner] ?? 0;
  return Object.entries(tally).some(([uuid, many]) => uuid !== winner && many === own);
}
