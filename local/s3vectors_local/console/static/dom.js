// Elements. Whatever is stored in an index reaches the page through here, as text and never as HTML.

const LINKS = /^(#|\/console\/)/;

/** An element; a property is an attribute, or a listener when its value is a function. */
export function make(tag, properties = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties)) setProperty(element, name, value);
	element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined
		&& child !== false));
	return element;
}

function setProperty(element, name, value) {
	if (typeof value === 'function') {
		element.addEventListener(name, value);
	} else if (name === 'value') {
		element.value = value;
	} else if (name === 'href' && !LINKS.test(value)) {
		throw new Error(`a link leads out of the console: ${value}`);
	} else if (value !== false && value !== null && value !== undefined) {
		element.setAttribute(name, value === true ? '' : value);
	}
}

/** A button with a text; `action` is run on a click. */
export function makeButton(text, action, properties = {}) {
	return make('button', { type: 'button', click: action, ...properties }, text);
}

/** A field for names and keys, which no browser completes or corrects. */
export function makeInput(id, properties = {}) {
	return make('input', { id, autocomplete: 'off', spellcheck: 'false', ...properties });
}

/** A form that runs `action` instead of being sent. */
export function makeForm(action, properties, ...children) {
	const submit = (event) => {
		event.preventDefault();
		action();
	};
	return make('form', { submit, ...properties }, ...children);
}

/** The button that submits a form. */
export function makeSubmit(text, properties = { class: 'primary' }) {
	return make('button', { type: 'submit', ...properties }, text);
}

/** A note next to the content that it describes. */
export function makeNote(...words) {
	return make('p', { class: 'note' }, ...words);
}

/** A form's field under its label; `note` is read with it. */
export function makeField(label, control, note = '') {
	const id = control.id || `field-${label.toLowerCase().replace(/\W+/g, '-')}`;
	control.id = id;
	const hint = note && makeNote(note);
	if (hint) {
		hint.id = `${id}-note`;
		control.setAttribute('aria-describedby', hint.id);
	}
	return make('div', { class: 'field' }, make('label', { for: id }, label), control, hint || null);
}

/** A choice from a list of [value, text]. */
export function makeSelect(options, chosen, properties = {}) {
	const select = make('select', properties);
	for (const [value, text] of options) {
		select.append(make('option', { value, selected: value === chosen }, text));
	}
	return select;
}

/** A choice between a few [value, text], all of which are seen; `value()` gives the one that is chosen. */
export function makeChoice(legend, name, options, chosen, change) {
	const boxes = options.map(([value, text]) => {
		const box = make('input', { type: 'radio', name, value, checked: value === chosen, change });
		return [box, make('label', { class: 'segment' }, box, text)];
	});
	const element = make('fieldset', { class: 'segments' }, make('legend', {}, legend), boxes.map(([, label]) => label));
	return { element, value: () => boxes.find(([box]) => box.checked)?.[0].value ?? options[0][0] };
}

/** Terms with their descriptions; one without a description is left out. */
export function makeFacts(facts) {
	const shown = facts.filter(([, value]) => value !== null && value !== undefined && value !== '');
	return make('dl', { class: 'facts' }, shown.map(([term, value]) =>
		make('div', {}, make('dt', {}, term), make('dd', {}, value))));
}

/** A table whose cells know their column's name, so that a narrow screen can show them as lists. */
export function makeTable(caption, columns, rows, properties = {}) {
	const head = columns.map((column) => make('th', { scope: 'col' }, column));
	const body = make('tbody', {}, rows.map((row) => makeRow(columns, row)));
	return make('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: '0' },
		make('table', { class: 'data', ...properties },
			make('caption', { class: 'hidden' }, caption), make('thead', {}, make('tr', {}, head)), body));
}

/** A row of such a table. A cell is a node, a text, or {numeric: text}. */
export function makeRow(columns, cells, properties = {}) {
	return make('tr', properties, cells.map((cell, at) => {
		const numeric = cell !== null && typeof cell === 'object' && 'numeric' in cell;
		return make('td', { 'data-label': plainText(columns[at]), class: numeric ? 'number' : null },
			numeric ? cell.numeric : cell);
	}));
}

function plainText(column) {
	return typeof column === 'string' ? column : column.textContent;
}

/** Mark a link as the one that leads to this view, or remove the mark. */
export function markCurrent(link, isCurrent) {
	if (isCurrent) link.setAttribute('aria-current', 'page');
	else link.removeAttribute('aria-current');
}

/** Put these children in the place of all others. */
export function replaceContent(element, ...children) {
	element.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

/** Say something to everybody, also to those who cannot see the page. */
export function announce(message) {
	document.getElementById('status').textContent = message;
}

/** A number with separators of thousands. */
export function formatNumber(number) {
	return typeof number === 'number' ? number.toLocaleString('en-US') : String(number);
}

/** “1 vector”, “2 vectors”. */
export function countOf(number, noun) {
	return `${formatNumber(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** A distance or a score, in as many digits as tell two results apart. */
export function formatScore(score) {
	return score === null || score === undefined ? '' : Number(score).toPrecision(5);
}

export function formatMilliseconds(milliseconds) {
	return `${milliseconds < 10 ? milliseconds.toFixed(1) : formatNumber(Math.round(milliseconds))} ms`;
}

export function formatBytes(bytes) {
	const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
	let [size, unit] = [bytes, 0];
	for (; size >= 1024 && unit < units.length - 1; unit += 1) size /= 1024;
	return `${unit ? size.toFixed(1) : formatNumber(size)} ${units[unit]}`;
}

/** A time of the API, which is a number of seconds or a text of ISO 8601. */
export function formatTime(time) {
	const date = new Date(typeof time === 'number' ? time * 1000 : time);
	return Number.isNaN(date.getTime()) ? String(time) : date.toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}
