// differences: the only ones that are allowed between what BullMQ leaves and
// what we leave, each with its reason. A rule is given one key that differs and
// says whether that, and nothing else, is the difference it is about. What no
// rule explains fails the test (both.mjs); how often each was needed is counted.

const base = (key) => key.slice(0, key.lastIndexOf(':'));

export const rules = [
	{
		name: 'chain marker',
		reason: 'BullMQ writes the marker after every take, so that the next ' +
			'worker looks too. We do not where nothing is left to take, ' +
			'and name the time of the first delayed job where only ' +
			'delayed ones are.',
		explains({ key, left, right }, { ours, clock }) {
			if (!key.endsWith(':marker'))
				return false;
			const of = (suffix) => `${base(key)}:${suffix}`;
			const node = left?.content ?? {};
			const we = right?.content ?? {};
			const isPaused = 'paused' in ours.map(of('meta'));
			if (ours.has(of('wait')) || ours.has(of('prioritized')))
				return we['0'] === node['0'] &&
					this.dueAgrees(node, we, ours, of, clock);
			if (ours.has(of('delayed')) && !isPaused &&
				!('0' in we) && !('1' in we))
				return false;
			return this.dueAgrees(node, we, ours, of, clock);
		},
		// A time in the future must be that of the first delayed job.
		dueAgrees(node, we, ours, of, clock) {
			if (we['1'] === node['1'] || !(Number(we['1']) > clock))
				return true;
			const first = ours.order(of('delayed'))[0];
			return first !== undefined && Number(we['1']) ===
				Number(ours.map(of('delayed'))[first]) / 4096;
		},
	},
];
