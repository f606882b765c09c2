// Stored text made visible: control characters, zero-width characters and marks that turn the
// direction of what follows are shown as what they are, and a long text is cut.
import { formatNumber, make } from './dom.js';

// What is not seen, or changes how its neighbors are seen. Emoji keep their joiners and variation selectors.
const HIDDEN = /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|[#*0-9])\uFE0F|(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D(?=\p{Extended_Pictographic})|([\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u00A0\u2000-\u200A\u202F\u205F\u3000])/gu;

const NAMES = {
	0: 'null', 8: 'backspace', 9: 'tab', 10: 'line feed', 13: 'carriage return', 27: 'escape',
	0xa0: 'no-break space', 0xad: 'soft hyphen', 0x200b: 'zero width space', 0x200c: 'zero width non-joiner',
	0x200d: 'zero width joiner', 0x200e: 'left-to-right mark', 0x200f: 'right-to-left mark',
	0x2028: 'line separator', 0x2029: 'paragraph separator', 0x202a: 'left-to-right embedding',
	0x202b: 'right-to-left embedding', 0x202c: 'pop directional formatting', 0x202d: 'left-to-right override',
	0x202e: 'right-to-left override', 0x2060: 'word joiner', 0x2066: 'left-to-right isolate',
	0x2067: 'right-to-left isolate', 0x2068: 'first strong isolate', 0x2069: 'pop directional isolate',
	0xfeff: 'zero width no-break space', 0x61c: 'Arabic letter mark',
};
const BREAKS = new Set([9, 10, 13]);

/** Characters of a text that a cell of a table shows, and those that a page shows, before "show all". */
const SNIPPET = 140;
const EXCERPT = 4000;

function nameCharacter(character) {
	const code = character.codePointAt(0);
	const number = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
	return [number, NAMES[code] ? `${number} ${NAMES[code]}` : `${number}, not visible`];
}

/** Split into [text, hidden character or null] pairs. */
function* splitHidden(text) {
	let at = 0;
	for (const match of text.matchAll(HIDDEN)) {
		if (match[1] === undefined) continue;
		yield [text.slice(at, match.index), match[1]];
		at = match.index + match[1].length;
	}
	yield [text.slice(at), null];
}

/** The text in an element of its own direction; with `lines`, tabs and line ends keep their meaning. */
export function showText(text, { lines = false } = {}) {
	const shown = make('bdi', { class: lines ? 'text lines' : 'text' });
	for (const [plain, hidden] of splitHidden(String(text))) {
		if (plain) shown.append(plain);
		if (hidden === null) continue;
		if (lines && BREAKS.has(hidden.codePointAt(0))) {
			if (hidden !== '\r') shown.append(hidden);
			continue;
		}
		const [number, name] = nameCharacter(hidden);
		const breaks = BREAKS.has(hidden.codePointAt(0));
		if (breaks && shown.lastChild?.className === 'break') continue; // one mark is enough for several
		shown.append(make('span', { class: breaks ? 'break' : 'mark', title: name }, breaks ? ' ↵ ' : number));
	}
	return shown;
}

/** The same for where only characters go: a title, a status, a canvas. */
export function plainVisible(text, most = 200) {
	const parts = [];
	for (const [plain, hidden] of splitHidden(cut(String(text), most))) {
		parts.push(plain, hidden === null ? '' : BREAKS.has(hidden.codePointAt(0)) ? ' ' : `[${nameCharacter(hidden)[0]}]`);
	}
	return parts.join('');
}

/** With every hidden character as an escape, so that copied code shows what it holds. */
export function escapeHidden(text, escape) {
	return [...splitHidden(text)].map(([plain, hidden]) =>
		plain + (hidden === null || BREAKS.has(hidden.codePointAt(0)) ? hidden ?? '' : escape(hidden))).join('');
}

function cut(text, most) {
	if (text.length <= most) return text;
	const end = /[\uD800-\uDBFF]/.test(text[most - 1]) ? most - 1 : most;
	return `${text.slice(0, end)}…`;
}

/** A text of any length: its beginning, and a button that shows the rest. */
export function showLongText(text, { lines = true, most = EXCERPT } = {}) {
	const whole = String(text);
	if (whole.length <= most) return showText(whole, { lines });
	const place = make('div', {}, showText(cut(whole, most), { lines }));
	const button = make('button', {
		type: 'button', class: 'link', 'aria-expanded': 'false',
		click: () => {
			const open = button.getAttribute('aria-expanded') === 'false';
			button.setAttribute('aria-expanded', String(open));
			button.textContent = open ? 'Show less' : `Show all ${formatNumber(whole.length)} characters`;
			place.firstChild.replaceWith(showText(open ? whole : cut(whole, most), { lines }));
		},
	}, `Show all ${formatNumber(whole.length)} characters`);
	place.append(' ', button);
	return place;
}

/** One line of a text for a cell. */
export function showSnippet(text, most = SNIPPET) {
	return showText(cut(String(text), most));
}

/** A metadata value in a cell or, `whole`, on a page of its own. */
export function showValue(value, { whole = false } = {}) {
	if (value === undefined) return make('span', { class: 'absent' }, '–');
	if (typeof value === 'string') {
		if (value === '') return make('span', { class: 'absent' }, 'empty');
		return whole ? showLongText(value) : showSnippet(value);
	}
	if (Array.isArray(value)) {
		const text = value.map((item) => (typeof item === 'string' ? `“${item}”` : String(item))).join(', ');
		return whole ? showLongText(text) : showSnippet(text);
	}
	const text = value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
	return make('span', { class: `value ${typeof value}` }, showText(text));
}

/** The value of a metadata key. A key named `constructor` does not return the property that every object inherits. */
export function readValue(metadata, name) {
	return metadata && Object.hasOwn(metadata, name) ? metadata[name] : undefined;
}

/** The kind of a metadata value, as the service names it. */
export function nameType(value) {
	if (Array.isArray(value)) return `array of ${typeof value[0]}s`;
	return typeof value === 'bigint' ? 'number' : value === null ? 'null' : typeof value;
}
