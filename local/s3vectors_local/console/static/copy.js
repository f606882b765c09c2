// A request as code: for boto3, for the AWS CLI, and as JSON.
import { announce, make, makeButton } from './dom.js';
import { chosenRegion } from './address.js';
import { formatJson } from './json.js';
import { escapeHidden } from './text.js';

const METHOD = /(?<!^)([A-Z])/g;

function toSnake(name) {
	return name.replace(METHOD, '_$1').toLowerCase();
}

function toKebab(name) {
	return name.replace(METHOD, '-$1').toLowerCase();
}

function escapePython(character) {
	const code = character.codePointAt(0);
	return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

function escapeJson(character) {
	return [...Array(character.length).keys()].map((at) =>
		`\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}

/** A literal of Python. */
function formatPython(value, indent = '') {
	const inner = `${indent}    `;
	if (value === null || value === undefined) return 'None';
	if (typeof value === 'boolean') return value ? 'True' : 'False';
	if (typeof value === 'string') return escapeHidden(JSON.stringify(value), escapePython);
	if (typeof value !== 'object') return String(value);
	if (Array.isArray(value)) {
		const items = value.map((item) => formatPython(item, inner));
		return value.every((item) => typeof item === 'number') ? `[${items.join(', ')}]` : wrap('[', items, ']', indent);
	}
	return wrap('{', Object.entries(value).map(([key, item]) =>
		`${formatPython(key)}: ${formatPython(item, inner)}`), '}', indent);
}

function wrap(open, items, close, indent) {
	const line = `${open}${items.join(', ')}${close}`;
	return line.length + indent.length < 80 ? line
		: `${open}\n${items.map((item) => `${indent}    ${item},\n`).join('')}${indent}${close}`;
}

/** One word of a POSIX shell. */
function quoteShell(text) {
	return /^[\w.:/=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function formatBoto3(operation, request, { region, endpoint }) {
	const options = [['region_name', region], ['endpoint_url', endpoint]].filter(([, value]) => value);
	const client = ['"s3vectors"', ...options.map(([name, value]) => `${name}=${formatPython(value)}`)].join(', ');
	const members = Object.entries(request).map(([name, value]) => `    ${name}=${formatPython(value, '    ')},\n`);
	return `import boto3\n\ns3vectors = boto3.client(${client})\nresponse = s3vectors.${toSnake(operation)}(\n${members.join('')})\n`;
}

function formatCli(operation, request, { region, endpoint }) {
	const words = [`aws s3vectors ${toKebab(operation)}`];
	const add = (name, value) => words.push(value === true ? `--${name}` : `--${name} ${quoteShell(value)}`);
	if (region) add('region', region);
	if (endpoint) add('endpoint-url', endpoint);
	for (const [name, value] of Object.entries(request)) {
		if (value !== false) add(toKebab(name),
			typeof value === 'object' ? escapeHidden(formatJson(value), escapeJson) : value === true ? true : String(value));
	}
	return `${words.join(' \\\n  ')}\n`;
}

async function copyText(text, what) {
	try {
		await navigator.clipboard.writeText(text);
		announce(`Copied ${what}`);
	} catch {
		announce('The browser does not let this page copy: select the text and copy it');
	}
}

/** A button that copies a text. */
export function makeCopyButton(label, text) {
	return makeButton(label, () => copyText(text, label.replace(/^Copy /, '')), { class: 'small' });
}

/** A button that opens the request as code. */
export function makeCopyMenu(operation, request, { kind, region, endpoint }) {
	const service = { region: chosenRegion() ?? region,
		endpoint: endpoint ?? (kind === 'engine' ? window.location.origin : null) };
	return makeButton('Copy as code', () => openCode(operation, request, service), { 'aria-haspopup': 'dialog' });
}

function openCode(operation, request, service) {
	const forms = {
		boto3: formatBoto3(operation, request, service),
		'AWS CLI': formatCli(operation, request, service),
		JSON: `${escapeHidden(formatJson(request, 2), escapeJson)}\n`,
	};
	const sections = Object.entries(forms).map(([name, code]) => make('section', {},
		make('div', { class: 'row' }, make('h3', {}, name), makeCopyButton(`Copy ${name}`, code)),
		make('pre', { tabindex: '0', 'aria-label': `${operation} as ${name}` }, code)));
	openDialog(`${operation} as code`, sections);
}

/** A dialog over the page, with a button that closes it; returns it. */
export function openDialog(title, children) {
	const heading = make('h2', { id: 'dialog-title' }, title);
	const dialog = make('dialog', { 'aria-labelledby': heading.id, close: () => dialog.remove() },
		make('div', { class: 'row' }, heading, makeButton('Close', () => dialog.close())), children);
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}
