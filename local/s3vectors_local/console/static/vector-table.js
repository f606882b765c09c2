// Vectors as rows: key, the columns that the reader chose, the beginning of the text; more on a click.
import { addressOf } from './address.js';
import { make, makeButton, makeRow, makeTable } from './dom.js';
import { formatJson } from './json.js';
import { addCondition } from './filter.js';
import { plainVisible, readValue, showLongText, showSnippet, showText, showValue } from './text.js';

/**
 * A table of vectors.
 *
 * lead: columns of the caller's own, as [title, vector => cell], before the key.
 * before: the same between the key and the metadata.
 * textFirst: whether the text comes before the other metadata.
 * filter: the text of the filter that a click on a value adds to; null when values are no links.
 * select: run when the selection changes; null when nothing can be selected.
 * selection: the keys that are selected at first.
 * actions: a function that gives the last cell of a row.
 */
export function makeVectorTable(view, vectors, options) {
	const { columns, lead = [], before = [], textFirst = false, filter = null, select = null, actions = null,
		selection = [] } = options;
	const boxes = new Map();
	const metadata = columns.map((name) =>
		[makeTitle(name), (vector) => makeValueCell(view, name, readValue(vector.metadata, name), filter)]);
	const text = vectors.some((vector) => readValue(vector.metadata, view.textKey) !== undefined)
		? [[makeTitle(view.textKey), (vector) => makeTextCell(vector, view.textKey), 'textual']] : [];
	const shown = [
		...(select ? [[makeSelectAll(boxes, select), ({ key }) => makeSelection(boxes, key, select, selection.includes(key))]] : []),
		...lead, ['Key', (vector) => makeKeyCell(view, vector, shown.length)], ...before,
		...(textFirst ? [...text, ...metadata] : [...metadata, ...text]),
		...(actions ? [['Actions', (vector) => make('div', { class: 'row-actions' }, actions(vector)), 'last']] : []),
	];
	const titles = shown.map(([title]) => title);
	const element = makeTable('Vectors', titles, [], { class: 'data vectors' });
	const body = element.querySelector('tbody');
	for (const vector of vectors) {
		const row = makeRow(titles, shown.map(([, makeCell]) => makeCell(vector)));
		shown.forEach(([, , kind], at) => { if (kind) row.cells[at].className = kind; });
		body.append(row);
	}
	return { element, selected: () => [...boxes].filter(([, box]) => box.checked).map(([key]) => key) };
}

function makeTitle(name) {
	return make('span', { class: 'meta' }, showText(name));
}

function makeSelectAll(boxes, select) {
	return make('input', { type: 'checkbox', 'aria-label': 'Select all on this page', change: (event) => {
		for (const box of boxes.values()) box.checked = event.target.checked;
		select();
	} });
}

function makeSelection(boxes, key, select, checked) {
	const box = make('input', { type: 'checkbox', checked, 'aria-label': `Select ${plainVisible(key)}`, change: select });
	boxes.set(key, box);
	return box;
}

function makeKeyCell(view, vector, width) {
	const button = makeButton('', () => toggleDetails(button, vector, width),
		{ class: 'expand', 'aria-expanded': 'false', 'aria-label': `Details of ${plainVisible(vector.key)}` });
	return make('div', { class: 'keycell' }, button,
		make('a', { class: 'mono', href: addressOf({ ...view.names, key: vector.key }) }, showSnippet(vector.key)));
}

function toggleDetails(button, vector, width) {
	const row = button.closest('tr');
	const open = button.getAttribute('aria-expanded') === 'true';
	button.setAttribute('aria-expanded', String(!open));
	if (open) row.nextElementSibling.remove();
	else row.after(make('tr', { class: 'details' }, make('td', { colspan: width }, makeJson(vector.metadata ?? {}))));
}

/** Metadata as it is, indented. */
export function makeJson(value) {
	return make('pre', { tabindex: '0', 'aria-label': 'As JSON' }, showLongText(formatJson(value, 2)));
}

function makeValueCell(view, name, value, filter) {
	if (filter === null || value === undefined || typeof value === 'object'
		|| String(value).length > 200) return showValue(value);
	let more;
	try {
		more = addCondition(filter, name, value);
	} catch {
		return showValue(value); // what is typed is not a filter yet
	}
	return make('a', { class: 'quiet', href: addressOf({ ...view.names, view: 'browse' }, { filter: more }),
		title: 'Only vectors with this value' }, showValue(value));
}

function makeTextCell(vector, textKey) {
	const value = readValue(vector.metadata, textKey);
	if (typeof value !== 'string') return showValue(value);
	let whole = null;
	const button = make('button', { type: 'button', class: 'textcell', 'aria-expanded': 'false', click: () => {
		const open = whole === null;
		whole?.remove();
		whole = open ? make('div', { class: 'whole' }, showLongText(value)) : null;
		if (open) button.after(whole);
		button.setAttribute('aria-expanded', String(open));
	} }, showSnippet(value));
	return make('div', {}, button);
}
