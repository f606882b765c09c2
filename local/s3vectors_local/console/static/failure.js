// A failure on the page: the service's code and words, and what one can do.
import { announce, make, makeButton, makeNote, replaceContent } from './dom.js';
import { showLongText, showText } from './text.js';

let level = null;

/** The permissions that the console needs, in words; shown with every denial. */
export function setLevel(words) {
	level = words;
}

export function isStop(error) {
	return error.name === 'AbortError';
}

/** An element with everything that the service said; with `retry`, a button that tries again. */
export function showFailure(error, { retry = null, title = null } = {}) {
	const code = error.code ?? error.name;
	const denied = code === 'AccessDeniedException' || error.status === 403;
	return make('div', { class: 'failure', role: 'alert' },
		make('p', { class: 'code' }, title
			&& `${title}: `, make('strong', {}, showText(code)), error.status ? ` (HTTP ${error.status})` : ''),
		make('div', { class: 'words' }, showLongText(error.message)),
		error.statement && make('details', {}, make('summary', {}, 'The statement that denied the request'),
			make('pre', {}, showLongText(formatStatement(error.statement)))),
		denied && level && makeNote(level),
		retry && makeButton('Try again', retry));
}

function formatStatement(statement) {
	return typeof statement === 'string' ? statement : JSON.stringify(statement, null, 2);
}

/** Show why work ended: at the filter when it is about that, else in `place`. */
export function showEnd(error, place, { filter = null, retry = null } = {}) {
	announce('');
	if (isStop(error)) {
		place.replaceChildren(makeNote('Stopped.'));
	} else if (filter !== null && error.code === 'ValidationException' && /filter/i.test(error.message)) {
		filter.showError(error);
		filter.area.focus();
		place.replaceChildren();
	} else {
		place.replaceChildren(showFailure(error, { retry }));
	}
}

/** Fill an element with what `load` returns, or with its failure and a button to try again: this, or `retry`. */
export async function fill(element, load, options = {}) {
	element.setAttribute('aria-busy', 'true');
	try {
		replaceContent(element, await load());
	} catch (error) {
		if (isStop(error)) return;
		element.replaceChildren(showFailure(error, { retry: () => fill(element, load, options), ...options }));
	} finally {
		element.removeAttribute('aria-busy');
	}
}
