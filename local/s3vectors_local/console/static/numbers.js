// Numbers that somebody pastes, and the extremes of many.

/** The numbers of a pasted vector, in whatever way they are separated. */
export function readNumbers(text) {
	const bare = text.replace(/^\s*\{\s*"float32"\s*:/, '').replaceAll(/[[\](){}]/g, ' ');
	const words = bare.split(/[\s,;]+/).filter(Boolean);
	const numbers = words.map(Number);
	const wrong = numbers.findIndex((number) => !Number.isFinite(number));
	if (words.length === 0) throw makeError('There are no numbers: paste a vector like [0.12, -0.5].');
	if (wrong >= 0) throw makeError(`Number ${wrong + 1} of the vector is “${words[wrong].slice(0, 40)}”, which is not a number.`);
	return numbers;
}

/** The smallest and the largest of many numbers. */
export function findExtremes(numbers) {
	return numbers.reduce(([low, high], number) => [Math.min(low, number), Math.max(high, number)],
		[Infinity, -Infinity]);
}

function makeError(message) {
	return Object.assign(new Error(message), { code: 'Vector' });
}
