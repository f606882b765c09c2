// Ask an index: by a vector that is stored, pasted or made from a text; by words; or by both.
import { addressOf } from './address.js';
import { announce, formatMilliseconds, formatNumber, formatScore, make, makeButton, makeField, makeSelect } from './dom.js';
import { chooseColumns, makeColumnPicker } from './columns.js';
import { makeCopyMenu } from './copy.js';
import { showEnd } from './failure.js';
import { makeFilterField } from './filter.js';
import { addHeader } from './index-header.js';
import { textSearches } from './listing.js';
import { makeTurns, watchJob } from './progress.js';
import { makeVectorTable } from './vector-table.js';
import { makeWhy } from './why.js';

const TOP = '10';
const MODES = [['vector', 'Nearest vectors'], ['text', 'Words in the text'], ['hybrid', 'Both, fused']];
const SOURCES = [['key', 'a stored vector'], ['vector', 'a pasted vector'], ['text', 'the text, embedded']];

export async function showQuery(view) {
  const description = await addHeader(view);
  const query = new Query(view, description);
  view.root.append(make('div', { class: 'split' }, query.form, make('div', { class: 'answers' }, query.result, query.why.element)));
  if (query.isComplete()) await query.run();
}

class Query {
  constructor(view, description) {
    this.view = view;
    this.searchable = description === null || textSearches(description).some(({ status }) => status !== 'BUILDING');
    this.turn = makeTurns(view.signal);
    this.columns = null;
    this.makeFields(view.parameters);
    this.makeForm();
    this.result = make('div', { class: 'result' });
    this.why = makeWhy(view, () => this.request(), view.parameters.target ?? '');
    this.adapt();
  }

  makeFields({ mode, from, key = '', vector = '', text = '', filter = '', top_k = TOP }) {
    const { embedder } = this.view.about;
    const sources = embedder ? SOURCES : SOURCES.slice(0, 2);
    const startMode = text && !key && !vector && !embedder ? 'text' : 'vector';
    const startSource = vector ? 'vector' : key || !embedder ? 'key' : 'text';
    this.mode = makeChoice('mode', MODES, mode ?? startMode, () => this.adapt());
    this.from = makeSelect(sources, from ?? startSource, { id: 'from', change: () => this.adapt() });
    const input = { autocomplete: 'off', spellcheck: 'false' };
    this.key = make('input', { id: 'key', value: key, ...input });
    this.vector = make('textarea', { id: 'vector', rows: '3', value: vector, placeholder: '[0.12, -0.5, …]', ...input });
    this.text = make('textarea', { id: 'text', rows: '3', value: text, keydown: (event) => this.submitOnEnter(event) });
    this.filter = makeFilterField(filter, () => this.form.requestSubmit());
    this.top = make('input', { id: 'top', type: 'number', min: '1', max: '10000', required: true, value: top_k });
  }

  makeForm() {
    const { embedder } = this.view.about;
    this.fields = {
      from: makeField('Nearest to', this.from, embedder ? `Embedded by ${embedder.name}` : ''), key: makeField('Key of a stored vector', this.key),
      vector: makeField('Numbers', this.vector, 'As JSON, or separated by commas or spaces'), text: makeField('Text', this.text),
    };
    this.note = make('p', { class: 'note' });
    const submit = (event) => { event.preventDefault(); this.run(); };
    this.form = make('form', { class: 'panel query', submit, 'aria-label': 'Query' },
      this.mode.element, this.note, this.fields.from, this.fields.key, this.fields.vector, this.fields.text,
      this.filter.element, makeField('Results (top k)', this.top),
      make('button', { type: 'submit', class: 'primary' }, 'Query'));
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
    this.note.textContent = mode !== 'vector' && !this.searchable
      ? 'This index has no active text search: the service will refuse words. UpdateMetadataConfiguration adds one.' : '';
  }

  isComplete() {
    const { key, vector, text } = this.view.parameters;
    return Boolean(key || vector || text);
  }

  request() {
    const { bucket, index } = this.view.place;
    const mode = this.mode.value();
    const source = mode === 'text' ? 'text' : this.from.value;
    const filter = this.filter.take();
    if (filter === undefined) return null;
    const request = { bucket, index, mode, top_k: Number(this.top.value) };
    if (source === 'key') request.key = this.key.value;
    if (source === 'vector') request.vector = readNumbers(this.vector.value);
    if (source === 'text' || mode !== 'vector') request.text = this.text.value;
    if (filter !== null) request.filter = filter;
    return request;
  }

  remember() {
    const mode = this.mode.value();
    const used = (name) => (this.fields[name].hidden ? '' : this[name].value);
    this.view.remember(this.view.place, {
      mode: mode === 'vector' ? '' : mode, from: this.fields.from.hidden || this.from.value === 'key' ? '' : this.from.value,
      key: used('key'), vector: used('vector'), text: used('text'), filter: this.filter.text, top_k: this.top.value === TOP ? '' : this.top.value,
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
      this.columns ??= chooseColumns(this.view, answer.results);
      this.showAnswer();
    } catch (error) {
      if (!signal.aborted) showEnd(error, this.result, { filter: this.filter });
    }
  }

  showAnswer() {
    const { results, milliseconds, whole, request } = this.answer;
    const number = `${formatNumber(results.length)} ${results.length === 1 ? 'result' : 'results'}`;
    announce(`${number} in ${formatMilliseconds(milliseconds)}`);
    const summary = make('div', { class: 'row actions' },
      make('p', { class: 'took' }, make('strong', {}, number), ` in ${formatMilliseconds(milliseconds)}`, make('span', { class: 'note' }, `, ${formatMilliseconds(whole)} with the way to this page`)),
      makeColumnPicker(this.view, this.columns, (columns) => { this.columns = columns; this.showAnswer(); }),
      makeCopyMenu('QueryVectors', request, this.view.about.service), this.makeMapLink());
    this.result.replaceChildren(summary, results.length ? this.makeResults(results) : make('p', { class: 'empty' }, 'Nothing matches. “Why?” below says what becomes of a vector that you expect here.'));
  }

  makeMapLink() {
    const { bucket, index } = this.view.place;
    const { key, text, vector } = this.answerSource();
    return make('a', { class: 'button', href: addressOf({ bucket, index, view: 'map' }, { light: this.mode.value(), key, text, vector, top_k: this.top.value }) }, 'On the map');
  }

  answerSource() {
    return Object.fromEntries(['key', 'text', 'vector'].map((name) => [name, this.fields[name].hidden ? '' : this[name].value]));
  }

  makeResults(results) {
    const has = (name) => results.some((result) => result[name] !== undefined && result[name] !== null);
    const furthest = Math.max(...results.map(({ distance }) => distance ?? 0)) || 1;
    const ranks = new Map(results.map((result, at) => [result, at + 1]));
    const before = [['Rank', (result) => ({ numeric: String(ranks.get(result)) })]];
    if (has('distance')) before.push(['Distance', ({ distance }) => ({ numeric: makeBar(distance, furthest) })]);
    if (has('text_score')) before.push(['Text score', ({ text_score: score }) => ({ numeric: formatScore(score) || '–' })]);
    if (has('score')) before.push(['Fused score', ({ score }) => ({ numeric: formatScore(score) || '–' })]);
    return makeVectorTable(this.view, results, { columns: this.columns, before, actions: (result) => this.makeActions(result) }).element;
  }

  makeActions({ key }) {
    const { bucket, index } = this.view.place;
    return [
      make('a', { class: 'button small', href: addressOf({ bucket, index, view: 'query' }, { key }) }, 'More like this'),
      makeButton('Why?', () => this.why.explain(key), { class: 'small' }),
    ];
  }
}

function makeBar(distance, furthest) {
  if (distance === undefined || distance === null) return '–';
  return make('span', { class: 'bar-cell' }, formatScore(distance), make('progress', { max: furthest, value: distance, 'aria-hidden': 'true' }));
}

function makeChoice(name, options, chosen, change) {
  const boxes = options.map(([value, text]) => {
    const box = make('input', { type: 'radio', name, value, checked: value === chosen, change });
    return [box, make('label', { class: 'segment' }, box, text)];
  });
  const element = make('fieldset', { class: 'segments' }, make('legend', {}, 'Rank by'), boxes.map(([, label]) => label));
  return { element, value: () => boxes.find(([box]) => box.checked)?.[0].value ?? options[0][0] };
}

/** The numbers of a pasted vector, in whatever way they are separated. */
export function readNumbers(text) {
  const words = text.replace(/^\s*\{\s*"float32"\s*:/, '').replaceAll(/[[\](){}]/g, ' ').split(/[\s,;]+/).filter(Boolean);
  const numbers = words.map(Number);
  const wrong = numbers.findIndex((number) => !Number.isFinite(number));
  if (words.length === 0) throw new TypeError('There are no numbers: paste a vector like [0.12, -0.5].');
  if (wrong >= 0) throw new TypeError(`Number ${wrong + 1} of the vector is “${words[wrong].slice(0, 40)}”, which is not a number.`);
  return numbers;
}
