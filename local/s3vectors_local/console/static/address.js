// The addresses of views: #/bucket/NAME/index/NAME/browse?prefix=…, every part percent-encoded.
// Those in another region than the console's own begin with #/region/NAME/.

const VIEWS = ['browse', 'query', 'map', 'transfer'];

let region = null;

/** Let all addresses and requests be for another region; null for the console's own. */
export function setRegion(name) {
	region = name;
}

export function chosenRegion() {
	return region;
}

export function addressOf({ bucket, index, view, key }, parameters = {}) {
	const parts = region === null ? [] : ['region', region];
	if (bucket !== undefined) parts.push('bucket', bucket);
	if (index !== undefined) parts.push('index', index);
	if (key !== undefined) parts.push('vector', key);
	else if (view) parts.push(view);
	const known = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== '');
	const query = new URLSearchParams(known).toString();
	return `#/${parts.map(encodeURIComponent).join('/')}${query ? `?${query}` : ''}`;
}

/** The place that an address names; null when it names none. */
export function parseAddress(hash) {
	const [path, query = ''] = splitOnce(hash.replace(/^#?\/?/, ''), '?');
	let parts;
	try {
		parts = path === '' ? [] : path.split('/').map(decodeURIComponent);
	} catch {
		return null; // a percent sign that begins nothing
	}
	const named = parts[0] === 'region' && parts[1] ? parts.splice(0, 2)[1] : null;
	const place = readParts(parts);
	return place && { ...place, region: named, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function readParts(parts) {
	if (parts.length === 0) return { view: 'overview' };
	if (parts.length === 1 && parts[0] === 'requests') return { view: 'requests' };
	const [word, bucket, inner, index, view, key, ...rest] = parts;
	if (word !== 'bucket' || !bucket || rest.length) return null;
	if (inner === undefined) return { view: 'bucket', bucket };
	if (inner !== 'index' || !index) return null;
	if (view === undefined) return { view: 'index', bucket, index };
	if (view === 'vector' && key !== undefined) return { view: 'vector', bucket, index, key };
	return VIEWS.includes(view) && key === undefined ? { view, bucket, index } : null;
}

function splitOnce(text, separator) {
	const at = text.indexOf(separator);
	return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
