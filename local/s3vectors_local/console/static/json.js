// JSON in which a whole number keeps its digits: JavaScript's own numbers lose them beyond 2^53.

const WHOLE = /^-?\d+$/;

export function parseJson(text) {
	return JSON.parse(text, (key, value, context) => {
		const source = context?.source;
		const lost = typeof value === 'number' && source !== undefined && WHOLE.test(source)
			&& !Number.isSafeInteger(value);
		return lost ? BigInt(source) : value;
	});
}

export function formatJson(value, indent = 0) {
	return JSON.stringify(value, (key, item) => {
		if (typeof item !== 'bigint') return item;
		return JSON.rawJSON ? JSON.rawJSON(String(item)) : Number(item);
	}, indent);
}
