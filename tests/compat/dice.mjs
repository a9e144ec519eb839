// dice: the next step of a random story, from what the queues hold now. The same
// seed throws the same story.

import { LEVEL } from './both.mjs';
import { numbers } from './numbers.mjs';
import { base } from './steps.mjs';
import { QUEUES } from './walk.mjs';

const HOUR = 3600000;

// How often each is tried; what the moment does not allow is thrown again.
const WEIGHTS = {
	add: 8, addPrinted: 4, addByNode: 1, addDedup: 7, addBulk: 2, addChild: 2, addFlow: 4,
	take: 16, takeSome: 3, finishSome: 2, complete: 9, error: 9, failForGood: 2,
	foreignToken: 1, giveBack: 2, postpone: 2, waitChildren: 2, extend: 1,
	expireLock: 3, stalled: 4, sleep: 4, expireDedup: 1, expireLimiter: 2,
	forgetEvents: 2, oldChild: 0.7, pause: 2, resume: 3, concurrency: 1, limit: 1,
	rateLimit: 1, removeRateLimit: 1, limitTtl: 1, drain: 1, clean: 2,
	obliterate: 0.3, remove: 3, removeChildren: 1, leaveParent: 1, promote: 2,
	promoteAll: 0.5, retry: 3, retryAll: 0.7, data: 1, progress: 1, log: 2,
	clearLog: 0.5, delay: 2, priority: 3, freeDedup: 1, freeDedupOfJob: 0.5,
	schedule: 2, unschedule: 0.7, advance: 3, repeatByNode: LEVEL === 5 ? 0.5 : 0,
};

export class Dice {
	// only: names of throws, or nothing for all of them.
	constructor(walk, seed, only) {
		this.walk = walk;
		this.random = numbers(seed);
		this.n = 0;
		this.names = Object.keys(WEIGHTS)
			.filter((name) => !only || only.includes(name));
		this.sum = this.names.reduce((sum, name) => sum + WEIGHTS[name], 0);
		// some stories have a worker with a limiter, some with metrics
		this.limiter = this.chance(0.25) ?
			{ max: 1 + this.below(3), duration: HOUR } : undefined;
		this.metrics = this.chance(0.3) ? 3 : undefined;
		// some are told with the level that the queue shows
		this.isAuto = this.chance(0.2);
	}

	below(n) {
		return Math.floor(this.random() * n);
	}

	chance(p) {
		return this.random() < p;
	}

	pick(list) {
		return list[this.below(list.length)];
	}

	maybe(object, p = 0.3) {
		return this.chance(p) ? object : {};
	}

	queue() {
		return this.chance(0.75) ? QUEUES[0] : QUEUES[1];
	}

	// ---- what there is ----

	ids(q, state) {
		const key = `${base(q)}:${state}`;
		return ['wait', 'active', 'paused'].includes(state) ?
			this.walk.node.list(key) : this.walk.node.order(key);
	}

	id(q, ...states) {
		return this.pick(states.flatMap((state) => this.ids(q, state)));
	}

	// Any job there is, wherever.
	anyId(q) {
		return this.id(q, 'wait', 'paused', 'active', 'prioritized',
			'delayed', 'completed', 'failed', 'waiting-children');
	}

	// An active job that a take brought, and the token of its lock.
	held(q) {
		const { jobs } = this.walk.left.at(q);
		const id = this.pick(this.ids(q, 'active')
			.filter((each) => jobs[each]));
		if (id === undefined)
			return undefined;
		const lock = this.walk.node.get(`${base(q)}:${id}:lock`);
		return { q, id, token: lock?.content ?? 't1' };
	}

	next() {
		return this.chance(0.4) ? { next: this.limiter ?
			{ limit: this.limiter } : {} } : {};
	}

	// ---- options ----

	keeps() {
		const rule = () => this.pick([true, false, 1, 3, { count: 2 },
			{ count: 0 }, { age: 1 }, { age: 1, count: 3 },
			{ age: 1, limit: 1 }]);
		return { ...this.maybe({ removeOnComplete: rule() }),
			...this.maybe({ removeOnFail: rule() }) };
	}

	options() {
		return {
			...this.maybe({ jobId: this.chance(0.05) ?
				`a:b:${this.below(3)}` : `evt-${this.below(12)}` }),
			...this.maybe({ attempts: this.below(4) }),
			...this.maybe({ backoff: { type: this.pick(['fixed',
				'exponential']), delay: this.below(900) } }),
			...this.maybe({ delay: 1 + this.below(900) }),
			...this.maybe({ priority: this.chance(0.05) ? 2097151 :
				1 + this.below(3) }),
			...this.maybe({ lifo: true }, 0.15),
			...this.maybe({ timestamp: this.walk.clock -
				this.below(900) }, 0.1),
		};
	}

	more() {
		return {
			...this.keeps(),
			...this.maybe({ stackTraceLimit: this.below(3) }, 0.1),
			...this.maybe({ keepLogs: 1 + this.below(2) }, 0.1),
			...this.maybe({ backoff: this.below(500) }, 0.1),
		};
	}

	dedup() {
		const id = `d${this.below(3)}`;
		const ttl = HOUR + this.below(3) * 100000;
		const modes = [{}, { ttl }, { ttl, extend: true },
			{ ttl, extend: true, replace: true }, { ttl, replace: true },
			{ replace: true }, { keepLastIfActive: true },
			{ keepLastIfActive: true, replace: true },
			...(LEVEL === 5 ? [] : [{ reschedule: true },
				{ ttl, reschedule: true }])];
		return { id, ...this.pick(modes) };
	}

	flag() {
		return this.pick([{}, { failParentOnFailure: true },
			{ continueParentOnFailure: true },
			{ ignoreDependencyOnFailure: true },
			{ removeDependencyOnFailure: true }]);
	}

	// ---- throws: a step, or nothing when there is no occasion ----

	add() {
		return { op: 'add', q: this.queue(), name: `n${this.n}`,
			data: this.pick([{}, { n: this.n }, [1, 'a/b'], null, 'é']),
			opts: { ...this.options(), ...this.more() } };
	}

	addPrinted() {
		const opts = this.options();
		if (/:/.test(opts.jobId))
			delete opts.jobId;
		return { op: 'addPrinted', q: this.queue(), name: `n${this.n}`,
			data: { n: this.n }, opts };
	}

	addByNode() {
		return { ...this.add(), op: 'addByNode', name: '', opts: {
			...this.options(), ...this.more(),
			...this.maybe({ delay: this.below(900) / 2 + 0.25 }, 0.5) } };
	}

	addDedup() {
		const opts = { ...this.options(), ...this.keeps(),
			deduplication: this.dedup() };
		if (this.chance(0.5))
			opts.delay = 1 + this.below(900);
		return { op: 'add', q: QUEUES[0], name: `n${this.n}`,
			data: { n: this.n }, opts };
	}

	addBulk() {
		const jobs = Array.from({ length: 1 + this.below(4) }, (_, i) => ({
			name: `n${this.n}-${i}`, data: { i }, opts: {
				...this.options(), ...this.more(),
				...this.maybe({ deduplication: this.dedup() }, 0.2) },
		}));
		return { op: 'addBulk', q: QUEUES[0], jobs };
	}

	// A child for a job that is there, or was.
	addChild() {
		const q = this.queue();
		const scheduled = this.ids(q, 'active')
			.filter((each) => each.startsWith('repeat:'));
		const id = this.pick(scheduled) ?? (this.chance(0.9) ?
			this.id(q, 'active', 'wait', 'waiting-children', 'delayed',
				'completed') : 'nobody');
		const to = this.queue();
		const opts = this.options();
		if (this.isAbove(`${base(to)}:${opts.jobId}`, `${base(q)}:${id}`))
			delete opts.jobId;
		return id && { op: 'add', q: to, name: 'child', data: {},
			opts: { ...opts, ...this.keeps(), ...this.flag(),
				parent: { id, queue: base(q) } } };
	}

	// No family goes in a circle: BullMQ comes to no end when it removes one.
	isAbove(key, below) {
		const seen = new Set();
		for (; below && !seen.has(below);
			below = this.walk.node.map(below).parentKey) {
			if (below === key)
				return true;
			seen.add(below);
		}
		return false;
	}

	// An id of a job that may have ended already; BullMQ refuses numbers.
	known(q) {
		const id = this.id(q, 'completed', 'completed', 'failed', 'wait');
		return id && /^(evt-|f[0-9])/.test(id) && this.chance(0.8) ? id :
			`evt-${this.below(12)}`;
	}

	node(depth, id, takesIn) {
		const q = this.queue();
		const children = depth === 0 || this.chance(0.3) ? [] :
			Array.from({ length: 1 + this.below(2) },
				(_, i) => this.node(depth - 1, `${id}-${i}`,
					takesIn));
		return { name: 'flow', queueName: q, data: {},
			opts: { ...this.maybe({ priority: 1 }, 0.15),
				...this.maybe({ delay: 100 }, 0.15),
				...this.maybe({ attempts: 2 }, 0.2),
				...this.keeps(), ...this.flag(),
				jobId: depth === 0 && takesIn && this.chance(0.2) ?
					this.known(q) : `f${id}` },
			...(children.length > 0 && { children }) };
	}

	addFlow() {
		const parent = this.chance(0.15) && this.anyId(QUEUES[0]);
		const tree = this.node(1 + this.below(2), `${this.n}`, !parent);
		for (const name of ['failParentOnFailure', 'continueParentOnFailure',
			'ignoreDependencyOnFailure', 'removeDependencyOnFailure'])
			delete tree.opts[name];
		if (parent)
			Object.assign(tree.opts, this.flag(), { parent: {
				id: this.chance(0.9) ? parent : 'nobody',
				queue: base(QUEUES[0]) } });
		else if (this.chance(0.15) && (LEVEL === 5 || !tree.children))
			tree.opts.deduplication = { id: `d${this.below(3)}`,
				...this.maybe({ ttl: HOUR }, 0.5) };
		return { op: 'addFlow', tree };
	}

	take() {
		return { op: 'take', q: this.queue(), token: `t${this.below(3)}`,
			...this.maybe({ isNameless: true }, 0.05),
			...(this.limiter && this.chance(0.8) && {
				limit: this.limiter }) };
	}

	takeSome() {
		return this.limiter ? undefined :
			{ ...this.take(), n: 2 + this.below(3) };
	}

	// What the worker does with those that do not say.
	workerKeep() {
		return this.maybe({ keep: this.pick([{ count: 2 }, { age: 1 },
			{ count: 0 }]) }, 0.1);
	}

	complete() {
		const job = this.held(this.queue());
		return job && { op: 'complete', ...job, metrics: this.metrics,
			value: this.pick([null, 0, 1, 'a/b', [], {}, { n: 1 }]),
			...this.workerKeep(), ...this.next() };
	}

	error() {
		const job = this.held(this.queue());
		return job && { op: 'error', ...job, metrics: this.metrics,
			reason: this.pick(['no', 'not "now"', 'é', '']),
			...this.workerKeep(), ...this.next() };
	}

	finishSome() {
		const q = this.queue();
		const first = this.held(q);
		const { jobs } = this.walk.left.at(q);
		const items = this.ids(q, 'active').filter((id) => jobs[id])
			.slice(0, 1 + this.below(4)).map((id) => {
				const op = this.pick(['complete', 'error',
					'failForGood']);
				return op === 'complete' ? { op, id, value: this.n } :
					{ op, id, reason: 'no' };
			});
		return first && { op: 'finishSome', q, token: first.token, items,
			metrics: this.metrics };
	}

	failForGood() {
		const job = this.held(this.queue());
		return job && { op: 'failForGood', ...job, metrics: this.metrics,
			reason: 'never', ...this.next() };
	}

	foreignToken() {
		const step = this[this.pick(['complete', 'error', 'giveBack',
			'postpone', 'waitChildren'])]();
		return step && { ...step, token: 'other' };
	}

	giveBack() {
		const job = this.held(this.queue());
		return job && { op: 'giveBack', ...job };
	}

	postpone() {
		const job = this.held(this.queue());
		return job && { op: 'postpone', ...job, delay: this.below(500) };
	}

	waitChildren() {
		const job = this.held(this.queue());
		const pending = job && this.walk.node.list(
			`${base(job.q)}:${job.id}:dependencies`);
		const key = this.pick(pending ?? []);
		const at = key?.lastIndexOf(':');
		return job && { op: 'waitChildren', ...job, ...(key &&
			this.chance(0.5) && { child: { queue: key.slice(0, at),
			id: key.slice(at + 1) } }) };
	}

	extend() {
		const q = this.queue();
		const ids = this.ids(q, 'active');
		return ids.length > 0 ? { op: 'extend', q, ids,
			token: `t${this.below(3)}` } : undefined;
	}

	expireLock() {
		const q = this.queue();
		const id = this.id(q, 'active');
		return id && { op: 'expire', key: `${base(q)}:${id}:lock` };
	}

	// The check may run again: its guard's time is over.
	stalled() {
		const q = this.queue();
		const guard = `${base(q)}:stalled-check`;
		return this.walk.node.has(guard) && this.chance(0.8) ?
			{ op: 'expire', key: guard } :
			{ op: 'stalled', q, max: this.below(2) };
	}

	// Somebody took what was to wake a sleeper.
	sleep() {
		const key = `${base(this.queue())}:marker`;
		return this.walk.node.has(key) ? { op: 'expire', key } : undefined;
	}

	expireDedup() {
		return { op: 'expire',
			key: `${base(QUEUES[0])}:de:d${this.below(3)}` };
	}

	expireLimiter() {
		const key = `${base(this.queue())}:limiter`;
		return this.walk.node.has(key) ? { op: 'expire', key } : undefined;
	}

	forgetEvents() {
		return { op: 'forgetEvents', q: this.queue() };
	}

	oldChild() {
		const q = this.queue();
		const id = this.anyId(q);
		return id && { op: 'oldChild', q, id };
	}

	isPaused(q) {
		return 'paused' in this.walk.node.map(`${base(q)}:meta`);
	}

	pause() {
		const q = this.queue();
		return this.isPaused(q) && this.chance(0.7) ? undefined :
			{ op: 'pause', q };
	}

	resume() {
		const q = QUEUES.find((each) => this.isPaused(each)) ??
			(this.chance(0.2) ? this.queue() : undefined);
		return q && { op: 'resume', q };
	}

	concurrency() {
		const q = this.queue();
		return { op: 'concurrency', q, n: this.chance(0.5) ?
			1 + this.below(3) : 0 };
	}

	limit() {
		const q = this.queue();
		return { op: 'limit', q, ...(this.chance(0.4) ?
			{ max: 1 + this.below(4), duration: HOUR } : {}) };
	}

	rateLimit() {
		return { op: 'rateLimit', q: this.queue(), ms: HOUR };
	}

	removeRateLimit() {
		return { op: 'removeRateLimit', q: this.queue() };
	}

	limitTtl() {
		return { op: 'limitTtl', q: this.queue(),
			...this.maybe({ max: 1 + this.below(2) }, 0.5) };
	}

	drain() {
		return { op: 'drain', q: this.queue(), delayed: this.chance(0.5) };
	}

	clean() {
		return { op: 'clean', q: this.queue(), grace: this.below(3) * 300,
			limit: this.pick([0, 0, 1, 3]),
			state: this.pick(['completed', 'failed', 'wait', 'active',
				'delayed', 'prioritized', 'paused']) };
	}

	obliterate() {
		return this.isAuto ? undefined : { op: 'obliterate', q: this.queue(),
			force: this.chance(0.5) };
	}

	remove() {
		const q = this.queue();
		const id = this.anyId(q);
		return id && { op: 'remove', q, id, children: this.chance(0.6) };
	}

	removeChildren() {
		const q = this.queue();
		const id = this.id(q, 'waiting-children', 'active');
		return id && { op: 'removeChildren', q, id };
	}

	leaveParent() {
		const q = this.queue();
		const child = [...this.walk.node.keys.keys()].find((key) =>
			/:repeat:[^:]*:[0-9]*:dependencies$/.test(key));
		if (child && this.chance(0.5)) {
			const key = this.pick(this.walk.node.list(child));
			return { op: 'leaveParent', q: key.split(':')[1],
				id: key.split(':').slice(2).join(':') };
		}
		const id = this.anyId(q);
		return id && { op: 'leaveParent', q, id };
	}

	promote() {
		const q = this.queue();
		const id = this.chance(0.9) ? this.id(q, 'delayed') : this.anyId(q);
		return id && { op: 'promote', q, id };
	}

	promoteAll() {
		return { op: 'promoteAll', q: this.queue(),
			count: this.pick([1, 2, 1000]) };
	}

	retry() {
		const q = this.queue();
		const from = this.pick(['failed', 'completed']);
		const id = this.chance(0.9) ? this.id(q, from) : this.anyId(q);
		return id && { op: 'retry', q, id, from, made: this.chance(0.5),
			started: this.chance(0.5) };
	}

	retryAll() {
		return { op: 'retryAll', q: this.queue(),
			state: this.pick(['failed', 'failed', 'completed']),
			count: this.pick([1, 2, 1000]),
			before: this.pick([0, 0, 300]) };
	}

	data() {
		const q = this.queue();
		const id = this.anyId(q);
		return id && { op: 'data', q, id, data: this.pick([{ n: this.n },
			[], null, 'a/b']) };
	}

	progress() {
		const q = this.queue();
		const id = this.anyId(q);
		return id && { op: 'progress', q, id,
			progress: this.pick([0, 42, { of: 3 }, 'half']) };
	}

	log() {
		const q = this.queue();
		const logs = [...this.walk.node.keys.keys()].find((key) =>
			key.startsWith(base(q)) && key.endsWith(':logs'));
		const id = logs && this.chance(0.5) ?
			logs.slice(base(q).length + 1, -5) :
			this.chance(0.9) ? this.anyId(q) : 'nobody';
		return id && { op: 'log', q, id, row: `row ${this.n}`,
			...this.maybe({ keep: 1 + this.below(2) }) };
	}

	clearLog() {
		const q = this.queue();
		const logs = [...this.walk.node.keys.keys()].find((key) =>
			key.startsWith(base(q)) && key.endsWith(':logs'));
		const id = logs && this.chance(0.8) ?
			logs.slice(base(q).length + 1, -5) : this.anyId(q);
		return id && { op: 'clearLog', q, id,
			...this.maybe({ keep: 1 }) };
	}

	delay() {
		const q = this.queue();
		const id = this.chance(0.85) ? this.id(q, 'delayed') :
			this.anyId(q);
		return id && { op: 'delay', q, id, delay: this.below(900) };
	}

	priority() {
		const q = this.queue();
		const id = this.chance(0.7) ? this.id(q, 'wait', 'prioritized',
			'paused') : this.anyId(q);
		return id && { op: 'priority', q, id, priority: this.below(3),
			lifo: this.chance(0.3) };
	}

	freeDedup() {
		return { op: 'freeDedup', q: QUEUES[0],
			dedupId: `d${this.below(3)}` };
	}

	freeDedupOfJob() {
		const id = this.anyId(QUEUES[0]);
		return id && { op: 'freeDedupOfJob', q: QUEUES[0], id };
	}

	schedule() {
		const { clock } = this.walk;
		const limits = { ...this.maybe({ limit: 1 + this.below(3) }, 0.2),
			...this.maybe({ endDate: clock + this.below(5000) }, 0.1) };
		const every = { every: this.pick([200, 500, 1000]), ...limits,
			...this.maybe({ offset: this.below(200) }, 0.2),
			...this.maybe({ startDate: clock + this.below(2000) }, 0.2) };
		const pattern = { pattern: this.pick(['* * * * * *',
			'*/5 * * * * *', '0 * * * *', '30 2 * * 1-5']),
			tz: this.pick(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']),
			...limits, ...this.maybe({ immediately: true }, 0.1) };
		return { op: 'schedule', q: QUEUES[0], id: `s${this.below(3)}`,
			repeat: this.chance(0.7) ? every : pattern,
			template: this.chance(0.8) ? { name: `n${this.n}`,
				data: { n: this.n }, opts: { ...this.keeps(),
					...this.maybe({ priority: 1 }),
					...this.maybe({ attempts: 2 }),
					...this.maybe({ lifo: true }, 0.1) } } :
				undefined };
	}

	unschedule() {
		return { op: 'unschedule', q: QUEUES[0], id: `s${this.below(3)}` };
	}

	advance() {
		const { jobs } = this.walk.left.at(QUEUES[0]);
		const id = this.pick(this.ids(QUEUES[0], 'active')
			.filter((each) => jobs[each]?.repeatJobKey));
		return id && { op: 'advance', q: QUEUES[0], id };
	}

	// What BullMQ 5 still calls repeatable jobs.
	repeatByNode() {
		return { op: 'addByNode', q: QUEUES[0], name: `n${this.n}`,
			data: { n: this.n }, opts: { ...this.keeps(),
				repeat: { every: this.pick([500, 1000]) } } };
	}

	throw() {
		this.n++;
		if (this.n === 1 && this.isAuto)
			return { op: 'auto' };
		// now and then the clock jumps, or is another machine's
		const later = this.chance(0.03) ?
			this.pick([60000, 7 * 60000, -50, -3000]) : this.below(300);
		for (;;) {
			let at = this.random() * this.sum;
			const name = this.names.find((each) =>
				(at -= WEIGHTS[each]) < 0) ?? this.names[0];
			const step = this[name]();
			if (step)
				return { ...step, ...(later !== 0 && { later }) };
		}
	}
}
