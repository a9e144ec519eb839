// steps: everything a fleet does to its queues, as plain data that can be told
// again: { op: 'take', q: 'hooks', token: 't1' }. Each operation has BullMQ's
// way, through its own classes, and ours, through the peer; what they answer
// must mean the same. Both get the queue's place on their side (walk.mjs): its
// `queue`, `worker`, the `jobs` in hand, `redis`; ours has `ask`, too, and is
// told what BullMQ answered. An operation that we do not have is done by BullMQ
// on both sides.

import assert from 'node:assert/strict';
import { Job, LEVEL } from './both.mjs';
import { rawItem } from './raw.mjs';
import { PREFIX } from './stage.mjs';

export const LOCK = 600000; // no lock ends while a story is told
export const NO_JOB = 'no job';
export const base = (q) => `${PREFIX}:${q}`;

const is5 = LEVEL === 5;
const scriptsOf = (worker) => (is5 ? worker.scripts : worker.backend);

// ---- answers ----

const zero = () => 0;
const number = ({ number: n }) => n;
const code = ({ number: n }) => Math.min(n, 0);

// The number our side answers for what BullMQ's class threw.
export function codeOf(err) {
	if (typeof err.code === 'number')
		return err.code;
	if (/Cannot obliterate queue with active jobs/.test(err.message))
		return -2;
	if (/Missing key for parent job/.test(err.message))
		return -5;
	if (/cannot be replaced/.test(err.message))
		return -7;
	if (/belongs to a job scheduler/.test(err.message))
		return -8;
	if (/locked by another worker/.test(err.message))
		return 0;
	if (/End date must be greater/.test(err.message))
		return undefined;
	throw err;
}

// BullMQ makes no class of a job that is not there: then both leave it alone.
async function withJob({ queue }, id, fn) {
	const job = await queue.getJob(id);
	return job ? await fn(job) : NO_JOB;
}

// BullMQ's classes go on as long as there may be more.
async function allOf(ask, op, request) {
	for (;;) {
		const { number: n } = await ask(op, request);
		if (n <= 0)
			return n;
	}
}

// ---- adding ----

const addItem = ({ queue }, { name, data, opts }) =>
	rawItem(new Job(queue, name, data, opts, opts.jobId));

// Ids, or codes.
function added({ results, ids }) {
	return results.map((result, i) =>
		(Number(result) < 0 ? Number(result) : ids[i]));
}

// Flows go in breadth first, as FlowProducer's parallel promises do.
function flowItems({ side }, tree) {
	const items = [];
	let level = [{ node: tree, parent: tree.opts.parent }];
	while (level.length > 0) {
		const below = [];
		for (const { node, parent } of level) {
			const queue = node.queueName;
			const id = node.opts.jobId;
			const job = new Job(side.at(queue).queue, node.name,
				node.data, { ...node.opts, parent }, id);
			const children = node.children ?? [];
			items.push(rawItem(job, { base: base(queue), flow: true,
				children: children.length > 0 }));
			below.push(...children.map((child) => ({ node: child,
				parent: { id, queue: base(queue) } })));
		}
		level = below;
	}
	return items;
}

// ---- taking and finishing ----

// The worker's settings for one call; they are read at each.
async function set(worker, { limit, metrics, keep }, fn) {
	Object.assign(worker.opts, { limiter: limit, removeOnComplete: keep,
		removeOnFail: keep,
		metrics: metrics && { maxDataPoints: metrics } });
	try {
		return await fn();
	} finally {
		Object.assign(worker.opts, { limiter: undefined,
			removeOnComplete: undefined, removeOnFail: undefined,
			metrics: undefined });
	}
}

// BullMQ's reply to a take, as ours; the job is in hand now.
function took({ jobs, worker }, [data, id, limited, due] = []) {
	if (data) {
		jobs[id] = worker.createJob(data, id, 't');
		return { id, defa: jobs[id].deferredFailure };
	}
	return { limited: limited > 0, due: limited > 0 ? 0 : due || 0 };
}

function weTook({ jobs: [job], limited, due, busy }) {
	if (job)
		return { id: job.id, defa: job.deferred };
	return { limited: limited > 0, due: limited > 0 || busy ? 0 : due };
}

function taking({ token, n = 1, limit, isNameless }) {
	return { token, worker: isNameless ? '' : 'w1', lockDuration: LOCK, n,
		...(limit && { limit }) };
}

// BullMQ looks for no other job when it retries this one at once.
function isRetriedAtOnce({ opts, attemptsMade }) {
	return attemptsMade + 1 < opts.attempts && !opts.backoff?.delay;
}

// Ends a job in hand: 0, or what was taken in the same call.
async function ends(place, step, fn) {
	const job = place.jobs[step.id];
	const isAtOnce = step.op === 'error' && isRetriedAtOnce(job);
	const stacktrace = [...(job.stacktrace ?? [])];
	const { next, metrics, keep } = step;
	const reply = await set(place.worker,
		{ limit: next?.limit, metrics, keep },
		() => fn(job, next !== undefined)).catch((err) => {
		job.stacktrace = stacktrace; // nothing was written
		throw err;
	});
	if (!next || isAtOnce)
		return 0;
	return reply?.length > 0 && (reply[0] || reply[2] > 0 || reply[3] > 0) ?
		took(place, reply) : 'none';
}

// We would take the next one also where BullMQ comes back for it: after a
// refusal, or when it retries the job at once.
async function weEnd({ ask }, step, item, theirs = 0) {
	const { id, token, metrics, keep } = step;
	const next = typeof theirs === 'number' ? undefined : step.next;
	const { results, taken } = await ask('finish', { token, metrics,
		items: [{ id, keep, ...item }],
		...(next && { next: taking({ token, ...next }) }) });
	if (results[0].code < 0 || !next)
		return results[0].code;
	const reply = taken && weTook(taken);
	// after a delay BullMQ says nothing but a job
	if (theirs === 'none' && step.op === 'error' && !reply?.id)
		return 'none';
	return reply && (reply.id || reply.limited || reply.due) ?
		reply : 'none';
}

const held = ({ jobs }, { id }) => Boolean(jobs[id]);
const has = (field) => async ({ redis }, { q, id }) =>
	(await redis.hexists(`${base(q)}:${id}`, field)) === 1;

// ---- schedulers ----

// The job to come, nothing when it is over, or a code.
function scheduled({ err, over, code: n, jobId }) {
	assert.ok(over !== undefined || err === 'ok', `${err}`);
	return n < 0 ? n : jobId;
}

export const OPS = {
	// From here on we are not told the level, but look at the queue.
	auto: {
		node: zero,
		ours({ side }) {
			for (const place of side.all)
				place.level = 0;
			return 0;
		},
	},
	add: {
		node: async ({ queue }, { name, data, opts }) =>
			(await queue.add(name, data, opts)).id,
		ours: async (place, step) => added(await place.ask('add',
			{ items: [addItem(place, step)] }))[0],
	},
	// Options that our own producers know are printed by us.
	addPrinted: {
		node: (...args) => OPS.add.node(...args),
		async ours({ ask }, { name, data, opts }) {
			const { jobId, deduplication, ...rest } = opts;
			return added(await ask('add', { items: [{ id: jobId, name,
				data: JSON.stringify(data), de: deduplication,
				...rest }] }))[0];
		},
	},
	// What only BullMQ's producers say: we have to live with it.
	addByNode: {
		node: (...args) => OPS.add.node(...args),
	},
	addBulk: {
		node: async ({ queue }, { jobs }) =>
			(await queue.addBulk(jobs)).map((job) => job.id),
		async ours(place, { jobs }) {
			const results = added(await place.ask('add', { items:
				jobs.map((job) => addItem(place, job)) }));
			return results.find((id) => typeof id === 'number') ??
				results;
		},
	},
	addFlow: {
		node: async ({ side }, { tree }) =>
			(await side.flow.add(tree)).job.id,
		ours: async (place, { tree }) => added(await place.ask('add',
			{ items: flowItems(place, tree) }))[0],
	},
	take: {
		async node(place, step) {
			const { worker } = place;
			const name = step.isNameless ? [] : ['w1'];
			const client = is5 ? [await worker.client] : [];
			const taken = [];
			for (let i = 0; i < (step.n ?? 1); i++) {
				const reply = took(place, await set(worker, step,
					() => scriptsOf(worker).moveToActive(...client,
						step.token, ...name)));
				if (reply.id || i === 0)
					taken.push(reply);
				if (!reply.id)
					break;
			}
			return taken;
		},
		async ours({ ask }, step) {
			const answer = await ask('take', taking(step));
			return answer.jobs.length === 0 ? [weTook(answer)] :
				answer.jobs.map((job) => weTook({ jobs: [job] }));
		},
	},
	complete: {
		needs: held,
		node: (place, step) => ends(place, step, (job, next) =>
			job.moveToCompleted(step.value, step.token, next)),
		ours: (place, step, theirs) => weEnd(place, step,
			{ kind: 'completed', value: JSON.stringify(step.value) },
			theirs),
	},
	// What a worker does with an error: another attempt, or failed.
	error: {
		needs: held,
		node: (place, step) => ends(place, step, (job, next) =>
			job.moveToFailed(new Error(step.reason), step.token, next)),
		ours: (place, step, theirs) => weEnd(place, step,
			{ kind: 'error', value: step.reason, stack: 'at home' },
			theirs),
	},
	failForGood: {
		needs: held,
		node: (place, step) => ends(place, step, (job, next) => {
			const err = new Error(step.reason);
			err.name = 'UnrecoverableError';
			return job.moveToFailed(err, step.token, next);
		}),
		ours: (place, step, theirs) => weEnd(place, step,
			{ kind: 'failed', value: step.reason, stack: 'at home' },
			theirs),
	},
	// Several end in one call of ours, one after the other with BullMQ.
	finishSome: {
		needs: (place, { items }) =>
			items.every((item) => held(place, item)),
		async node(place, { token, items, metrics }) {
			const codes = [];
			for (const item of items)
				codes.push(await OPS[item.op].node(place,
					{ ...item, token, metrics }).catch(codeOf));
			return codes;
		},
		async ours({ ask }, { token, items, metrics }) {
			const kinds = { complete: 'completed', error: 'error',
				failForGood: 'failed' };
			const { results } = await ask('finish', { token, metrics,
				items: items.map(({ op, id, value, reason }) => ({ id,
					kind: kinds[op], stack: 'at home',
					value: reason ?? JSON.stringify(value) })) });
			return results.map((result) => result.code);
		},
	},
	giveBack: {
		needs: held,
		node: async ({ jobs }, { id, token }) =>
			(await jobs[id].moveToWait(token)) > 0,
		async ours({ ask }, { id, token }) {
			const { results: [result] } = await ask('finish',
				{ token, items: [{ id, kind: 'giveBack' }] });
			return result.code < 0 ? result.code : result.limited > 0;
		},
	},
	postpone: {
		needs: held,
		node: ({ jobs, side }, { id, token, delay }) =>
			jobs[id].moveToDelayed(side.clock() + delay, token)
				.then(zero),
		ours: (place, step) => weEnd(place, step,
			{ kind: 'postpone', delay: step.delay }),
	},
	waitChildren: {
		needs: held,
		node: async ({ jobs }, { id, token, child }) =>
			((await jobs[id].moveToWaitingChildren(token,
				{ child })) ? 0 : 1),
		ours: (place, step) => weEnd(place, step,
			{ kind: 'waitChildren', value: step.child ?
				`${step.child.queue}:${step.child.id}` : '' }),
	},
	extend: {
		node: ({ worker }, { ids, token }) => worker.extendJobLocks(ids,
			ids.map(() => token), 2 * LOCK),
		ours: async ({ ask }, { ids, token }) => (await ask('extend',
			{ token, ids, lockDuration: 2 * LOCK })).lost,
	},
	stalled: {
		async node({ worker }, { max }) {
			worker.opts.maxStalledCount = max;
			return (await scriptsOf(worker).moveStalledJobsToWait()) ??
				[];
		},
		ours: async ({ ask }, { max }) =>
			(await ask('stalled', { interval: LOCK, max })).ids,
	},
	// ---- by Redis alone: what time does, and other hands ----
	expire: {
		redis: (redis, { key }) => redis.del(key),
	},
	forgetEvents: {
		redis: (redis, { q }) =>
			redis.hdel(`${base(q)}:meta`, 'opts.maxLenEvents'),
	},
	// Releases before 4.0 wrote the parent's key only.
	oldChild: {
		redis: (redis, { q, id }) => redis.hdel(`${base(q)}:${id}`, 'parent'),
	},
	// ---- the switches ----
	pause: {
		node: ({ queue }) => queue.pause().then(zero),
		ours: ({ ask }) => ask('pause').then(number),
	},
	resume: {
		node: ({ queue }) => queue.resume().then(zero),
		ours: ({ ask }) => ask('resume').then(number),
	},
	concurrency: {
		node: ({ queue }, { n }) => (n ? queue.setGlobalConcurrency(n) :
			queue.removeGlobalConcurrency()).then(zero),
		ours: ({ ask }, { n }) => ask('concurrency',
			n ? { concurrency: n } : {}).then(zero),
	},
	limit: {
		node: ({ queue }, { max, duration }) => (max ?
			queue.setGlobalRateLimit(max, duration) :
			queue.removeGlobalRateLimit()).then(zero),
		ours: ({ ask }, { max, duration }) =>
			ask('limit', { max, duration }).then(zero),
	},
	rateLimit: {
		node: ({ queue }, { ms }) => queue.rateLimit(ms).then(zero),
		ours: ({ ask }, { ms }) =>
			ask('rateLimit', { for: ms }).then(number),
	},
	removeRateLimit: {
		node: ({ queue }) => queue.removeRateLimitKey().then(Number),
		ours: ({ ask }) => ask('removeRateLimit').then(number),
	},
	limitTtl: {
		node: async ({ queue }, { max }) =>
			(await queue.getRateLimitTtl(max)) > 0,
		ours: async ({ ask }, { max }) =>
			number(await ask('limitTtl', { max })) > 0,
	},
	// ---- removing ----
	drain: {
		node: ({ queue }, { delayed }) => queue.drain(delayed).then(zero),
		ours: ({ ask }, { delayed }) =>
			ask('drain', { delayed }).then(zero),
	},
	clean: {
		node: ({ queue }, { grace, limit, state }) =>
			queue.clean(grace, limit, state),
		ours: async ({ ask, side }, { grace, limit, state }) =>
			(await ask('clean', { state, before: side.clock() - grace,
				...(limit && { limit }) })).ids,
	},
	obliterate: {
		node: ({ queue }, { force }) =>
			queue.obliterate({ force }).then(zero),
		async ours({ ask }, { force }) {
			await ask('pause');
			return await allOf(ask, 'obliterate', { force });
		},
	},
	remove: {
		node: (place, { id, children }) => withJob(place, id, (job) =>
			job.remove({ removeChildren: children }).then(() => 1)),
		ours: ({ ask }, { id, children }) =>
			ask('remove', { id, children }).then(number),
	},
	removeChildren: {
		node: (place, { id }) => withJob(place, id, (job) =>
			job.removeUnprocessedChildren().then(zero)),
		ours: ({ ask }, { id }) =>
			ask('removeChildren', { id }).then(code),
	},
	leaveParent: {
		needs: has('parentKey'),
		node: (place, { id }) => withJob(place, id, (job) =>
			job.removeChildDependency().then(Number)),
		ours: ({ ask }, { id }) => ask('leaveParent', { id }).then(number),
	},
	// ---- waiting again ----
	promote: {
		node: (place, { id }) => withJob(place, id, (job) =>
			job.promote().then(zero)),
		ours: ({ ask }, { id }) => ask('promote', { id }).then(number),
	},
	promoteAll: {
		node: ({ queue }, { count }) =>
			queue.promoteJobs({ count }).then(zero),
		ours: ({ ask }, { count }) => allOf(ask, 'promoteAll', { count }),
	},
	retry: {
		node: (place, { id, from, made, started }) => withJob(place, id,
			(job) => job.retry(from, { resetAttemptsMade: made,
				resetAttemptsStarted: started }).then(zero)),
		ours: ({ ask }, { id, from, made, started }) => ask('retry',
			{ id, from, keepsAttempts: !made, keepsStarts: !started })
			.then(code),
	},
	retryAll: {
		node: ({ queue, side }, { state, count, before }) =>
			queue.retryJobs({ state, count,
				timestamp: side.clock() - before }).then(zero),
		ours: ({ ask, side }, { state, count, before }) => allOf(ask,
			'retryAll', { from: state, count,
				before: side.clock() - before }),
	},
	// ---- changing one job ----
	data: {
		node: (place, { id, data }) => withJob(place, id, (job) =>
			job.updateData(data).then(zero)),
		ours: ({ ask }, { id, data }) => ask('data',
			{ id, data: JSON.stringify(data) }).then(number),
	},
	progress: {
		node: (place, { id, progress }) => withJob(place, id, (job) =>
			job.updateProgress(progress).then(zero)),
		ours: ({ ask }, { id, progress }) => ask('progress',
			{ id, progress: JSON.stringify(progress) }).then(number),
	},
	log: {
		node: ({ queue }, { id, row, keep }) =>
			Job.addJobLog(queue, id, row, keep),
		ours: ({ ask }, { id, row, keep }) =>
			ask('log', { id, row, keep }).then(number),
	},
	clearLog: {
		node: (place, { id, keep }) => withJob(place, id, (job) =>
			job.clearLogs(keep).then(zero)),
		ours: ({ ask }, { id, keep }) =>
			ask('clearLog', { id, keep }).then(number),
	},
	delay: {
		node: (place, { id, delay }) => withJob(place, id, (job) =>
			job.changeDelay(delay).then(zero)),
		ours: ({ ask }, { id, delay }) =>
			ask('delay', { id, delay }).then(number),
	},
	priority: {
		node: (place, { id, priority, lifo }) => withJob(place, id,
			(job) => job.changePriority({ priority, lifo })
				.then(zero)),
		ours: ({ ask }, { id, priority, lifo }) =>
			ask('priority', { id, priority, lifo }).then(number),
	},
	freeDedup: {
		node: ({ queue }, { dedupId }) =>
			queue.removeDeduplicationKey(dedupId),
		ours: ({ ask }, { dedupId }) =>
			ask('freeDedup', { dedupId }).then(number),
	},
	freeDedupOfJob: {
		needs: has('deid'),
		node: (place, { id }) => withJob(place, id, (job) =>
			job.removeDeduplicationKey().then(Number)),
		async ours({ ask, redis }, { q, id }) {
			const dedupId = await redis.hget(`${base(q)}:${id}`, 'deid');
			return number(await ask('freeDedup', { dedupId, id }));
		},
	},
	// ---- schedulers ----
	schedule: {
		node: async ({ queue }, { id, repeat, template }) =>
			(await queue.upsertJobScheduler(id, repeat, template))?.id,
		async ours({ tell }, { id, repeat, template = {} }) {
			const { name = id, data = {}, opts = {} } = template;
			return scheduled(await tell('schedule-upsert', { id, name,
				data: JSON.stringify(data),
				opts: JSON.stringify(opts), ...repeat }));
		},
	},
	unschedule: {
		node: async ({ queue }, { id }) =>
			((await queue.removeJobScheduler(id)) ? 0 : 1),
		ours: ({ ask }, { id }) =>
			ask('schedule-remove', { id }).then(number),
	},
	// The taken job is a scheduler's: the next one, before it runs.
	advance: {
		needs: ({ jobs }, { id }) => Boolean(jobs[id]?.repeatJobKey),
		async node({ jobs, worker }, { id }) {
			const { repeatJobKey, opts, name, data } = jobs[id];
			const scheduler = await worker.jobScheduler;
			const next = await scheduler.upsertJobScheduler(repeatJobKey,
				opts.repeat, name, data, opts,
				{ override: false, producerId: id });
			return next?.id;
		},
		ours: async ({ tell }, { id }) =>
			scheduled(await tell('schedule-advance', { id })),
	},
};

assert.ok(Object.values(OPS).every((op) => op.node || op.redis));
