// The legend of a map: which values of a metadata key have which mark, and which are hidden.
import { formatNumber, make } from './dom.js';
import { GROUPS, makeMark } from './marks.js';
import { showSnippet, showText, showValue } from './text.js';

/** Of each point its group: the values of the legend by their number, the rest together. */
export function listGroups({ colors, points }) {
	if (!colors) return points.map(() => 0);
	return colors.of_point.map((value) => (value < GROUPS && !colors.values[value].other ? value : -1));
}

/** The value that a point is colored by. */
export function describeColor({ colors }, at) {
	const entry = colors.values[colors.of_point[at]];
	return entry.other ? 'others' : showValue(entry.value ?? undefined);
}

/** The legend; `hide` is called with the groups that are not to be seen. */
export function makeLegend({ colors }, hide, signal) {
	if (!colors) return make('div', {});
	const hidden = new Set();
	const entries = listEntries(colors.values).map((entry) => {
		const toggle = () => {
			const visible = hidden.has(entry.group);
			if (visible) hidden.delete(entry.group);
			else hidden.add(entry.group);
			button.setAttribute('aria-pressed', String(visible));
			hide(hidden);
		};
		const button = make('button', { type: 'button', class: 'entry', 'aria-pressed': 'true', click: toggle },
			makeMark(entry.group, signal), showEntry(entry),
				make('span', { class: 'note' }, ` ${formatNumber(entry.count)}`));
		return button;
	});
	return make('section', { class: 'legend' }, make('h2', {}, showText(colors.key)), entries);
}

function listEntries(values) {
	const entries = values.map((entry, at) => ({ ...entry, group: at < GROUPS && !entry.other ? at : -1 }));
	const shown = entries.filter(({ group }) => group >= 0);
	const rest = entries.filter(({ group }) => group < 0).reduce((sum, { count }) => sum + count, 0);
	return rest ? [...shown, { value: 'others', count: rest, group: -1 }] : shown;
}

function showEntry({ value }) {
	return value === null ? make('span', { class: 'absent' }, 'missing') : showSnippet(String(value), 60);
}
