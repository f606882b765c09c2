// Why a vector is, or is not, among the answers to a query.
import { addressOf } from './address.js';
import {
	announce, formatNumber, formatScore, make, makeFacts, makeField, makeForm, makeInput, makeSubmit, makeTable,
} from './dom.js';
import { showEnd } from './failure.js';
import { formatJson } from './json.js';
import { makeTurns, watchJob } from './progress.js';
import { showText, showValue } from './text.js';

/** The panel; `explain(key)` fills it for the query that `request` gives. */
export function makeWhy(view, request, target) {
	const key = makeInput('target', { value: target, required: true });
	const answer = make('div', { class: 'answer' });
	const turn = makeTurns(view.signal);
	const explain = async () => {
		const signal = turn();
		try {
			const query = request();
			if (query === null) return;
			const result = await watchJob(answer, 'Searching for the key', 'why', { ...query, target: key.value }, signal);
			answer.replaceChildren(...showReason(view, key.value, result));
			announce(result.reason);
		} catch (error) {
			if (!signal.aborted) showEnd(error, answer);
		}
	};
	const element = make('section', { class: 'panel why' }, make('h2', {}, 'Why?'),
		makeForm(explain, { class: 'toolbar' }, makeField('Key that you expect', key,
			'Shows its rank for this query, and which conditions of the filter exclude it'), makeSubmit('Explain', {})), answer);
	const explainKey = (wanted) => {
		key.value = wanted;
		element.scrollIntoView({ block: 'nearest' });
		key.focus({ preventScroll: true });
		return explain();
	};
	return { element, explain: explainKey };
}

function showReason(view, key, { exists, rank, of, rank_without_filter: unfiltered, distance, text_score: score,
	filter = [], reason }) {
	return [
		make('p', { class: `verdict ${rank ? 'good' : 'bad'}` }, showText(reason)),
		makeFacts([
			['Rank', rank && formatNumber(rank)], ['Rank without the filter', unfiltered && formatNumber(unfiltered)],
			['Results examined', formatNumber(of)],
			['Distance', formatScore(distance)], ['Text score', formatScore(score)],
		]),
		filter.length ? makeTable('Conditions of the filter', ['Condition', 'At', 'This vector has', 'Holds'],
			filter.map(({ path, condition, holds, ...part }) => [
			make('code', {}, showText(typeof condition === 'string' ? condition : formatJson(condition))),
				make('code', {}, showText(path)), 'value' in part ? showValue(part.value ?? undefined) : '',
			make('span', { class: holds ? 'good' : 'bad' }, holds ? '✓ yes' : '✗ no'),
		])) : '',
		exists ? make('p', {}, make('a', { href: addressOf({ ...view.names, key }) }, 'Show this vector')) : '',
	];
}
