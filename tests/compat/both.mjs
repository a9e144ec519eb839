// both: one story on two databases, told by BullMQ on one and by us on the
// other. After every step both must hold the same keys. BullMQ takes its clock
// from the client, so it is set for both.

import assert from 'node:assert/strict';
import { Queue, Worker } from 'bullmq';
import { dump, Peer, PREFIX, until } from './stage.mjs';

export const QUEUE = 'hooks';
export const START = 1900000000000;
export const TOKEN = 'token';
const LOCK = 30000;

const realNow = Date.now;

function scores(zset) {
	const result = {};
	for (let i = 0; zset && i < zset.content.length; i += 2)
		result[zset.content[i]] = zset.content[i + 1];
	return result;
}

// A queue of Node writes its settings some time after it was made.
export function described(redis) {
	return until(() => redis.hexists(`${PREFIX}:${QUEUE}:meta`, 'version'),
		'the settings of the queue');
}

// Both sides of a story.
export class Both {
	static async set(name, server) {
		const stage = new Both();
		stage.name = name;
		stage.server = server;
		stage.clock = START;
		Date.now = () => stage.clock;
		stage.redisNode = server.redis(1);
		stage.redisOurs = server.redis(2);
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
		const left = await dump(this.redisNode);
		const right = await dump(this.redisOurs);
		this.explain(left, right);
		assert.deepEqual(right, left, `${this.name}: after ${what}`);
	}

	// The one difference that is allowed: BullMQ wakes somebody after every
	// take. We do not when nothing is left to take, and name the time of the
	// first delayed job when only delayed ones are.
	explain(left, right) {
		const key = (suffix) => `${PREFIX}:${QUEUE}:${suffix}`;
		const node = scores(left[key('marker')]);
		const ours = scores(right[key('marker')]);
		const delayed = right[key('delayed')];
		const waits = right[key('wait')] || right[key('prioritized')];
		if (waits)
			assert.equal(ours['0'], node['0'], 'the marker');
		else if (delayed && !right[key('meta')].content.paused)
			assert.ok(ours['0'] || ours['1'], 'nobody would wake');
		if (ours['1'] !== node['1'] && Number(ours['1']) > this.clock)
			assert.equal(Number(ours['1']),
				Number(delayed.content[1]) / 4096);
		delete left[key('marker')];
		delete right[key('marker')];
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

	take(expected) {
		return this.step('take', async () => {
			const job = await this.worker.getNextJob(TOKEN,
				{ block: false });
			assert.equal(job?.id, expected);
			if (job)
				this.jobs[job.id] = job;
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
