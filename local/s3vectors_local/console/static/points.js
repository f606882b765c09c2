// The points of a map in words: one with its neighbors, and all as a table.
import { addressOf } from './address.js';
import { formatNumber, formatScore, make, makeButton, makeFacts } from './dom.js';
import { describeColor } from './legend.js';
import { readValue, showLongText, showSnippet, showText, showValue } from './text.js';
import { makeVectorTable } from './vector-table.js';

const ROWS = 100;

/** A point's key, text and metadata, and its neighbors; `goTo` is called with the key of one. */
export function describePoint(view, { key, metadata, neighbors }, goTo) {
	const text = readValue(metadata, view.textKey);
	const others = Object.entries(metadata).filter(([name]) => name !== view.textKey);
	const list = neighbors.map((one) => {
		const button = makeButton('', () => goTo(one.key), { class: 'link' });
		button.append(showSnippet(one.key, 48));
		return make('li', {}, button, make('span', { class: 'note' }, ` ${formatScore(one.distance)}`));
	});
	return make('section', {},
		make('h2', {}, make('a', { class: 'mono', href: addressOf({ ...view.place, key }) }, showSnippet(key, 60))),
		text !== undefined && make('div', { class: 'prose' }, showLongText(String(text), { most: 400 })),
		makeFacts(others.map(([name, value]) => [showText(name), showValue(value)])),
		make('h3', {}, 'Nearest neighbors'), make('ol', { class: 'neighbors' }, list));
}

/** All points as a table, made when it is opened: what the canvas shows, for those who cannot see it. */
export function makePointTable(view, map) {
	const table = make('div', {});
	const open = () => { if (details.open && !table.hasChildNodes()) showRows(view, map, table, 0); };
	const details = make('details', { class: 'panel', toggle: open }, make('summary', {}, 'The points as a table'),
		table);
	return details;
}

function showRows(view, map, place, page) {
	const start = page * ROWS;
	const rows = map.keys.slice(start, start + ROWS).map((key, offset) => ({ key, at: start + offset }));
	const axis = (title, number) => [title, ({ at }) => ({ numeric: formatScore(map.points[at][number]) })];
	const color = map.colors ? [[make('span', {}, showText(map.colors.key)), ({ at }) => describeColor(map, at)]] : [];
	const before = [axis('Horizontal', 0), axis('Vertical', 1), ...color];
	const turn = (text, to, disabled) => makeButton(text, () => showRows(view, map, place, to), { disabled });
	const range = `${formatNumber(start + 1)} to ${formatNumber(start + rows.length)} of ${formatNumber(map.keys.length)}`;
	place.replaceChildren(makeVectorTable(view, rows, { columns: [], before }).element,
		make('nav', { class: 'row pager', 'aria-label': 'Pages of points' },
			turn('Previous', page - 1, page === 0), make('span', {}, `Points ${range}`),
			turn('Next', page + 1, start + ROWS >= map.keys.length)));
}
