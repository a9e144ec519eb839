// Random stories, told by BullMQ and by us, step by step the same (both.mjs).
// SEED=7 EPISODES=1000 STEPS=100 tells others; a failure names its seed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Both, FlowProducer, Queue, QUEUE, TOKEN } from './both.mjs';
import { PREFIX, Server } from './stage.mjs';

const SEED = Number(process.env.SEED ?? 1);
const EPISODES = Number(process.env.EPISODES ?? 12);
const STEPS = Number(process.env.STEPS ?? 50);
const BASE = `${PREFIX}:${QUEUE}`;

// Repeatable numbers in [0, 1): a 32-bit xorshift.
function numbers(seed) {
	let x = (seed * 2654435761) >>> 0 || 1;
	return () => {
		x ^= x << 13;
		x >>>= 0;
		x ^= x >>> 17;
		x ^= x << 5;
		x >>>= 0;
		return x / 2 ** 32;
	};
}

class Walk {
	constructor(s, server, seed) {
		this.s = s;
		this.random = numbers(seed);
		this.n = 0;
		this.log = [];
		const at = (db) => ({ connection: server.connection(db),
			prefix: PREFIX });
		this.queues = [s.queue, new Queue(QUEUE,
			{ ...at(2), skipMetasUpdate: true })];
		this.flows = [new FlowProducer(at(1)), new FlowProducer(at(2))];
	}

	async close() {
		await this.queues[1].close();
		for (const flow of this.flows)
			await flow.close();
	}

	below(n) {
		return Math.floor(this.random() * n);
	}

	pick(list) {
		return list[this.below(list.length)];
	}

	maybe(object) {
		return this.below(3) === 0 ? object : {};
	}

	// By Node on both sides: what we have to live with.
	async node(what, fn) {
		await this.s.step(what, () => fn(this.queues[0], this.flows[0]),
			() => fn(this.queues[1], this.flows[1]));
	}

	// Ids of a state as both sides have it.
	async ids(state) {
		const redis = this.s.redisOurs;
		const key = `${BASE}:${state}`;
		return ['wait', 'active'].includes(state) ?
			await redis.lrange(key, 0, -1) :
			await redis.zrange(key, 0, -1);
	}

	// One of the active jobs that came to us by a take.
	async active() {
		const ids = (await this.ids('active'))
			.filter((id) => this.s.jobs[id]);
		return this.pick(ids);
	}

	options() {
		return {
			...this.maybe({ jobId: `evt-${this.below(12)}` }),
			...this.maybe({ attempts: this.below(4) }),
			...this.maybe({ backoff: { type: this.pick(['fixed',
				'exponential']), delay: this.below(900) } }),
			...this.maybe({ delay: this.below(900) }),
			...this.maybe({ priority: this.below(3) }),
			...this.maybe({ lifo: true }),
		};
	}

	keeps() {
		const rule = () => this.pick([true, false, 1, 3, { count: 2 },
			{ age: 1 }, { age: 1, count: 3 }, { age: 1, limit: 1 }]);
		return { ...this.maybe({ removeOnComplete: rule() }),
			...this.maybe({ removeOnFail: rule() }),
			...this.maybe({ stackTraceLimit: this.below(3) }) };
	}

	async finish(what, node, item) {
		const { s } = this;
		await s.step(`${what} ${item.id}`, async () => {
			this.code = 0;
			try {
				await node(s.jobs[item.id]);
			} catch (err) {
				this.code = err.code ?? err;
			}
		}, async () => {
			const code = await s.peer.finish(item.token ?? TOKEN, item,
				{ now: s.clock });
			assert.equal(code, this.code, `${what} ${item.id}`);
		});
	}

	async addOurs() {
		const opts = this.options();
		if (!opts.delay)
			delete opts.delay;
		if (!opts.priority)
			delete opts.priority;
		await this.s.add(`n${this.n}`, { n: this.n }, opts);
	}

	async addNode() {
		const opts = { ...this.options(), ...this.keeps() };
		await this.node('add by Node', (queue) =>
			queue.add(`n${this.n}`, {}, opts));
	}

	async addDeduplicated() {
		const deduplication = { id: `d${this.below(3)}`,
			...this.pick([{}, { ttl: 60000 },
				{ keepLastIfActive: true }]) };
		const opts = { ...this.keeps(), ...this.maybe({ priority: 2 }),
			deduplication };
		await this.node('add deduplicated', (queue) =>
			queue.add(`n${this.n}`, { n: this.n }, opts));
	}

	async addFlow() {
		const flag = this.pick([{}, { failParentOnFailure: true },
			{ continueParentOnFailure: true },
			{ ignoreDependencyOnFailure: true },
			{ removeDependencyOnFailure: true }]);
		const opts = this.keeps();
		const parent = { ...this.maybe({ priority: 1 }),
			...this.maybe({ delay: 100 }) };
		const tree = { name: 'parent',
			queueName: this.pick([QUEUE, 'parents']),
			opts: { ...parent, jobId: `parent-${this.n}` },
			children: Array.from({ length: 1 + this.below(2) },
				(_, i) => ({ name: 'child', queueName: QUEUE,
					opts: { ...opts, ...flag,
						jobId: `child-${this.n}-${i}` } })) };
		await this.node('add a flow', (_, flow) => flow.add(tree));
	}

	async take() {
		const { s } = this;
		await s.step('take', async () => {
			this.taken = await s.worker.getNextJob(TOKEN,
				{ block: false });
			if (this.taken)
				s.jobs[this.taken.id] = this.taken;
		}, async () => {
			const { jobs } = await s.peer.do('take', { token: TOKEN,
				worker: 'w1', now: s.clock, lockDuration: 30000 });
			assert.equal(jobs[0]?.id, this.taken?.id, 'the job taken');
			assert.equal(jobs[0]?.deferred, this.taken?.deferredFailure);
		});
	}

	// Several at once, which BullMQ does one after the other.
	async takeSome() {
		const { s } = this;
		const n = 1 + this.below(4);
		const ids = [];
		await s.step(`take ${n}`, async () => {
			for (let i = 0; i < n; i++) {
				const job = await s.worker.getNextJob(TOKEN,
					{ block: false });
				if (!job)
					break;
				s.jobs[job.id] = job;
				ids.push(job.id);
			}
		}, async () => {
			const { jobs } = await s.peer.do('take', { token: TOKEN, n,
				worker: 'w1', now: s.clock, lockDuration: 30000 });
			assert.deepEqual(jobs.map((job) => job.id), ids);
		});
	}

	async finishSome() {
		const { s } = this;
		const ids = (await this.ids('active')).filter((id) => s.jobs[id])
			.slice(0, 1 + this.below(4));
		const codes = [];
		const items = ids.map((id) => this.below(2) ?
			{ id, kind: 'completed', value: '[]' } :
			{ id, kind: 'error', value: 'no', stack: 'no' });
		if (ids.length === 0)
			return;
		await s.step(`finish ${ids.join(' ')}`, async () => {
			for (const { id, kind } of items) {
				const end = kind === 'completed' ?
					s.jobs[id].moveToCompleted([], TOKEN, false) :
					s.jobs[id].moveToFailed(new Error('no'), TOKEN,
						false);
				codes.push(await end.then(() => 0, (err) => err.code));
			}
		}, async () => {
			const { results } = await s.peer.do('finish',
				{ token: TOKEN, items, now: s.clock });
			assert.deepEqual(results.map((r) => r.code), codes);
		});
	}

	async complete() {
		const id = await this.active();
		if (id)
			await this.finish('complete', (job) =>
				job.moveToCompleted({ n: 1 }, TOKEN, false),
			{ id, kind: 'completed', value: '{"n":1}' });
	}

	async fail() {
		const id = await this.active();
		if (id)
			await this.finish('fail', (job) =>
				job.moveToFailed(new Error('no'), TOKEN, false),
			{ id, kind: 'error', value: 'no', stack: 'no' });
	}

	async finishWithForeignLock() {
		const id = await this.active();
		if (id)
			await this.finish('complete without lock', (job) =>
				job.moveToCompleted(1, 'other', false),
			{ id, kind: 'completed', value: '1', token: 'other' });
	}

	async giveBack() {
		const id = await this.active();
		if (id)
			await this.finish('give back', (job) =>
				job.moveToWait(TOKEN), { id, kind: 'giveBack' });
	}

	async postpone() {
		const id = await this.active();
		const delay = 1 + this.below(500);
		if (id)
			await this.finish('postpone', (job) =>
				job.moveToDelayed(this.s.clock + delay, TOKEN),
			{ id, kind: 'postpone', delay });
	}

	async expire() {
		const id = await this.active();
		if (id)
			await this.s.expire(id);
	}

	async retry() {
		const from = this.pick(['failed', 'completed']);
		const id = this.pick(await this.ids(from));
		if (id)
			await this.s.step(`retry ${id}`, async () => {
				const job = await this.s.queue.getJob(id);
				await job.retry(from, { resetAttemptsMade: true,
					resetAttemptsStarted: true });
			}, () => this.s.peer.do('retry',
				{ id, from, now: this.s.clock }));
	}

	async remove() {
		const id = this.pick(await this.ids(this.pick(['wait', 'delayed',
			'failed'])));
		if (id)
			await this.node(`remove ${id}`, async (queue) => {
				const job = await queue.getJob(id);
				await job?.remove().catch(() => {});
			});
	}

	async pause() {
		const is = await this.s.redisOurs.hexists(`${BASE}:meta`, 'paused');
		await this.node(is ? 'resume' : 'pause', (queue) =>
			is ? queue.resume() : queue.pause());
	}

	async concurrency() {
		const is = await this.s.redisOurs.hexists(`${BASE}:meta`,
			'concurrency');
		await this.s.both('concurrency', (redis) => is ?
			redis.hdel(`${BASE}:meta`, 'concurrency') :
			redis.hset(`${BASE}:meta`, 'concurrency', 2));
	}

	// A queue nobody has described.
	async forget() {
		await this.s.both('forget the settings', (redis) =>
			redis.hdel(`${BASE}:meta`, 'opts.maxLenEvents'));
	}

	async step() {
		this.n++;
		this.s.clock += this.below(400);
		const name = this.pick([
			'addOurs', 'addOurs', 'addOurs', 'addNode', 'addNode',
			'addDeduplicated', 'addFlow',
			'take', 'take', 'take', 'take', 'take', 'take',
			'takeSome', 'takeSome', 'finishSome', 'finishSome',
			'complete', 'complete', 'fail', 'fail', 'fail',
			'finishWithForeignLock', 'giveBack', 'postpone', 'expire',
			'stalled', 'stalled', 'retry', 'remove', 'pause',
			'concurrency', 'forget',
		]);
		this.log.push(name);
		await (name === 'stalled' ? this.s.stalled() : this[name]());
	}
}

describe('at random like BullMQ', () => {
	let server;
	before(async () => { server = await Server.start(); });
	after(() => server.stop());

	for (let i = 0; i < EPISODES; i++) {
		const seed = SEED + i;
		it(`seed ${seed}, ${STEPS} steps`, async () => {
			const s = await Both.set(`seed ${seed}`, server);
			const walk = new Walk(s, server, seed);
			try {
				for (let k = 0; k < STEPS; k++)
					await walk.step();
			} catch (err) {
				err.message += `\nsteps: ${walk.log.join(' ')}`;
				throw err;
			} finally {
				await walk.close();
				await s.strike();
			}
		});
	}
});
