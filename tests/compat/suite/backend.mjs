// backend: BullMQ's own backend with our queue floor in front. What it does to
// the datastore goes to the peer (tests/lib/peer.h), method by method; what we
// do not have falls through to BullMQ's, and is counted. Node drives and judges,
// our C and Lua do the work.

import { resolve } from 'node:path';
import { closed, Link } from './link.mjs';

const build = resolve('node_modules/bullmq/dist/esm');
const { raw2NextJobData } = await import(
	`${build}/classes/redis-queue-backend.js`);
const { finishedErrors } = await import(`${build}/classes/finished-errors.js`);
const { optsEncodeMap } = await import(`${build}/utils/index.js`);

const ADD_BATCH = 256; // BOUNDS_ADD_BATCH
const ADD_BATCH_CHARS = 1024 * 1024; // BOUNDS_ADD_BATCH_BYTES is four times it

const STEP = 1000; // SWEEP_MAX, REQUEUE_MAX
const CLEAN_STEP = 10000; // SWEEP_CLEAN_MAX

const STATES = new Set(['waiting', 'wait', 'active', 'paused', 'prioritized',
	'completed', 'failed', 'delayed', 'waiting-children']);

// Nothing of these reaches the datastore, or it is the connection itself.
const NEUTRAL = new Set(['constructor', 'waitUntilReady', 'close', 'disconnect',
	'setName', 'forQueue', 'toKey', 'parseNodeKey', 'clientName',
	'forwardConnectionEvents', 'finishedErrors', 'reconnectBlocking',
	'disconnectBlocking']);

const counted = { ported: {}, fell: {} };

export function counts() {
	return counted;
}

function count(kind, name, n = 1) {
	counted[kind][name] = (counted[kind][name] ?? 0) + n;
}

// One link for the commands of all backends of this process.
let commands;

function commandLink() {
	if (!commands || commands.isClosed)
		commands = new Link(process.env.QUEUE_SOCKET);
	return commands;
}

function good(answer) {
	if (answer.err !== 'ok')
		throw new Error(answer.text || answer.err);
	return answer;
}

// Options as they are stored.
function encode(opts = {}) {
	const stored = {};
	for (const [name, value] of Object.entries(opts)) {
		if (value === undefined)
			continue;
		if (name !== 'telemetry') {
			stored[optsEncodeMap[name] ?? name] = value;
			continue;
		}
		if (value.metadata !== undefined)
			stored.tm = value.metadata;
		if (value.omitContext !== undefined)
			stored.omc = value.omitContext;
	}
	return stored;
}

// A new job as the peer wants it.
function itemOf(job, id, parentKeyOpts) {
	return {
		id: id ?? '',
		name: job.name,
		data: job.data,
		opts: JSON.stringify(encode(job.opts)),
		timestamp: job.timestamp,
		...(job.parent && { parent: JSON.stringify(job.parent) }),
		...(job.repeatJobKey && { scheduler: job.repeatJobKey }),
		children: Boolean(parentKeyOpts?.addToWaitingChildren),
	};
}

function idOf([result, id], parentKey) {
	if (Number(result) < 0)
		throw finishedErrors({ code: Number(result), parentKey,
			command: 'addJob' });
	return id;
}

// The peer's job as the fields of its hash, for BullMQ to decode.
function jobJson(job) {
	const fields = {
		id: job.id,
		name: job.name,
		data: job.data,
		opts: job.opts,
		timestamp: job.timestamp,
		delay: job.delay,
		priority: job.priority,
		atm: job.made,
		ats: job.started,
		stc: job.stalled,
		finishedOn: job.finishedOn || undefined,
		processedOn: job.processedOn || undefined,
		pb: job.worker,
		defa: job.deferred,
		rjk: job.scheduler,
		deid: job.dedupId,
		parent: job.parent,
		parentKey: job.parentKey,
		progress: job.progress,
		failedReason: job.failedReason,
		returnvalue: job.returnvalue,
		stacktrace: job.stacktrace,
	};
	const flat = Object.entries(fields)
		.filter(([, value]) => value !== undefined)
		.flatMap(([name, value]) => [name, String(value)]);
	return raw2NextJobData([flat, job.id, 0, 0])[0];
}

// [job, id, limited for, next due], as a worker wants it.
function taken(answer) {
	const [job] = answer.jobs;
	if (job)
		return [jobJson(job), job.id, 0, 0];
	return [null, 0, answer.limited, answer.limited ? 0 : answer.due];
}

// removeOnComplete or removeOnFail, or what the worker says instead.
function keepOf(own, worker) {
	const rule = own ?? worker ?? { count: -1 };
	if (typeof rule === 'object')
		return rule;
	return { count: typeof rule === 'number' ? rule : rule ? 0 : -1 };
}

// The new entry of a job's stacktrace, apart from those before it.
function stackOf(fields) {
	const rows = JSON.parse(fields?.stacktrace ?? '[]');
	return {
		stack: rows.pop() ?? '',
		stacktrace: JSON.stringify(rows),
		// none is left where the job wants none
		...(fields?.stacktrace === '[]' && {
			stack: '-', stackTraceLimit: 0 }),
		...(fields?.tm !== undefined && { trace: fields.tm }),
	};
}

class Backend {
	constructor(inner) {
		this.inner = inner;
	}

	get options() {
		return this.inner.queue.opts;
	}

	get where() {
		const { qualifiedName, name } = this.inner;
		return { queue: name,
			prefix: qualifiedName.slice(0, -name.length - 1) };
	}

	// The answer, whatever it is.
	async tell(op, request, link) {
		const { status } = await this.inner.client;
		if (status === 'end')
			throw closed();
		return await (link ?? commandLink()).ask({ op, ...this.where,
			now: Date.now(), ...request });
	}

	async ask(op, request, link) {
		return good(await this.tell(op, request, link));
	}

	// What we have no word for.
	fall(name, ...args) {
		count('ported', name, -1);
		count('fell', name);
		return this.inner[name](...args);
	}

	// ---- adding ----

	// Adds in as few calls as fit; [result, id] each.
	async add(items, where) {
		const added = [];
		for (let i = 0; i < items.length;) {
			const batch = [];
			let n = 0;
			do {
				n += items[i].data.length + items[i].opts.length;
				batch.push(items[i++]);
			} while (i < items.length && batch.length < ADD_BATCH &&
				n < ADD_BATCH_CHARS);
			const { results, ids } = await this.ask('add',
				{ ...where, items: batch });
			added.push(...results.map((result, at) => [result, ids[at]]));
		}
		return added;
	}

	async addJob(job, id, parentKeyOpts) {
		const [added] = await this.add([itemOf(job, id, parentKeyOpts)]);
		return idOf(added, parentKeyOpts?.parentKey);
	}

	async addJobs(entries) {
		const added = await this.add(entries.map(
			({ job, jobId, parentKeyOpts }) =>
				itemOf(job, jobId, parentKeyOpts)));
		return added.map((one, i) =>
			idOf(one, entries[i].parentKeyOpts?.parentKey));
	}

	// A flow is of no queue; its entries are.
	async addFlow(entries) {
		const [{ prefix: aPrefix, queueName: aQueue }] = entries;
		const added = await this.add(entries.map(
			({ jobData, jobId, parentKeyOpts, prefix, queueName }) => ({
				...itemOf(jobData, jobId, parentKeyOpts),
				base: `${prefix}:${queueName}`,
				flow: true,
			})), { prefix: aPrefix, queue: aQueue });
		return added.map(([result, id]) =>
			[null, Number(result) < 0 ? Number(result) : id]);
	}

	// ---- a worker's work ----

	taking(token, name) {
		const { lockDuration, limiter } = this.options;
		return { token, worker: name, lockDuration, n: 1,
			...(limiter && { limit: limiter }) };
	}

	async moveToActive(token, name) {
		return taken(await this.ask('take', this.taking(token, name)));
	}

	// Finishes one job; its code, and what was taken in the same call.
	async finish(token, item, command, fetchNext) {
		const { results, taken: next } = await this.ask('finish', {
			token,
			items: [item],
			metrics: this.options.metrics?.maxDataPoints ?? 0,
			...(fetchNext && !this.inner.closing && {
				next: this.taking(token, this.options.name),
				nextIfDone: true }),
		});
		const [{ code, limited }] = results;
		if (code < 0)
			throw finishedErrors({ code, jobId: item.id, command,
				state: 'active' });
		const isNothing = !next || (next.jobs.length === 0 && !next.limited &&
			!next.due && !next.busy);
		return { code, limited, next: isNothing ? [] : taken(next) };
	}

	async moveToFinished(job, item, fetchNext) {
		const finishedOn = Date.now();
		const { next } = await this.finish(item.token, {
			id: job.id,
			attempts: job.opts.attempts ?? 0,
			...item,
		}, 'moveToFinished', fetchNext);
		return { result: next, finishedOn };
	}

	async moveToCompleted(job, value, removeOnComplete, token, fetchNext) {
		return await this.moveToFinished(job, {
			token,
			kind: 'completed',
			value: JSON.stringify(value) ?? 'null',
			keep: keepOf(removeOnComplete, this.options.removeOnComplete),
		}, fetchNext);
	}

	async moveToFailed(job, reason, removeOnFail, token, fetchNext, fields) {
		return await this.moveToFinished(job, {
			token,
			kind: 'failed',
			value: reason ?? '',
			keep: keepOf(removeOnFail, this.options.removeOnFail),
			...stackOf(fields),
		}, fetchNext);
	}

	async moveToDelayed(id, now, delay, token = '0', options = {}) {
		const fields = options.fieldsToUpdate;
		const { next } = await this.finish(token, {
			id,
			kind: options.skipAttempt ? 'postpone' : 'retry',
			value: fields?.failedReason ?? '',
			delay,
			...(fields && stackOf(fields)),
		}, 'moveToDelayed', options.fetchNext);
		return next[0] ? next : [];
	}

	async retryJob(id, lifo, token = '0', options = {}) {
		const fields = options.fieldsToUpdate;
		await this.finish(token, {
			id,
			kind: 'retry',
			value: fields?.failedReason ?? '',
			delay: 0,
			lifo: Boolean(lifo),
			...(fields && stackOf(fields)),
		}, 'retryJob');
	}

	async moveJobFromActiveToWait(id, token = '0') {
		const { limited } = await this.finish(token, { id, kind: 'giveBack' },
			'moveJobFromActiveToWait');
		return limited;
	}

	async moveToWaitingChildren(id, token, options = {}) {
		const { child } = options;
		const { code } = await this.finish(token, {
			id,
			kind: 'waitChildren',
			value: child ? `${child.queue}:${child.id}` : '',
		}, 'moveToWaitingChildren');
		return code === 0;
	}

	async extendLock(id, token, lockDuration) {
		const lost = await this.extendLocks([id], [token], lockDuration);
		return lost.length > 0 ? 0 : 1;
	}

	// BullMQ has a token for each slot, we one for each call.
	async extendLocks(ids, tokens, lockDuration) {
		const answers = await Promise.all([...new Set(tokens)].map(
			(token) => this.ask('extend', { token, lockDuration,
				ids: ids.filter((_, i) => tokens[i] === token) })));
		return answers.flatMap(({ lost }) => lost);
	}

	async moveStalledJobsToWait() {
		const { ids } = await this.ask('stalled', {
			interval: this.options.stalledInterval,
			max: this.options.maxStalledCount,
		});
		return ids;
	}

	// ---- by hand ----

	// A number, or the error a negative one stands for.
	async number(op, request, command, state) {
		const { number } = await this.ask(op, request);
		if (number < 0)
			throw finishedErrors({ code: number, jobId: request.id,
				parentKey: request.parentKey, command, state });
		return number;
	}

	async pause(isPaused) {
		await this.number(isPaused ? 'pause' : 'resume', {}, 'pause');
	}

	async promote(id) {
		await this.number('promote', { id }, 'promote', 'delayed');
	}

	async retryFinishedJob(job, state, options = {}) {
		await this.number('retry', {
			id: job.id,
			from: state,
			keepsAttempts: !options.resetAttemptsMade,
			keepsStarts: !options.resetAttemptsStarted,
		}, 'reprocessJob', state);
	}

	retryFinishedJobs(from = 'failed', count = 1000, before = Date.now()) {
		return this.number('retryAll', { from, before,
			count: Math.min(count, STEP) }, 'moveJobsToWait');
	}

	promoteJobs(count = 1000) {
		return this.number('promoteAll', { count: Math.min(count, STEP) },
			'moveJobsToWait');
	}

	async drain(delayed) {
		while (await this.number('drain', { delayed }, 'drain') >= STEP)
			;
	}

	async cleanJobsByState(state, before, limit = 0) {
		const removed = [];
		let skip = 0;
		let step;
		let seen;
		do {
			step = limit > 0 ? Math.min(CLEAN_STEP, limit - removed.length)
				: CLEAN_STEP;
			const answer = await this.ask('clean',
				{ state, before, skip, limit: step });
			({ seen } = answer);
			skip += seen - answer.ids.length;
			removed.push(...answer.ids);
		} while (seen >= step && (limit <= 0 || removed.length < limit));
		return removed;
	}

	async obliterate({ force, count }) {
		const { number } = await this.ask('obliterate', { force,
			count: Math.min(count, CLEAN_STEP) });
		if (number < 0)
			throw new Error(`Cannot obliterate ${number === -1
				? 'non-paused queue' : 'queue with active jobs'}`);
		return number;
	}

	remove(id, children) {
		return this.number('remove', { id, children }, 'removeJob');
	}

	async removeUnprocessedChildren(id) {
		await this.number('removeChildren', { id },
			'removeUnprocessedChildren');
	}

	async removeChildDependency(id, parentKey) {
		return await this.number('leaveParent', { id, parentKey },
			'removeChildDependency') === 1;
	}

	removeDeduplicationKey(dedupId, id) {
		return this.number('freeDedup', { dedupId, id },
			'removeDeduplicationKey');
	}

	deleteDeduplicationKey(dedupId) {
		return this.number('freeDedup', { dedupId },
			'deleteDeduplicationKey');
	}

	async updateData(job, data) {
		await this.number('data', { id: job.id,
			data: JSON.stringify(data) }, 'updateData');
	}

	async updateProgress(id, progress) {
		await this.number('progress', { id,
			progress: JSON.stringify(progress) }, 'updateProgress');
	}

	addLog(id, row, keep = 0) {
		return this.number('log', { id, row: String(row), keep }, 'addLog');
	}

	async clearLogs(id, keep = 0) {
		await this.number('clearLog', { id, keep }, 'clearLogs');
	}

	async getJobLogs(id, start, end, asc) {
		const [first, last] = asc ? [start, end] : [-(end + 1), -(start + 1)];
		const { rows, total } = await this.ask('readLog',
			{ id, first, last });
		return { logs: asc ? rows : rows.reverse(), count: total };
	}

	async changeDelay(id, delay) {
		await this.number('delay', { id, delay }, 'changeDelay', 'delayed');
	}

	async changePriority(id, priority = 0, lifo = false) {
		await this.number('priority', { id, priority, lifo },
			'changePriority');
	}

	async setRateLimit(ms) {
		await this.number('rateLimit', { for: ms }, 'setRateLimit');
	}

	removeRateLimitKey() {
		return this.number('removeRateLimit', {}, 'removeRateLimitKey');
	}

	async getRateLimitTtl(max = 0) {
		const { number } = await this.ask('limitTtl', { max });
		return number;
	}

	// ---- schedulers; BullMQ's classes say when ----

	async addJobScheduler(id, nextMillis, data, template, scheduler, jobOpts) {
		const { code, jobId, delay } = await this.ask('addJobScheduler', {
			id,
			next: scheduler.every ? 0 : nextMillis, // an interval decides
			data,
			template: JSON.stringify(encode(template)),
			scheduler,
			// as every job has them; a test of the script has none
			jobOpts: JSON.stringify({ attempts: 0, ...encode(jobOpts) }),
		});
		if (code < 0)
			throw finishedErrors({ code, command: 'addJobScheduler' });
		return [jobId, delay];
	}

	async updateJobSchedulerNextMillis(id, nextMillis, data, jobOpts,
		producerId) {
		const { jobId } = await this.ask('updateJobSchedulerNextMillis', {
			id,
			next: jobOpts.repeat?.every ? 0 : nextMillis,
			every: jobOpts.repeat?.every ?? 0,
			data,
			jobOpts: JSON.stringify(encode(jobOpts)),
			producerId,
		});
		return jobId ?? null;
	}

	removeJobScheduler(id) {
		return this.number('schedule-remove', { id }, 'removeJobScheduler');
	}

	async getJobScheduler(id) {
		const { schedulers: [found] } = await this.ask('schedule-get',
			{ id });
		return found ? [found.hash, String(found.next)] : [null, null];
	}

	async getJobSchedulerData(id) {
		const [flat] = await this.getJobScheduler(id);
		const fields = {};
		for (let i = 0; flat && i < flat.length; i += 2)
			fields[flat[i]] = flat[i + 1];
		return fields;
	}

	async isJobScheduler(id) {
		return 'ic' in await this.getJobSchedulerData(id);
	}

	getJobSchedulersCount() {
		return this.number('schedule-count', {}, 'getJobSchedulersCount');
	}

	// ---- looking ----

	async getState(id) {
		const { state } = await this.ask('state', { id });
		return ['wait', 'paused'].includes(state) ? 'waiting' : state;
	}

	async isJobInState(state, id) {
		if (!STATES.has(state))
			throw new Error(`Unknown job state: ${state}`);
		const found = await this.ask('state', { id });
		return found.state === state || (state === 'waiting' &&
			['wait', 'paused'].includes(found.state));
	}

	async isFinished(id, wantsValue = false) {
		const { end, value } = await this.ask('end', { id });
		if (!wantsValue)
			return end;
		if (end < 0)
			return [end, `Missing key for job ${this.inner.toKey(id)}. `
				+ 'isFinished'];
		return end > 0 ? [end, value] : [end];
	}

	async getJobData(id) {
		const answer = await this.tell('get', { id });
		if (answer.err === 'not found')
			return undefined;
		return jobJson(good(answer).job);
	}

	async isMaxed() {
		const { maxed } = await this.ask('settings');
		return maxed;
	}

	async getCounts(types, delayedBefore) {
		if (delayedBefore !== undefined)
			return this.fall('getCounts', types, delayedBefore);
		const { counts: found } = await this.ask('count');
		return types.map((type) =>
			found[type === 'waiting' ? 'wait' : type] ?? 0);
	}

	async getCountsPerPriority(priorities) {
		const { counts: found } = await this.ask('priorities',
			{ priorities });
		return found.map(({ n }) => n);
	}

	async getDeduplicationJobId(dedupId) {
		const { id } = await this.ask('dedupOwner', { dedupId });
		return id ?? null;
	}

	// ---- the queue's settings; others than these are BullMQ's own ----

	async setQueueMeta(values) {
		const names = Object.keys(values).join();
		if (names === 'concurrency')
			return this.number('concurrency', values, 'setQueueMeta');
		if (names === 'max,duration')
			return this.number('limit', values, 'setQueueMeta');
		return this.fall('setQueueMeta', values);
	}

	async removeQueueMetaFields(names) {
		if (names.join() === 'concurrency')
			return this.number('concurrency', {}, 'removeQueueMetaFields');
		if (names.join() === 'max,duration')
			return this.number('limit', {}, 'removeQueueMetaFields');
		return this.fall('removeQueueMetaFields', names);
	}

	async hasQueueMetaField(name) {
		if (name !== 'paused')
			return this.fall('hasQueueMetaField', name);
		const { paused } = await this.ask('settings');
		return paused;
	}

	async getQueueMetaField(name) {
		const [value] = await this.getQueueMetaFields([name]);
		return value;
	}

	async getQueueMetaFields(names) {
		const found = await this.ask('settings');
		const isSet = (name) => (name === 'concurrency'
			? found.concurrency >= 0 : found[name]);
		return names.map((name) => (isSet(name) ? String(found[name]) : null));
	}

	// ---- waiting ----

	// Without it a worker would wait some time after another that came later.
	async becomeReady() {
		if (this.inner.blockingConnection && !this.inner.closing)
			await this.ask('readyToBlock', {}, this.blockingLink());
	}

	blockingLink() {
		this.blocking ??= new Link(process.env.QUEUE_SOCKET);
		return this.blocking;
	}

	async waitForJob(seconds) {
		const { due } = await this.ask('wait', {
			timeout: Math.max(1, Math.round(seconds * 1000)),
		}, this.blockingLink());
		return due < 0 ? null : { member: '0', score: due };
	}

	unblock() {
		this.blocking?.close();
		this.blocking = undefined;
	}
}

// Methods of the connection that end a wait.
const UNBLOCKING = new Set(['close', 'disconnect', 'disconnectBlocking']);

// `inner` with our methods in front of its own.
export function stand(inner) {
	const ours = new Backend(inner);
	const methods = new Map();

	function method(name, value) {
		if (name === 'forQueue')
			return (...args) => stand(value.apply(inner, args));
		if (Object.hasOwn(Backend.prototype, name) && !NEUTRAL.has(name))
			return (...args) => {
				count('ported', name);
				return ours[name](...args);
			};
		if (name === 'waitUntilReady')
			return async () => {
				await inner.waitUntilReady();
				await ours.becomeReady();
			};
		if (UNBLOCKING.has(name))
			return (...args) => {
				ours.unblock();
				return value.apply(inner, args);
			};
		const isOperation = !NEUTRAL.has(name) &&
			Object.hasOwn(inner.constructor.prototype, name);
		return (...args) => {
			if (isOperation)
				count('fell', name);
			return value.apply(inner, args);
		};
	}

	return new Proxy(inner, {
		get(target, name) {
			const value = Reflect.get(target, name, target);
			if (typeof value !== 'function' || typeof name !== 'string' ||
			    Object.hasOwn(target, name)) // or a test's own
				return value;
			if (!methods.has(name))
				methods.set(name, method(name, value));
			return methods.get(name);
		},
		set(target, name, value) {
			return Reflect.set(target, name, value, target);
		},
	});
}
