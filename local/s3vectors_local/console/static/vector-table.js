// Vectors as rows: key, the columns that the reader chose, the beginning of the text; more on a click.
import { addressOf } from './address.js';
import { make, makeButton, makeRow, makeTable } from './dom.js';
import { formatJson } from './json.js';
import { addCondition } from './filter.js';
import { plainVisible, showLongText, showSnippet, showText, showValue } from './text.js';

/**
 * A table of vectors.
 *
 * before: columns of the caller's own, as [title, vector => cell], between the key and the metadata.
 * filter: the text of the filter that a click on a value adds to; null when values are no links.
 * select: run when the selection changes; null when nothing can be selected.
 * actions: a function that gives the last cell of a row.
 */
export function makeVectorTable(view, vectors, { columns, before = [], filter = null, select = null, actions = null }) {
  const textKey = view.textKey;
  const withText = vectors.some(({ metadata }) => metadata && textKey in metadata);
  const boxes = new Map();
  const titles = [
    ...(select ? [makeSelectAll(boxes, select)] : []), 'Key', ...before.map(([title]) => title),
    ...columns.map((name) => make('span', { class: 'meta' }, showText(name))), ...(withText ? [make('span', { class: 'meta' }, textKey)] : []), ...(actions ? ['Actions'] : []),
  ];
  const element = makeTable('Vectors', titles, []);
  const body = element.querySelector('tbody');
  for (const vector of vectors) {
    const cells = [
      ...(select ? [makeSelection(boxes, vector.key, select)] : []), makeKeyCell(view, vector, titles.length),
      ...before.map(([, cell]) => cell(vector)), ...columns.map((name) => makeValueCell(view, name, vector.metadata?.[name], filter)),
      ...(withText ? [makeTextCell(vector, textKey)] : []), ...(actions ? [make('div', { class: 'row-actions' }, actions(vector))] : []),
    ];
    const row = makeRow(titles, cells);
    if (withText) row.cells[titles.length - 1 - (actions ? 1 : 0)].className = 'textual';
    body.append(row);
  }
  return { element, selected: () => [...boxes].filter(([, box]) => box.checked).map(([key]) => key) };
}

function makeSelectAll(boxes, select) {
  return make('input', { type: 'checkbox', 'aria-label': 'Select all on this page', change: (event) => {
    for (const box of boxes.values()) box.checked = event.target.checked;
    select();
  } });
}

function makeSelection(boxes, key, select) {
  const box = make('input', { type: 'checkbox', 'aria-label': `Select ${plainVisible(key)}`, change: select });
  boxes.set(key, box);
  return box;
}

function makeKeyCell(view, vector, width) {
  const { bucket, index } = view.place;
  const button = makeButton('', () => toggleDetails(button, vector, width), { class: 'expand', 'aria-expanded': 'false', 'aria-label': `Details of ${plainVisible(vector.key)}` });
  return make('div', { class: 'keycell' }, button, make('a', { class: 'mono', href: addressOf({ bucket, index, key: vector.key }) }, showSnippet(vector.key, 60)));
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
  const { bucket, index } = view.place;
  if (filter === null || value === undefined || typeof value === 'object' || String(value).length > 200) return showValue(value);
  let more;
  try {
    more = addCondition(filter, name, value);
  } catch {
    return showValue(value); // what is typed is not a filter yet
  }
  return make('a', { class: 'quiet', href: addressOf({ bucket, index, view: 'browse' }, { filter: more }), title: 'Only vectors with this value' }, showValue(value));
}

function makeTextCell(vector, textKey) {
  const value = vector.metadata?.[textKey];
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
