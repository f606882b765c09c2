// A query whose answers light up on a map.
import {
	announce, countOf, formatNumber, make, makeButton, makeField, makeForm, makeInput, makeNote, makeSelect,
	makeSubmit,
} from './dom.js';
import { fill } from './failure.js';
import { watchJob } from './progress.js';

const TOP = 10;
const KINDS = [['key', 'those like a key'], ['text', 'those with words']];
const EMBEDDED = ['embedded', 'those about a text'];

/** The form; `places` has the point of each key. `find(request, top)` runs a query without it. */
export function makeFinder(view, plot, places) {
	const input = makeInput('light');
	const kind = makeSelect(view.about.embedder ? [...KINDS, EMBEDDED] : KINDS, 'key', { id: 'light-kind' });
	const answer = make('div', {});
	const clear = () => {
		plot.setLit(new Map());
		answer.replaceChildren();
	};
	const find = (request, top = TOP) => fill(answer, async () => {
		const { results } = await watchJob(answer, 'Searching', 'query', { ...view.names, top_k: top, ...request },
			view.signal);
		const lit = results.map(({ key }, at) => [places.get(key), at + 1]).filter(([at]) => at !== undefined);
		plot.setLit(new Map(lit));
		const words = `${formatNumber(lit.length)} of ${countOf(results.length, 'result')} ${lit.length === 1 ? 'is' : 'are'} among the points`;
		announce(words);
		return make('div', { class: 'row' }, makeNote(words), makeButton('Clear', clear, { class: 'small' }));
	});
	const submit = () => {
		const mode = kind.value === 'text' ? 'text' : 'vector';
		find({ mode, [kind.value === 'key' ? 'key' : 'text']: input.value });
	};
	const form = makeForm(submit, { class: 'light' },
		makeField('Light up', kind), makeField('Key or text', input), makeSubmit('Find', {}));
	return { element: make('section', {}, make('h2', {}, 'Find on the map'), form, answer), find };
}
