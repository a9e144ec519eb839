// both: one story on two databases, told by BullMQ on one and by us on the
// other. After every step both must hold the same keys (keyspace.mjs), but for
// what differences.mjs allows. BullMQ takes its clock from the client, so it is
// set for both.
//
// LEVEL=5 tells it with the last BullMQ 5, otherwise it is BullMQ 6. Take the
// classes from here, and a story is told on both levels:
//
//   stories('adding', (story) => {
//           story('a job', async (s) => {
//                   await s.step('add', () => s.queue.add('a', {}),
//                           () => s.peer.add({ name: 'a', data: '{}' },
//                                   { now: s.clock }));
//           });
//   });

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { rules, wakesMore } from './differences.mjs';
import { differences, Keyspace, narrowed } from './keyspace.mjs';
import { Peer, PREFIX, Server, until } from './stage.mjs';

export const LEVEL = Number(process.env.LEVEL || 6);
const bullmq = await import(LEVEL === 5 ? 'bullmq5' : 'bullmq');
export const { FlowProducer, Job, Queue, QueueEvents, Worker } = bullmq;

export const QUEUE = 'hooks';
export const START = 1900000000000;
export const TOKEN = 'token';
const LOCK = 30000;

const realNow = Date.now;

// A queue of Node writes its settings some time after it was made.
export function described(redis, queue = QUEUE) {
	return until(() => redis.hexists(`${PREFIX}:${queue}:meta`, 'version'),
		'the settings of the queue');
}

// How often each allowed difference was met by this process.
export const used = Object.fromEntries(rules.map(({ name }) => [name, 0]));

// What differs beside a marker of ours that was explained and may stay.
function withWaker(difference) {
	const { left, right } = difference;
	return { ...difference, left: { ...right, ...left,
		content: { ...left?.content, 0: '0' } } };
}

// A difference that was explained may stay; any other needs its own reason.
function explained(difference, stage) {
	const { key } = difference;
	const text = JSON.stringify(narrowed(difference));
	const wakes = stage.woken?.has(key) && wakesMore(difference);
	const rest = wakes ? withWaker(difference) : difference;
	if (wakes)
		stage.wakes.add(key);
	if (stage.standing?.get(key) === text
		|| inspect(rest.left) === inspect(rest.right)) {
		stage.stands.set(key, text);
		return true;
	}
	const rule = rules.find((each) => (each.level ?? LEVEL) === LEVEL &&
		each.explains(rest, stage));
	if (!rule)
		return false;
	used[rule.name]++;
	stage.stands.set(key, text);
	if (rule.wakes)
		stage.wakes.add(key);
	stage.hasParted ||= rule.parts ?? false;
	return true;
}

// Both sides of a story.
export class Both {
	static async set(name, server) {
		const stage = new Both();
		stage.name = name;
		stage.level = LEVEL;
		stage.server = server;
		stage.clock = START;
		Date.now = () => stage.clock;
		stage.redisNode = server.redis(1);
		stage.redisOurs = server.redis(2);
		stage.node = new Keyspace(stage.redisNode);
		stage.ours = new Keyspace(stage.redisOurs);
		await stage.redisNode.flushdb();
		await stage.redisOurs.flushdb();
		stage.queue = new Queue(QUEUE,
			{ connection: server.connection(1), prefix: PREFIX });
		await described(stage.redisNode);
		stage.worker = new Worker(QUEUE, async () => {}, {
			connection: server.connection(1), prefix: PREFIX,
			autorun: false, name: 'w1', lockDuration: LOCK,
			stalledInterval: LOCK, maxStalledCount: 1,
		});
		stage.worker.on('error', () => {});
		await stage.worker.waitUntilReady();
		stage.peer = new Peer(server, QUEUE, 2);
		const ask = stage.peer.ask;
		stage.peer.ask = (op, request) => ask.call(stage.peer, op,
			{ level: LEVEL, ...request });
		await stage.peer.do('announce');
		stage.jobs = {};
		return stage;
	}

	async strike() {
		await this.worker.close();
		await this.queue.close();
		assert.equal(await this.peer.stop(), 0);
		Date.now = realNow;
	}

	// Runs one step on both sides and compares what it left.
	async step(what, node, ours) {
		await node();
		await ours();
		await this.compare(what);
	}

	async compare(what) {
		await Promise.all([this.node.read(), this.ours.read()]);
		this.stands = new Map();
		this.wakes = new Set();
		const found = differences(this.node, this.ours)
			.filter((each) => !explained(each, this));
		this.standing = this.stands;
		this.woken = this.wakes;
		if (found.length === 0)
			return;
		const show = (value) => inspect(value, { depth: 9, breakLength: 100 });
		const text = found.map(narrowed).map(({ key, left, right }) =>
			`${key}\n  BullMQ: ${show(left)}\n  ours:   ${show(right)}`);
		const err = new Error(
			`${this.name}: after ${what}\n${text.join('\n')}`);
		err.keys = found.map(({ key }) => key);
		throw err;
	}

	add(name, data, opts = {}) {
		const { jobId, attempts, backoff, delay, priority, lifo,
			timestamp } = opts;
		return this.step(`add ${name}`, async () => {
			await this.queue.add(name, data, opts);
		}, async () => {
			await this.peer.add({ id: jobId, name,
				data: JSON.stringify(data), attempts, backoff,
				delay, priority, lifo, timestamp },
			{ now: this.clock });
		});
	}

	// A job with a deferred failure is taken, too, and still to be failed.
	take(expected) {
		return this.step('take', async () => {
			const { worker } = this;
			const [data, id] = LEVEL === 5 ?
				await worker.scripts.moveToActive(await worker.client,
					TOKEN, 'w1') :
				await worker.backend.moveToActive(TOKEN, 'w1');
			assert.equal(data ? id : undefined, expected);
			if (data)
				this.jobs[id] = worker.createJob(data, id, TOKEN);
		}, async () => {
			const answer = await this.peer.do('take', { token: TOKEN,
				worker: 'w1', now: this.clock, lockDuration: LOCK });
			assert.equal(answer.jobs[0]?.id, expected);
		});
	}

	complete(id, value = { done: true }) {
		return this.step(`complete ${id}`, async () => {
			await this.jobs[id].moveToCompleted(value, TOKEN, false);
		}, async () => {
			assert.equal(await this.peer.finish(TOKEN, { id,
				kind: 'completed', value: JSON.stringify(value) },
			{ now: this.clock }), 0);
		});
	}

	fail(id, reason = 'no luck') {
		return this.step(`fail ${id}`, async () => {
			await this.jobs[id].moveToFailed(new Error(reason), TOKEN,
				false);
		}, async () => {
			assert.equal(await this.peer.finish(TOKEN, { id,
				kind: 'error', value: reason, stack: reason },
			{ now: this.clock }), 0);
		});
	}

	// The lock of an active job runs out.
	expire(id) {
		return this.step(`the lock of ${id} expires`,
			() => this.redisNode.del(`${PREFIX}:${QUEUE}:${id}:lock`),
			() => this.redisOurs.del(`${PREFIX}:${QUEUE}:${id}:lock`));
	}

	// Something done with Redis alone, on both sides.
	both(what, fn) {
		return this.step(what, () => fn(this.redisNode),
			() => fn(this.redisOurs));
	}

	stalled() {
		return this.step('the stalled check', async () => {
			await this.redisNode.del(
				`${PREFIX}:${QUEUE}:stalled-check`);
			await this.worker.moveStalledJobsToWait();
		}, async () => {
			await this.redisOurs.del(
				`${PREFIX}:${QUEUE}:stalled-check`);
			await this.peer.do('stalled',
				{ interval: LOCK, max: 1, now: this.clock });
		});
	}
}

// A file of stories with a Redis of its own.
export function stories(title, tell) {
	describe(`${title}, level ${LEVEL}`, () => {
		let server;
		before(async () => { server = await Server.start(); });
		after(() => server.stop());
		tell((name, fn) => it(name, async () => {
			const stage = await Both.set(name, server);
			try {
				await fn(stage);
			} finally {
				await stage.strike();
			}
		}));
	});
}
