// differences: the only ones that are allowed between what BullMQ leaves and
// what we leave, each with its reason. A rule is given one key that differs and
// says whether that, and nothing else, is the difference it is about. What no
// rule explains fails the test (both.mjs); how often each was needed is counted.
// Where `parts` is set the two queues are different from there on: a random
// story is over then. With `level` a rule is for that one only. After one that
// `wakes`, the marker it is about may stay until somebody takes it.

const base = (key) => key.slice(0, key.lastIndexOf(':'));

// We have the marker of a job that may be taken, BullMQ has not.
export const wakesMore = ({ key, left, right }) => key.endsWith(':marker') &&
	!('0' in (left?.content ?? {})) && right?.content['0'] === '0';

export const rules = [
	{
		name: 'chain marker',
		reason: 'BullMQ writes the marker after every take, so that the next ' +
			'worker looks too. We do not where nothing may be taken, ' +
			'and name the time of the first delayed job where only ' +
			'delayed ones are.',
		explains({ key, left, right }, { ours, clock }) {
			if (!key.endsWith(':marker'))
				return false;
			const of = (suffix) => `${base(key)}:${suffix}`;
			const node = left?.content ?? {};
			const we = right?.content ?? {};
			if ('0' in we && !('0' in node))
				return false;
			const { paused, concurrency } = ours.map(of('meta'));
			const isPaused = paused !== undefined;
			const isFull = ours.list(of('active')).length >=
				Number(concurrency ?? Infinity);
			if ((ours.has(of('wait')) || ours.has(of('prioritized'))) &&
				!isPaused && !isFull)
				return we['0'] === node['0'] &&
					this.dueAgrees(node, we, ours, of, clock);
			if (ours.has(of('delayed')) && !isPaused &&
				!('0' in we) && !('1' in we))
				return false;
			return this.dueAgrees(node, we, ours, of, clock);
		},
		// A time may be that of a job which has gone since, never later
		// than that of the first one there is.
		dueAgrees(node, we, ours, of, clock) {
			if (we['1'] === node['1'] || !(Number(we['1']) > clock))
				return true;
			const first = ours.order(of('delayed'))[0];
			return first === undefined || Number(we['1']) <=
				Number(ours.map(of('delayed'))[first]) / 4096;
		},
	},
	{
		name: 'given back, prioritized',
		reason: 'BullMQ wakes nobody for a prioritized job that is given ' +
			'back: the marker that its take wrote may have done so, or ' +
			'the job waits for the next poll. Our takes write it only ' +
			'where something is left, so we wake for such a job.',
		wakes: true,
		explains(difference, { telling }) {
			return telling?.op === 'giveBack' && wakesMore(difference);
		},
	},
	{
		name: 'resumed twice',
		reason: 'BullMQ 5 wakes nobody when it resumes a queue that was not ' +
			'paused; we do, as BullMQ 6 does.',
		level: 5,
		wakes: true,
		explains(difference, { telling }) {
			return telling?.op === 'resume' && wakesMore(difference);
		},
	},
	{
		name: 'ghost after drain',
		reason: 'Where a list holds a scheduler\'s job that is not next in ' +
			'turn, BullMQ\'s drain cuts the list by its length: it keeps ' +
			'the id of a job it has removed and loses that of the job it ' +
			'spares, which stops the scheduler. We keep the one we spare.',
		parts: true,
		explains({ key, left, right }, { node, ours, telling }) {
			if (telling?.op !== 'drain' || !/:(wait|paused)$/.test(key))
				return false;
			const isJob = (side) => (id) => side.has(`${base(key)}:${id}`);
			return left?.content.some((id) => !isJob(node)(id)) &&
				right?.content.every((id) => isJob(ours)(id) &&
					isJob(node)(id) && /^repeat:/.test(id));
		},
	},
	{
		name: 'parent with colons',
		reason: 'BullMQ cuts the key of a parent at its last colon where a ' +
			'child leaves it or is removed, so it does not find one that ' +
			'is a scheduler\'s job, and that waits for ever. We let it go.',
		parts: true,
		explains({ key }, { node, ours }) {
			const at = key.indexOf(':repeat:');
			const queue = at < 0 ? base(key) : key.slice(0, at);
			const of = (suffix) => `${queue}:${suffix}`;
			const remaining = new Set(ours.order(of('waiting-children')));
			return node.order(of('waiting-children')).some((id) =>
				/^repeat:/.test(id) && !remaining.has(id) &&
				!node.has(of(`${id}:dependencies`)) &&
				!ours.has(of(`${id}:dependencies`)));
		},
	},
];
