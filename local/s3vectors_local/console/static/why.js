// Why a vector is, or is not, among the answers to a query.
import { addressOf } from './address.js';
import { announce, formatNumber, formatScore, make, makeFacts, makeField, makeTable } from './dom.js';
import { showEnd } from './failure.js';
import { formatJson } from './json.js';
import { makeTurns, watchJob } from './progress.js';
import { showText } from './text.js';

/** The panel; `explain(key)` fills it for the query that `request` gives. */
export function makeWhy(view, request, target) {
  const key = make('input', { id: 'target', value: target, autocomplete: 'off', spellcheck: 'false', required: true });
  const answer = make('div', { class: 'answer' });
  const turn = makeTurns(view.signal);
  const explain = async () => {
    const signal = turn();
    try {
      const query = request();
      if (query === null) return;
      const result = await watchJob(answer, 'Looking for it', 'why', { ...query, target: key.value }, signal);
      answer.replaceChildren(...showReason(view, key.value, result));
      announce(result.reason);
    } catch (error) {
      if (!signal.aborted) showEnd(error, answer);
    }
  };
  const submit = (event) => { event.preventDefault(); explain(); };
  const element = make('section', { class: 'panel why' }, make('h2', {}, 'Why?'),
    make('form', { class: 'toolbar', submit }, makeField('Key that you expect', key, 'Its rank for this query, and which part of the filter leaves it out'), make('button', { type: 'submit' }, 'Explain')), answer);
  const explainKey = (wanted) => {
    key.value = wanted;
    element.scrollIntoView({ block: 'nearest' });
    key.focus({ preventScroll: true });
    return explain();
  };
  return { element, explain: explainKey };
}

function showReason(view, key, { exists, rank, of, distance, text_score: score, filter = [], reason }) {
  const { bucket, index } = view.place;
  const leavesOut = filter.some(({ holds }) => !holds);
  return [
    make('p', { class: `verdict ${exists && !leavesOut ? 'good' : 'bad'}` }, showText(reason)),
    makeFacts([
      ['Rank', rank ? `${formatNumber(rank)}${of ? ` of ${formatNumber(of)}` : ''}` : null],
      ['Distance', formatScore(distance)], ['Text score', formatScore(score)],
    ]),
    filter.length ? makeTable('Conditions of the filter', ['Condition', 'At', 'Holds'], filter.map(({ path, condition, holds }) => [
      make('code', {}, showText(typeof condition === 'string' ? condition : formatJson(condition))), make('code', {}, showText(path)),
      make('span', { class: holds ? 'good' : 'bad' }, holds ? '✓ yes' : '✗ no'),
    ])) : '',
    exists ? make('p', {}, make('a', { href: addressOf({ bucket, index, key }) }, 'Look at this vector')) : '',
  ];
}
