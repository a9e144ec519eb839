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

// Nothing of these reaches the datastore, or it is the connection itself.
const NEUTRAL = new Set(['constructor', 'waitUntilReady', 'close', 'disconnect',
	'setName', 'forQueue', 'toKey', 'parseNodeKey', 'clientName',
	'forwardConnectionEvents', 'finishedErrors', 'reconnectBlocking',
	'disconnectBlocking']);

const counted = { ported: {}, fell: {} };

export function counts() {
	return counted;
}

function count(kind, name) {
	counted[kind][name] = (counted[kind][name] ?? 0) + 1;
}

// One link for the commands of all backends of this process.
let commands;

function commandLink() {
	if (!commands || commands.isClosed)
		commands = new Link(process.env.QUEUE_SOCKET);
	return commands;
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

	async ask(op, request, link) {
		const { status } = await this.inner.client;
		if (status === 'end')
			throw closed();
		const answer = await (link ?? commandLink()).ask({ op, ...this.where,
			now: Date.now(), ...request });
		if (answer.err !== 'ok')
			throw new Error(answer.text || answer.err);
		return answer;
	}

	// ---- adding ----

	// Adds in as few calls as fit; [result, id] each.
	async add(items) {
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
				{ items: batch });
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

	async addFlow(entries) {
		const added = await this.add(entries.map(
			({ jobData, jobId, parentKeyOpts, prefix, queueName }) => ({
				...itemOf(jobData, jobId, parentKeyOpts),
				base: `${prefix}:${queueName}`,
				flow: true,
			})));
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
				next: this.taking(token, this.options.name) }),
		});
		const [{ code, limited }] = results;
		if (code < 0)
			throw finishedErrors({ code, jobId: item.id, command,
				state: 'active' });
		return { code, limited, next: next ? taken(next) : [] };
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
		return next;
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

	async extendLocks(ids, tokens, lockDuration) {
		const lost = [];
		for (const token of new Set(tokens)) {
			const answer = await this.ask('extend', { token, lockDuration,
				ids: ids.filter((_, i) => tokens[i] === token) });
			lost.push(...answer.lost);
		}
		return lost;
	}

	async moveStalledJobsToWait() {
		const { ids } = await this.ask('stalled', {
			interval: this.options.stalledInterval,
			max: this.options.maxStalledCount,
		});
		return ids;
	}

	async waitForJob(seconds) {
		this.blocking ??= new Link(process.env.QUEUE_SOCKET);
		const { due } = await this.ask('wait', {
			timeout: Math.max(1, Math.round(seconds * 1000)),
		}, this.blocking);
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
