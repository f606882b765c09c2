// The console's HTTP API: operations of the service, and jobs that report their progress.
import { chosenRegion } from './address.js';
import { formatJson, parseJson } from './json.js';

const TOKEN = 'x-console-token';
const REGION = 'x-console-region';
const STORED = 's3vectors-console-token';

/** What the service answered instead of a response, in its own words. */
class ServiceError extends Error {
	constructor({ code, message, status = null, statement = null }) {
		super(message);
		Object.assign(this, { code, status, statement });
	}
}

/** Take the token out of the address (`#token=…`), so that neither history nor screen has it; whether one was there. */
export function takeToken() {
	const match = /^#token=([^&/]*)&?(\/.*)?$/.exec(window.location.hash);
	if (!match) return false;
	storeToken(match[1]);
	window.history.replaceState(null, '', `${window.location.pathname}#${match[2] ?? '/'}`);
	return true;
}

export function storeToken(token) {
	window.sessionStorage.setItem(STORED, token);
}

function makeHeaders(type = 'application/json') {
	const token = window.sessionStorage.getItem(STORED);
	const region = chosenRegion();
	return { 'content-type': type, ...(token === null ? {} : { [TOKEN]: token }),
		...(region === null ? {} : { [REGION]: region }) };
}

async function send(path, options) {
	let response;
	try {
		response = await fetch(`/console/api/${path}`, { method: 'POST', cache: 'no-store', ...options });
	} catch (error) {
		if (options.signal?.aborted) throw error;
		throw new ServiceError({
			code: 'Unreachable',
			message: `The server at ${window.location.origin} does not answer. It may have stopped: start it again, then try again.`,
		});
	}
	if (!response.ok) throw await readError(response);
	return response;
}

async function readError(response) {
	const text = await response.text();
	try {
		return new ServiceError({ status: response.status,
			code: `HTTP ${response.status}`, message: text, ...parseJson(text) });
	} catch {
		return new ServiceError({ status: response.status,
			code: `HTTP ${response.status}`, message: text || response.statusText });
	}
}

async function post(path, request, signal) {
	const response = await send(path, { headers: makeHeaders(), body: formatJson(request), signal });
	return parseJson(await response.text());
}

export function readAbout(signal) {
	return post('about', {}, signal);
}

/** The service's response to one operation. */
export async function call(operation, request, signal) {
	return (await post(`call/${operation}`, request, signal)).response;
}

export function readRequests(after, signal) {
	return post('requests', after === null ? {} : { after }, signal);
}

export function orderDownload(request, signal) {
	return post('download', request, signal);
}

/** A job's result; `progress` is called with {done, total, phase} while it runs. */
export async function runJob(job, request, { signal, progress = () => {} }) {
	const response = await send(`stream/${job}`, { headers: makeHeaders(), body: formatJson(request), signal });
	return readLines(response, progress);
}

/** Import a file into an index; the server checks every line before it writes. */
export async function importFile(place, file, { signal, progress }) {
	const response = await send(`import?${new URLSearchParams(place)}`, {
		headers: makeHeaders('application/octet-stream'), body: file, signal,
	});
	return readLines(response, progress);
}

async function readLines(response, progress) {
	let rest = '';
	let result;
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	try {
		for (;;) {
			const { value, done } = await reader.read();
			const lines = (rest + (value ?? '')).split('\n');
			rest = done ? '' : lines.pop();
			for (const line of lines) if (line) result = readLine(line, progress) ?? result;
			if (done) break;
		}
	} catch (error) {
		if (error instanceof ServiceError || error.name === 'AbortError') throw error;
		throw new ServiceError({ code: 'Unreachable', message: 'The connection closed before the response was complete.' });
	}
	if (result === undefined) throw new ServiceError({ code: 'Unreachable',
		message: 'The connection closed before the response was complete.' });
	return result.value;
}

function readLine(line, progress) {
	const message = parseJson(line);
	if (message.error) throw new ServiceError(message.error);
	if (message.progress) progress(message.progress);
	return 'result' in message ? { value: message.result } : undefined;
}
