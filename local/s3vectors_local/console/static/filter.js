// A field for a filter in the service's own language. What is wrong with one is said at the field.
import { make } from './dom.js';
import { formatJson, parseJson } from './json.js';
import { showText } from './text.js';

const MOST_ROWS = 12;
const EXAMPLE = '{"status": "active"}';

/** The field, and what it holds; `take` returns the filter, or undefined when what is typed is not JSON. */
export function makeFilterField(text, submit) {
	const area = make('textarea', {
		id: 'filter', rows: '1', spellcheck: 'false', autocomplete: 'off', placeholder: EXAMPLE,
		'aria-describedby': 'filter-error', value: text,
		input: () => { fit(area); showError(null); },
		keydown: (event) => {
			if (event.key !== 'Enter' || event.shiftKey) return;
			event.preventDefault();
			submit();
		},
	});
	const error = make('div', { id: 'filter-error', class: 'field-error', role: 'alert' });
	const showError = (failure) => {
		area.setAttribute('aria-invalid', String(failure !== null));
		error.replaceChildren(...(failure ? describe(failure) : []));
	};
	const element = make('div', { class: 'field wide' }, make('label', { for: 'filter' }, 'Filter'), area, error);
	const take = () => {
		showError(null);
		if (!area.value.trim()) return null;
		try {
			return parseJson(area.value);
		} catch ({ message }) {
			showError({ code: 'Filter', message: `This is not JSON: ${message}. A filter looks like ${EXAMPLE}` });
			return undefined;
		}
	};
	setTimeout(() => fit(area));
	return { element, area, take, showError, get text() { return area.value.trim(); } };
}

function fit(area) {
	area.rows = 1;
	while (area.rows < MOST_ROWS && area.scrollHeight > area.clientHeight) area.rows += 1;
}

function describe({ code, message, status }) {
	return [make('strong', {}, showText(code)), status ? ` (HTTP ${status}): ` : ': ', showText(message)];
}

/** A filter's text with one more condition, which must hold together with what is there. */
export function addCondition(text, key, value) {
	const condition = { [key]: Array.isArray(value) ? { $in: value } : value };
	if (!text.trim()) return formatJson(condition);
	const filter = parseJson(text);
	const parts = Array.isArray(filter?.$and) ? filter.$and : [filter];
	return formatJson({ $and: [...parts, condition] });
}
