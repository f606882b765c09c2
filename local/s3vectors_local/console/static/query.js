// Ask an index: by a vector that is stored, pasted or made from a text; by words; or by both.
import { addressOf } from './address.js';
import {
	announce, countOf, formatMilliseconds, formatScore, make, makeButton, makeChoice, makeField, makeForm, makeInput,
	makeSelect, makeSubmit,
} from './dom.js';
import { chooseColumns, makeColumnPicker } from './columns.js';
import { makeCopyMenu } from './copy.js';
import { showEnd } from './failure.js';
import { makeFilterField } from './filter.js';
import { addHeader } from './index-header.js';
import { textSearches } from './listing.js';
import { makeTurns, watchJob } from './progress.js';
import { readNumbers } from './numbers.js';
import { makeVectorTable } from './vector-table.js';
import { makeWhy } from './why.js';

const TOP = '10';
const MODES = [['vector', 'Vector'], ['text', 'Words'], ['hybrid', 'Both']];
const SOURCES = [['key', 'a stored vector'], ['vector', 'a pasted vector'], ['text', 'the text, embedded']];

export async function showQuery(view) {
	const description = await addHeader(view);
	const query = new Query(view, description);
	view.root.append(make('div', { class: 'split' }, query.form,
		make('div', { class: 'answers' }, query.result, query.why.element)));
	if (query.isComplete()) await query.run();
}

class Query {
	constructor(view, description) {
		this.view = view;
		this.searches = description === null ? null : textSearches(description);
		this.turn = makeTurns(view.signal);
		this.columns = null;
		this.makeFields(view.parameters);
		this.makeForm();
		this.result = make('div', { class: 'result' });
		this.why = makeWhy(view, () => this.request(), view.parameters.target ?? '');
		this.adapt();
	}

	makeFields({ mode, from, key = '', vector = '', text = '', filter = '', top_k = TOP, text_key: textKey }) {
		const { embedder } = this.view.about;
		const sources = embedder ? SOURCES : SOURCES.slice(0, 2);
		const startMode = text && !key && !vector && !embedder ? 'text' : 'vector';
		const startSource = vector ? 'vector' : key || !embedder ? 'key' : 'text';
		this.mode = makeChoice('Rank by', 'mode', MODES, mode ?? startMode, () => this.adapt());
		this.from = makeSelect(sources, from ?? startSource, { id: 'from', change: () => this.adapt() });
		this.key = makeInput('key', { value: key });
		this.vector = make('textarea',
			{ id: 'vector', rows: '3', value: vector, spellcheck: 'false', placeholder: '[0.12, -0.5, …]' });
		this.text = make('textarea', { id: 'text', rows: '3', value: text, keydown: (event) => this.submitOnEnter(event) });
		const keys = (this.searches ?? []).map(({ metadataKey }) => [metadataKey, metadataKey]);
		this.textKey = makeSelect(keys, textKey, { id: 'text-key' });
		this.filter = makeFilterField(filter, () => this.form.requestSubmit());
		this.top = make('input', { id: 'top', type: 'number', min: '1', max: '1000', required: true, value: top_k });
	}

	makeForm() {
		const { embedder } = this.view.about;
		this.fields = {
			from: makeField('Nearest to', this.from, embedder ? `Embedded by ${embedder.name}` : ''),
			key: makeField('Key of a stored vector', this.key),
			vector: makeField('Numbers', this.vector, 'As JSON, or separated by commas or spaces'),
			text: makeField('Text', this.text),
			textKey: makeField('Words in', this.textKey),
		};
		this.note = make('p', { class: 'note' });
		this.form = makeForm(() => this.run(), { class: 'panel query', 'aria-label': 'Query' },
			this.mode.element, this.note, Object.values(this.fields), this.filter.element,
			makeField('Results (top k)', this.top), makeSubmit('Query'));
	}

	submitOnEnter(event) {
		if (event.key !== 'Enter' || event.shiftKey) return;
		event.preventDefault();
		this.form.requestSubmit();
	}

	/** Show the fields that this kind of query needs. */
	adapt() {
		const mode = this.mode.value();
		const source = mode === 'text' ? 'text' : this.from.value;
		this.fields.from.hidden = mode === 'text';
		this.fields.key.hidden = source !== 'key';
		this.fields.vector.hidden = source !== 'vector';
		this.fields.text.hidden = mode === 'vector' && source !== 'text';
		this.fields.textKey.hidden = mode === 'vector' || (this.searches ?? []).length < 2;
		const searchable = this.searches?.some(({ status }) => status !== 'BUILDING') ?? true;
		this.note.textContent = mode !== 'vector' && !searchable
			? 'This index has no active text search. UpdateMetadataConfiguration adds one.' : '';
	}

	isComplete() {
		const { key, vector, text } = this.view.parameters;
		return Boolean(key || vector || text);
	}

	request() {
		const mode = this.mode.value();
		const source = mode === 'text' ? 'text' : this.from.value;
		const filter = this.filter.take();
		if (filter === undefined) return null;
		const request = { ...this.view.names, mode, top_k: Number(this.top.value) };
		if (source === 'key') request.key = this.key.value;
		if (source === 'vector') request.vector = readNumbers(this.vector.value);
		if (source === 'text' || mode !== 'vector') request.text = this.text.value;
		if (!this.fields.textKey.hidden) request.text_key = this.textKey.value;
		if (filter !== null) request.filter = filter;
		return request;
	}

	remember() {
		const mode = this.mode.value();
		const used = (name) => (this.fields[name].hidden ? '' : this[name].value);
		this.view.remember(this.view.place, {
			mode: mode === 'vector' ? '' : mode,
				from: this.fields.from.hidden || this.from.value === 'key' ? '' : this.from.value,
			key: used('key'), vector: used('vector'), text: used('text'), text_key: used('textKey'),
				filter: this.filter.text, top_k: this.top.value === TOP ? '' : this.top.value,
		});
	}

	async run() {
		const signal = this.turn();
		try {
			const request = this.request();
			if (request === null) return;
			this.remember();
			const begun = performance.now();
			const answer = await watchJob(this.result, 'Searching', 'query', request, signal);
			this.answer = { ...answer, whole: performance.now() - begun };
			if (!this.columns?.length) this.columns = chooseColumns(this.view, answer.results);
			this.showAnswer();
		} catch (error) {
			if (!signal.aborted) showEnd(error, this.result, { filter: this.filter });
		}
	}

	showAnswer() {
		const { results, milliseconds, whole, request } = this.answer;
		const number = countOf(results.length, 'result');
		announce(`${number} in ${formatMilliseconds(milliseconds)}`);
		const summary = make('div', { class: 'row actions' },
			make('p', { class: 'took' }, make('strong', {}, number),
				` in ${formatMilliseconds(milliseconds)}`,
				make('span', { class: 'note' }, `, ${formatMilliseconds(whole)} including the transfer`)),
			makeColumnPicker(this.view, this.columns, (columns) => { this.columns = columns; this.showResults(); }),
			makeCopyMenu('QueryVectors', request, this.view.about.service), this.makeMapLink());
		this.table = make('div', {});
		this.result.replaceChildren(summary, this.table);
		this.showResults();
	}

	showResults() {
		const { results } = this.answer;
		this.table.replaceChildren(results.length ? this.makeResults(results) : make('p', { class: 'empty' },
			'No vector matches. Use “Why?” below to see why an expected vector is missing.'));
	}

	makeMapLink() {
		const parameters = { light: this.mode.value(), ...this.answerSource(), top_k: this.top.value };
		return make('a', { class: 'button', href: addressOf({ ...this.view.names, view: 'map' }, parameters) },
			'On the map');
	}

	answerSource() {
		return Object.fromEntries(['key', 'text',
			'vector'].map((name) => [name, this.fields[name].hidden ? '' : this[name].value]));
	}

	makeResults(results) {
		const has = (name) => results.some((result) => result[name] !== undefined && result[name] !== null);
		const furthest = Math.max(...results.map(({ distance }) => distance ?? 0)) || 1;
		const ranks = new Map(results.map((result, at) => [result, at + 1]));
		const lead = [['Rank', (result) => ({ numeric: String(ranks.get(result)) })]];
		const before = [];
		if (has('distance')) before.push(['Distance', ({ distance }) => ({ numeric: makeBar(distance, furthest) })]);
		if (has('text_score')) before.push(['Text score',
			({ text_score: score }) => ({ numeric: formatScore(score) || '–' })]);
		if (has('score')) before.push(['Fused score', ({ score }) => ({ numeric: formatScore(score) || '–' })]);
		return makeVectorTable(this.view, results,
			{ columns: this.columns, lead, before, textFirst: true, actions: (result) => this.makeActions(result) }).element;
	}

	makeActions({ key }) {
		const similar = addressOf({ ...this.view.names, view: 'query' }, { key });
		return [
			make('a', { class: 'button small', href: similar, title: 'More like this' }, 'Similar'),
			makeButton('Why?', () => this.why.explain(key), { class: 'small' }),
		];
	}
}

function makeBar(distance, furthest) {
	if (distance === undefined || distance === null) return '–';
	return make('span', { class: 'bar-cell' }, formatScore(distance),
		make('progress', { max: furthest, value: distance, 'aria-hidden': 'true' }));
}
