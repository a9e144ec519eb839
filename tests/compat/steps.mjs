// steps: everything a fleet does to its queues, as plain data that can be told
// again: { op: 'take', q: 'hooks', token: 't1' }. Each operation has BullMQ's
// way, through its own classes, and ours, through the peer; what they answer
// must mean the same. `node` gets one side's classes (walk.mjs), so an
// operation that we do not have is done by BullMQ on both.

import assert from 'node:assert/strict';
import { Job, LEVEL } from './both.mjs';
import { rawItem } from './raw.mjs';
import { PREFIX } from './stage.mjs';

export const LOCK = 600000; // no lock ends while a story is told
export const base = (q) => `${PREFIX}:${q}`;

const is5 = LEVEL === 5;
const scriptsOf = (worker) => (is5 ? worker.scripts : worker.backend);

// The number our side answers for what BullMQ's class threw.
export function codeOf(err) {
	if (typeof err.code === 'number')
		return err.code;
	if (/Missing key for parent job/.test(err.message))
		return -5;
	if (/cannot be replaced/.test(err.message))
		return -7;
	if (/belongs to a job scheduler/.test(err.message))
		return -8;
	if (/End date must be greater/.test(err.message))
		return undefined;
	if (/locked by another worker/.test(err.message))
		return 0;
	throw err;
}

// A worker takes for so long: its settings are read at each call.
async function with_(worker, { limit, metrics, keep }, fn) {
	worker.opts.removeOnComplete = keep;
	worker.opts.removeOnFail = keep;
	worker.opts.limiter = limit;
	worker.opts.metrics = metrics && { maxDataPoints: metrics };
	try {
		return await fn();
	} finally {
		worker.opts.limiter = undefined;
		worker.opts.metrics = undefined;
	}
}

// BullMQ's reply to a take, as ours; the job is in hand now.
function took(at, [data, id, limited, due] = []) {
	if (data) {
		const job = at.worker.createJob(data, id, 't');
		at.jobs[id] = job;
		return { id, defa: job.deferredFailure };
	}
	return { limited: limited > 0, due: limited > 0 ? 0 : due || 0 };
}

// An empty reply of ours; busy ones name no time.
function ourTake({ jobs: [job], limited, due, busy }) {
	if (job)
		return { id: job.id, defa: job.deferred };
	return { limited: limited > 0, due: limited > 0 || busy ? 0 : due };
}

function taking({ token, n = 1, limit, isNameless }) {
	return { token, worker: isNameless ? '' : 'w1', lockDuration: LOCK, n,
		...(limit && { limit }) };
}

// Flows go in breadth first, as FlowProducer's parallel promises do.
function flowItems(side, tree) {
	const items = [];
	for (let level = [{ node: tree, parent: tree.opts.parent }];
		level.length > 0;) {
		const below = [];
		for (const { node, parent } of level) {
			const { queue } = side.at(node.queueName);
			const job = new Job(queue, node.name, node.data,
				{ ...node.opts, parent }, node.opts.jobId);
			const hasChildren = node.children?.length > 0;
			items.push(rawItem(job, { base: base(node.queueName),
				children: hasChildren, flow: true }));
			for (const child of node.children ?? [])
				below.push({ node: child, parent: {
					id: node.opts.jobId,
					queue: base(node.queueName) } });
		}
		level = below;
	}
	return items;
}

function added({ results, ids }) {
	return results.map((result, i) =>
		(Number(result) < 0 ? Number(result) : ids[i]));
}

const only = ([first]) => first;
const number = ({ number: n }) => n;

// Our add refuses what would break a queue (bullmq-wire 2.5); stories name no
// such ids, so nothing here may be refused.
const addItem = (ours, { q, name, data, opts }) => rawItem(new Job(
	ours.at(q).queue, name, data, opts, opts.jobId));

// BullMQ makes no class of a job that is not there: then both leave it alone.
export const NO_JOB = 'no job';

async function withJob({ queue }, id, fn) {
	const job = await queue.getJob(id);
	return job ? await fn(job) : NO_JOB;
}

// BullMQ looks for no other job when it retries this one at once.
function isRetriedAtOnce({ opts, attemptsMade }) {
	return attemptsMade + 1 < opts.attempts && !opts.backoff?.delay;
}

// Finishes with a job in hand; a fetched next one, too.
async function ends(at, step, fn) {
	const job = at.jobs[step.id];
	const isAtOnce = step.op === 'error' && isRetriedAtOnce(job);
	const stacktrace = [...(job.stacktrace ?? [])];
	const reply = await with_(at.worker,
		{ limit: step.next?.limit, metrics: step.metrics,
			keep: step.keep },
		() => fn(job, step.next !== undefined)).catch((err) => {
		job.stacktrace = stacktrace; // nothing was written
		throw err;
	});
	if (!step.next || isAtOnce)
		return 0;
	return reply?.length > 0 && (reply[0] || reply[2] > 0 || reply[3] > 0) ?
		took(at, reply) : 'none';
}

// We would take the next one also where BullMQ comes back for it: after a
// refusal, or when it retries the job at once.
async function weEnd(at, step, item, theirs = 0) {
	if (typeof theirs === 'number')
		step = { ...step, next: undefined };
	const { results, taken } = await at.peer.do('finish', {
		token: step.token,
		items: [{ id: step.id, keep: step.keep, ...item }],
		metrics: step.metrics, now: at.clock(),
		...(step.next && { next: taking({ token: step.token,
			...step.next }) }),
	});
	if (results[0].code < 0 || !step.next)
		return results[0].code;
	const reply = taken && ourTake(taken);
	// after a delay BullMQ says nothing but a job
	if (theirs === 'none' && step.op === 'error' && !reply?.id)
		return 'none';
	return reply && (reply.id || reply.limited || reply.due) ? reply : 'none';
}

const held = (side, { q, id }) => Boolean(side.at(q).jobs[id]);

export const OPS = {
	// From here on we are not told the level, but look at the queue.
	auto: {
		node: () => 0,
		ours: (ours) => {
			for (const place of Object.values(ours.places))
				place.level = 0;
			return 0;
		},
	},
	add: {
		node: async (side, { q, name, data, opts }) =>
			(await side.at(q).queue.add(name, data, opts)).id,
		ours: async (ours, step) => only(added(await ours.at(step.q).peer.add(
			addItem(ours, step), { now: ours.clock() }))),
	},
	// Options that our own producers know are printed by us.
	addPrinted: {
		node: (...args) => OPS.add.node(...args),
		ours: async (ours, { q, name, data, opts }) => {
			const { jobId, deduplication, ...rest } = opts;
			return only(added(await ours.at(q).peer.add({ id: jobId, name,
				data: JSON.stringify(data), de: deduplication,
				...rest }, { now: ours.clock() })));
		},
	},
	// What only BullMQ's producers say: we have to live with it.
	addByNode: {
		node: (...args) => OPS.add.node(...args),
	},
	addBulk: {
		node: async (side, { q, jobs }) =>
			(await side.at(q).queue.addBulk(jobs)).map((job) => job.id),
		ours: async (ours, { q, jobs }) => {
			const results = added(await ours.at(q).peer.do('add', {
				items: jobs.map((job) => addItem(ours, { q, ...job })),
				now: ours.clock() }));
			return results.find((id) => id < 0 && typeof id === 'number') ??
				results;
		},
	},
	addFlow: {
		node: async (side, { tree }) => (await side.flow.add(tree)).job.id,
		ours: async (ours, { tree }) => only(added(
			await ours.at(tree.queueName).peer.do('add', {
				items: flowItems(ours, tree), now: ours.clock() }))),
	},
	take: {
		node: async (side, { q, ...step }) => {
			const at = side.at(q);
			const name = step.isNameless ? undefined : 'w1';
			const taken = [];
			for (let i = 0; i < (step.n ?? 1); i++) {
				const reply = took(at, await with_(at.worker, step,
					async () => (is5 ?
						at.worker.scripts.moveToActive(
							await at.worker.client, step.token, name) :
						at.worker.backend.moveToActive(step.token,
							name))));
				if (!reply.id && taken.length > 0)
					break;
				taken.push(reply);
				if (!reply.id)
					break;
			}
			return taken;
		},
		ours: async (ours, { q, ...step }) => {
			const answer = await ours.at(q).peer.do('take',
				{ ...taking(step), now: ours.clock() });
			return answer.jobs.length === 0 ? [ourTake(answer)] :
				answer.jobs.map((job) => ourTake({ jobs: [job] }));
		},
	},
	complete: {
		needs: held,
		node: async (side, step) => ends(side.at(step.q), step,
			(job, next) => job.moveToCompleted(step.value, step.token,
				next)),
		ours: (ours, step, theirs) => weEnd(ours.at(step.q), step,
			{ kind: 'completed', value: JSON.stringify(step.value) },
			theirs),
	},
	// What a worker does with an error: another attempt, or failed.
	error: {
		needs: held,
		node: async (side, step) => ends(side.at(step.q), step,
			(job, next) => job.moveToFailed(new Error(step.reason),
				step.token, next)),
		ours: (ours, step, theirs) => weEnd(ours.at(step.q), step,
			{ kind: 'error', value: step.reason, stack: 'at home' },
			theirs),
	},
	failForGood: {
		needs: held,
		node: async (side, step) => ends(side.at(step.q), step,
			(job, next) => {
				const err = new Error(step.reason);
				err.name = 'UnrecoverableError';
				return job.moveToFailed(err, step.token, next);
			}),
		ours: (ours, step, theirs) => weEnd(ours.at(step.q), step,
			{ kind: 'failed', value: step.reason, stack: 'at home' },
			theirs),
	},
	// Several end in one call of ours, one after the other with BullMQ.
	finishSome: {
		needs: (side, { q, items }) =>
			items.every(({ id }) => held(side, { q, id })),
		node: async (side, { q, token, items, metrics }) => {
			const codes = [];
			for (const { op, ...item } of items) {
				const code = await OPS[op].node(side,
					{ q, op, token, metrics, ...item })
					.catch((err) => codeOf(err));
				codes.push(code);
			}
			return codes;
		},
		ours: async (ours, { q, token, items, metrics }) => {
			const { results } = await ours.at(q).peer.do('finish', { token,
				metrics, now: ours.clock(), items: items.map((item) => ({
					...item,
					...(item.op === 'complete' ? { kind: 'completed',
						value: JSON.stringify(item.value) } :
						{ value: item.reason, stack: 'at home',
							kind: item.op === 'error' ? 'error' :
								'failed' }),
				})) });
			return results.map(({ code }) => code);
		},
	},
	giveBack: {
		needs: held,
		node: async (side, { q, id, token }) =>
			(await side.at(q).jobs[id].moveToWait(token)) > 0,
		ours: async (ours, { q, id, token }) => {
			const { results } = await ours.at(q).peer.do('finish',
				{ token, items: [{ id, kind: 'giveBack' }],
					now: ours.clock() });
			return results[0].code < 0 ? results[0].code :
				results[0].limited > 0;
		},
	},
	postpone: {
		needs: held,
		node: async (side, { q, id, token, delay }) => {
			await side.at(q).jobs[id].moveToDelayed(
				side.clock() + delay, token);
			return 0;
		},
		ours: (ours, step) => weEnd(ours.at(step.q), step,
			{ kind: 'postpone', delay: step.delay }),
	},
	waitChildren: {
		needs: held,
		node: async (side, { q, id, token, child }) =>
			((await side.at(q).jobs[id].moveToWaitingChildren(token,
				{ child })) ? 0 : 1),
		ours: (ours, step) => weEnd(ours.at(step.q), step,
			{ kind: 'waitChildren', value: step.child ?
				`${step.child.queue}:${step.child.id}` : '' }),
	},
	extend: {
		node: (side, { q, ids, token }) => side.at(q).worker.extendJobLocks(
			ids, ids.map(() => token), 2 * LOCK),
		ours: async (ours, { q, ids, token }) =>
			(await ours.at(q).peer.do('extend',
				{ token, ids, lockDuration: 2 * LOCK })).lost,
	},
	stalled: {
		node: async (side, { q, max }) => {
			const { worker } = side.at(q);
			worker.opts.maxStalledCount = max;
			const ids = await scriptsOf(worker).moveStalledJobsToWait();
			return ids ?? [];
		},
		ours: async (ours, { q, max }) => (await ours.at(q).peer.do('stalled',
			{ interval: LOCK, max, now: ours.clock() })).ids,
	},
	// ---- by Redis alone: what time does, and other hands ----
	expire: {
		redis: (redis, { key }) => redis.del(key),
	},
	forgetEvents: {
		redis: (redis, { q }) =>
			redis.hdel(`${base(q)}:meta`, 'opts.maxLenEvents'),
	},
	oldMarker: {
		redis: (redis, { q, id }) => redis.rpush(`${base(q)}:wait`, id),
	},
	// ---- administration ----
	pause: {
		node: (side, { q }) => side.at(q).queue.pause().then(() => 0),
		ours: async (ours, { q }) => number(
			await ours.at(q).peer.do('pause')),
	},
	resume: {
		node: (side, { q }) => side.at(q).queue.resume().then(() => 0),
		ours: async (ours, { q }) => number(
			await ours.at(q).peer.do('resume')),
	},
	concurrency: {
		node: async (side, { q, n }) => {
			const { queue } = side.at(q);
			await (n ? queue.setGlobalConcurrency(n) :
				queue.removeGlobalConcurrency());
			return 0;
		},
		ours: async (ours, { q, n }) => {
			await ours.at(q).peer.do('concurrency',
				n ? { concurrency: n } : {});
			return 0;
		},
	},
	limit: {
		node: async (side, { q, max, duration }) => {
			const { queue } = side.at(q);
			await (max ? queue.setGlobalRateLimit(max, duration) :
				queue.removeGlobalRateLimit());
			return 0;
		},
		ours: async (ours, { q, max, duration }) => {
			await ours.at(q).peer.do('limit', { max, duration });
			return 0;
		},
	},
	rateLimit: {
		node: (side, { q, ms }) => side.at(q).queue.rateLimit(ms)
			.then(() => 0),
		ours: async (ours, { q, ms }) => number(
			await ours.at(q).peer.do('rateLimit', { for: ms })),
	},
	removeRateLimit: {
		node: async (side, { q }) =>
			Number(await side.at(q).queue.removeRateLimitKey()),
		ours: async (ours, { q }) => number(
			await ours.at(q).peer.do('removeRateLimit')),
	},
	limitTtl: {
		node: async (side, { q, max }) =>
			(await side.at(q).queue.getRateLimitTtl(max)) > 0,
		ours: async (ours, { q, max }) => number(
			await ours.at(q).peer.do('limitTtl', { max })) > 0,
	},
	drain: {
		node: (side, { q, delayed }) => side.at(q).queue.drain(delayed)
			.then(() => 0),
		ours: async (ours, { q, delayed }) => {
			await ours.at(q).peer.do('drain', { delayed });
			return 0;
		},
	},
	clean: {
		node: async (side, { q, grace, limit, state }) =>
			side.at(q).queue.clean(grace, limit, state),
		ours: async (ours, { q, grace, limit, state }) =>
			(await ours.at(q).peer.do('clean', { state,
				before: ours.clock() - grace,
				...(limit && { limit }) })).ids,
	},
	obliterate: {
		node: async (side, { q, force }) => {
			const { queue } = side.at(q);
			try {
				await queue.obliterate({ force });
			} catch (err) {
				if (/active jobs/.test(err.message))
					return -2;
				throw err;
			}
			return 0;
		},
		ours: async (ours, { q, force }) => {
			const { peer } = ours.at(q);
			await peer.do('pause');
			for (;;) {
				const { number: n } = await peer.do('obliterate',
					{ force });
				if (n <= 0)
					return n;
			}
		},
	},
	remove: {
		node: (side, { q, id, children }) => withJob(side.at(q), id,
			async (job) => {
				await job.remove({ removeChildren: children });
				return 1;
			}),
		ours: async (ours, { q, id, children }) =>
			number(await ours.at(q).peer.do('remove', { id, children })),
	},
	removeChildren: {
		node: (side, { q, id }) => withJob(side.at(q), id, async (job) => {
			await job.removeUnprocessedChildren();
			return 0;
		}),
		ours: async (ours, { q, id }) => {
			const n = number(await ours.at(q).peer.do('removeChildren',
				{ id }));
			return Math.min(n, 0);
		},
	},
	leaveParent: {
		needs: async (side, { q, id }) =>
			(await side.redis.hexists(`${base(q)}:${id}`, 'parentKey')) === 1,
		node: (side, { q, id }) => withJob(side.at(q), id, async (job) =>
			((await job.removeChildDependency()) ? 1 : 0)),
		ours: async (ours, { q, id }) => number(
			await ours.at(q).peer.do('leaveParent', { id })),
	},
	promote: {
		node: (side, { q, id }) => withJob(side.at(q), id,
			(job) => job.promote().then(() => 0)),
		ours: async (ours, { q, id }) => number(
			await ours.at(q).peer.do('promote', { id })),
	},
	promoteAll: {
		node: (side, { q, count }) => side.at(q).queue.promoteJobs({ count })
			.then(() => 0),
		ours: (ours, { q, count }) => allOf(ours.at(q), 'promoteAll',
			{ count, now: ours.clock() }),
	},
	retry: {
		node: (side, { q, id, from, made, started }) => withJob(side.at(q),
			id, (job) => job.retry(from, { resetAttemptsMade: made,
				resetAttemptsStarted: started }).then(() => 0)),
		ours: async (ours, { q, id, from, made, started }) => {
			const n = number(await ours.at(q).peer.do('retry', { id, from,
				keepsAttempts: !made, keepsStarts: !started,
				now: ours.clock() }));
			return Math.min(n, 0);
		},
	},
	retryAll: {
		node: (side, { q, state, count, before }) =>
			side.at(q).queue.retryJobs({ state, count,
				timestamp: side.clock() - before }).then(() => 0),
		ours: (ours, { q, state, count, before }) => allOf(ours.at(q),
			'retryAll', { from: state, count, now: ours.clock(),
				before: ours.clock() - before }),
	},
	data: {
		node: (side, { q, id, data }) => withJob(side.at(q), id,
			(job) => job.updateData(data).then(() => 0)),
		ours: async (ours, { q, id, data }) => number(
			await ours.at(q).peer.do('data',
				{ id, data: JSON.stringify(data) })),
	},
	progress: {
		node: (side, { q, id, progress }) => withJob(side.at(q), id,
			(job) => job.updateProgress(progress).then(() => 0)),
		ours: async (ours, { q, id, progress }) => number(
			await ours.at(q).peer.do('progress',
				{ id, progress: JSON.stringify(progress) })),
	},
	log: {
		node: (side, { q, id, row, keep }) => Job.addJobLog(
			side.at(q).queue, id, row, keep),
		ours: async (ours, { q, id, row, keep }) => number(
			await ours.at(q).peer.do('log', { id, row, keep })),
	},
	clearLog: {
		node: (side, { q, id, keep }) => withJob(side.at(q), id,
			(job) => job.clearLogs(keep).then(() => 0)),
		ours: async (ours, { q, id, keep }) => number(
			await ours.at(q).peer.do('clearLog', { id, keep })),
	},
	delay: {
		node: (side, { q, id, delay }) => withJob(side.at(q), id,
			(job) => job.changeDelay(delay).then(() => 0)),
		ours: async (ours, { q, id, delay }) => number(
			await ours.at(q).peer.do('delay',
				{ id, delay, now: ours.clock() })),
	},
	priority: {
		node: (side, { q, id, priority, lifo }) => withJob(side.at(q), id,
			(job) => job.changePriority({ priority, lifo })
				.then(() => 0)),
		ours: async (ours, { q, id, priority, lifo }) => number(
			await ours.at(q).peer.do('priority', { id, priority, lifo })),
	},
	freeDedup: {
		node: (side, { q, dedupId }) =>
			side.at(q).queue.removeDeduplicationKey(dedupId),
		ours: async (ours, { q, dedupId }) => number(
			await ours.at(q).peer.do('freeDedup', { dedupId })),
	},
	freeDedupOfJob: {
		needs: async (side, { q, id }) =>
			(await side.redis.hexists(`${base(q)}:${id}`, 'deid')) === 1,
		node: (side, { q, id }) => withJob(side.at(q), id, async (job) =>
			((await job.removeDeduplicationKey()) ? 1 : 0)),
		ours: async (ours, { q, id }) => {
			const dedupId = await ours.redis.hget(`${base(q)}:${id}`,
				'deid');
			return number(await ours.at(q).peer.do('freeDedup',
				{ dedupId, id }));
		},
	},
	// ---- schedulers ----
	schedule: {
		node: async (side, { q, id, repeat, template }) =>
			(await side.at(q).queue.upsertJobScheduler(id, repeat,
				template))?.id,
		ours: async (ours, { q, id, repeat, template = {} }) => {
			const { name = id, data = {}, opts = {} } = template;
			return scheduled(await ours.at(q).peer.ask('schedule-upsert', {
				id, name, data: JSON.stringify(data),
				opts: JSON.stringify(opts), ...repeat,
				now: ours.clock() }));
		},
	},
	unschedule: {
		node: (side, { q, id }) => side.at(q).queue.removeJobScheduler(id)
			.then((was) => (was ? 0 : 1)),
		ours: async (ours, { q, id }) => number(
			await ours.at(q).peer.do('schedule-remove', { id })),
	},
	// The taken job is a scheduler's: the next one, before it runs.
	advance: {
		needs: (side, step) => held(side, step) &&
			side.at(step.q).jobs[step.id].repeatJobKey,
		node: async (side, { q, id }) => {
			const { jobs, worker } = side.at(q);
			const job = jobs[id];
			const scheduler = await worker.jobScheduler;
			const next = await scheduler.upsertJobScheduler(
				job.repeatJobKey, job.opts.repeat, job.name, job.data,
				job.opts, { override: false, producerId: job.id });
			return next?.id;
		},
		ours: async (ours, { q, id }) => scheduled(await ours.at(q).peer.ask(
			'schedule-advance', { id, now: ours.clock() })),
	},
};

// The job to come, nothing when it is over, or a code.
function scheduled({ err, over, code, jobId }) {
	assert.ok(over !== undefined || err === 'ok', `${err}`);
	return code < 0 ? code : jobId;
}

// BullMQ's classes go on as long as there may be more.
async function allOf(at, op, request) {
	for (;;) {
		const { number: n } = await at.peer.do(op, request);
		if (n <= 0)
			return n;
	}
}

assert.ok(Object.values(OPS).every((op) => op.node || op.redis));
