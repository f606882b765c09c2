// Delete vectors, after a question.
import { call } from './api.js';
import { announce, countOf, formatNumber, make, makeButton } from './dom.js';
import { openDialog } from './copy.js';
import { isStop, showFailure } from './failure.js';
import { forgetCount } from './listing.js';
import { showText } from './text.js';

const AT_ONCE = 500; // keys in one DeleteVectors
const NAMED = 5;

/** Ask, delete, then run `done`. */
export function askToDelete(view, keys, done) {
	const { bucket, index } = view.place;
	const what = keys.length === 1 ? 'this vector' : `these ${formatNumber(keys.length)} vectors`;
	const failure = make('div', {});
	const remove = async () => {
		try {
			for (let at = 0; at < keys.length; at += AT_ONCE) {
				await call('DeleteVectors',
					{ vectorBucketName: bucket, indexName: index, keys: keys.slice(at, at + AT_ONCE) }, view.signal);
			}
			forgetCount(view.place);
			dialog.close();
			await done();
			announce(`Deleted ${countOf(keys.length, 'vector')}`);
		} catch (error) {
			if (!isStop(error)) failure.replaceChildren(showFailure(error));
		}
	};
	const named = keys.slice(0, NAMED).map((key) => make('li', {}, showText(key)));
	const dialog = openDialog('Delete vectors', [
		make('p', {}, `Delete ${what} from the index `, make('strong', {}, showText(index)), '? This cannot be undone.'),
		make('ul', {}, named, keys.length > NAMED
			&& make('li', {}, `and ${formatNumber(keys.length - NAMED)} more`)), failure,
		make('div', { class: 'row' }, makeButton(`Delete ${what}`, remove, { class: 'danger' })),
	]);
}
