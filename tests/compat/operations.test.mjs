// The same story told by BullMQ on one database and by us on another: after
// every step both must hold the same keys. BullMQ takes its clock from the
// client, so it is set for both.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FlowProducer, Queue, Worker } from 'bullmq';
import { dump, Peer, PREFIX, Server } from './stage.mjs';

const QUEUE = 'hooks';
const START = 1900000000000;
const TOKEN = 'token';
const LOCK = 30000;

const realNow = Date.now;
let clock = START;
let server;

function scores(zset) {
	const result = {};
	for (let i = 0; zset && i < zset.content.length; i += 2)
		result[zset.content[i]] = zset.content[i + 1];
	return result;
}

// Both sides of a story.
class Stage {
	static async set(name) {
		const stage = new Stage();
		stage.name = name;
		clock = START;
		Date.now = () => clock;
		stage.redisNode = server.redis(1);
		stage.redisOurs = server.redis(2);
		await stage.redisNode.flushdb();
		await stage.redisOurs.flushdb();
		stage.queue = new Queue(QUEUE,
			{ connection: server.connection(1), prefix: PREFIX });
		await stage.queue.waitUntilReady();
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
		else if (delayed)
			assert.ok(ours['0'] || ours['1'], 'nobody would wake');
		if (ours['1'] !== node['1'] && Number(ours['1']) > clock)
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
			{ now: clock });
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
				worker: 'w1', now: clock, lockDuration: LOCK });
			assert.equal(answer.jobs[0]?.id, expected);
		});
	}

	complete(id, value = { done: true }) {
		return this.step(`complete ${id}`, async () => {
			await this.jobs[id].moveToCompleted(value, TOKEN, false);
		}, async () => {
			assert.equal(await this.peer.finish(TOKEN, { id,
				kind: 'completed', value: JSON.stringify(value) },
			{ now: clock }), 0);
		});
	}

	fail(id, reason = 'no luck') {
		return this.step(`fail ${id}`, async () => {
			await this.jobs[id].moveToFailed(new Error(reason), TOKEN,
				false);
		}, async () => {
			assert.equal(await this.peer.finish(TOKEN, { id,
				kind: 'error', value: reason, stack: reason },
			{ now: clock }), 0);
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
				{ interval: LOCK, max: 1, now: clock });
		});
	}
}

function story(name, tell) {
	it(name, async () => {
		const stage = await Stage.set(name);
		try {
			await tell(stage);
		} finally {
			await stage.strike();
		}
	});
}

describe('step by step like BullMQ', () => {
	before(async () => { server = await Server.start(); });
	after(() => server.stop());

	story('adds of every kind', async (s) => {
		await s.add('crm.contact.updated', { id: 7, email: 'a@b.c' },
			{ timestamp: START });
		await s.add('plain', { slash: 'a/b', list: [], none: null });
		await s.add('', 'just text');
		await s.add('with id', {}, { jobId: 'evt-1' });
		await s.add('with id', { other: 1 }, { jobId: 'evt-1' });
		await s.add('retrying', {}, { attempts: 3,
			backoff: { type: 'exponential', delay: 2000 } });
		await s.add('fixed', {}, { attempts: 3,
			backoff: { type: 'fixed', delay: 10 } });
		await s.add('late', {}, { delay: 5000 });
		await s.add('late, same ms', {}, { delay: 5000 });
		await s.add('late, with id', {}, { delay: 100, jobId: 'evt-2' });
		await s.add('late, from then', {},
			{ delay: 100, timestamp: START - 50 });
		await s.add('urgent', {}, { priority: 1 });
		await s.add('less urgent', {}, { priority: 2097151 });
		await s.add('urgent too', {}, { priority: 1, lifo: true });
		await s.add('next', {}, { lifo: true });
		await s.add('late and urgent', {}, { delay: 10, priority: 3 });
	});

	story('take and complete', async (s) => {
		await s.take(undefined);
		await s.add('a', { n: 1 });
		await s.add('b', { n: 2 });
		await s.take('1');
		await s.take('2');
		await s.take(undefined);
		clock += 5;
		await s.complete('1');
		await s.complete('2', null);
		await s.take(undefined);
	});

	story('what may end a job', async (s) => {
		for (const value of [null, 0, 'text', [], {}, [{}], 'a/b "é"']) {
			const id = `evt-${JSON.stringify(value).length}-${clock}`;
			await s.add('a', {}, { jobId: id });
			await s.take(id);
			clock += 1;
			await s.complete(id, value);
		}
	});

	story('prioritized after waiting, delayed when due', async (s) => {
		await s.add('urgent', {}, { priority: 2 });
		await s.add('more urgent', {}, { priority: 1 });
		await s.add('late', {}, { delay: 1000 });
		await s.add('late, same ms', {}, { delay: 1000 });
		await s.add('late, prioritized', {}, { delay: 999, priority: 9 });
		await s.add('plain', {});
		await s.take('6');
		await s.take('2');
		await s.take('1');
		await s.take(undefined);
		clock += 999;
		await s.take('5');
		clock += 1;
		await s.take('3');
		await s.take('4');
		await s.take(undefined);
	});

	story('fail with retries, then for good', async (s) => {
		await s.add('a', {}, { attempts: 3, jobId: 'evt-1',
			backoff: { type: 'exponential', delay: 2000 } });
		await s.take('evt-1');
		clock += 3;
		await s.fail('evt-1');
		await s.take(undefined);
		clock += 2000;
		await s.take('evt-1');
		await s.fail('evt-1');
		clock += 4000;
		await s.take('evt-1');
		await s.fail('evt-1', 'the third');
		await s.take(undefined);
	});

	story('retry at once', async (s) => {
		await s.add('a', {}, { attempts: 2 });
		await s.add('b', {}, { attempts: 2, priority: 4 });
		await s.add('c', {}, { attempts: 2, lifo: true });
		await s.take('3');
		await s.take('1');
		await s.fail('3');
		await s.fail('1');
		await s.take('3');
		await s.take('1');
		await s.take('2');
		await s.fail('2');
		await s.take('2');
	});

	story('fail without attempts', async (s) => {
		await s.add('a', {});
		await s.take('1');
		await s.fail('1');
	});

	story('stacktraces have a limit', async (s) => {
		for (const limit of [0, 1, 2]) {
			const jobId = `evt-${limit}`;
			await s.step('add', () => s.queue.add('a', {}, { jobId,
				attempts: 4, stackTraceLimit: limit,
				timestamp: START }),
			async () => {
				await s.peer.add({ id: jobId, name: 'a', data: '{}',
					attempts: 4, timestamp: START }, { now: clock });
				await s.redisOurs.hset(`${PREFIX}:${QUEUE}:${jobId}`,
					'opts', JSON.stringify({ jobId, attempts: 4,
						stackTraceLimit: limit,
						timestamp: START }));
			});
			for (let i = 0; i < 4; i++) {
				await s.take(jobId);
				await s.fail(jobId);
			}
		}
	});

	story('stalled once, then once too often', async (s) => {
		await s.add('a', {});
		await s.add('b', {}, { priority: 3 });
		await s.take('1');
		await s.take('2');
		await s.stalled();
		await s.stalled();
		await s.expire('1');
		await s.expire('2');
		await s.stalled();
		await s.take('2');
		await s.take('1');
		await s.stalled();
		await s.expire('1');
		await s.stalled();
		await s.take('1');
		await s.fail('1', 'job stalled more than allowable limit');
	});

	story('given back', async (s) => {
		await s.add('a', {});
		await s.add('b', {});
		await s.add('c', {}, { priority: 5 });
		const giveBack = (id) => s.step(`give ${id} back`,
			() => s.jobs[id].moveToWait(TOKEN),
			async () => assert.equal(await s.peer.finish(TOKEN,
				{ id, kind: 'giveBack' }, { now: clock }), 0));
		await s.take('1');
		await giveBack('1');
		await s.take('1');
		await s.take('2');
		await s.take('3');
		await giveBack('3');
		await s.take('3');
	});

	story('postponed', async (s) => {
		await s.add('a', {}, { attempts: 2 });
		await s.take('1');
		await s.step('postpone',
			() => s.jobs['1'].moveToDelayed(clock + 700, TOKEN),
			async () => assert.equal(await s.peer.finish(TOKEN,
				{ id: '1', kind: 'postpone', delay: 700 },
				{ now: clock }), 0));
		clock += 700;
		await s.take('1');
		await s.complete('1');
	});

	story('retried by hand', async (s) => {
		const retry = (id, from) => s.step(`retry ${id}`,
			async () => {
				const job = await s.queue.getJob(id);
				await job.retry(from, { resetAttemptsMade: true,
					resetAttemptsStarted: true });
			},
			() => s.peer.do('retry', { id, from, now: clock }));
		await s.add('a', {});
		await s.add('b', {}, { priority: 2 });
		await s.add('c', {}, { lifo: true });
		await s.take('3');
		await s.take('1');
		await s.take('2');
		await s.fail('1');
		await s.fail('2');
		await s.fail('3');
		await retry('1', 'failed');
		await retry('2', 'failed');
		await retry('3', 'failed');
		await s.take('3');
		await s.take('1');
		await s.complete('1');
		await retry('1', 'completed');
		await s.take('1');
	});

	story('removeOnComplete and removeOnFail in every form', async (s) => {
		const rules = [true, false, 1, 2, { count: 1 }, { age: 1 },
			{ age: 1, count: 2 }, { age: 1, limit: 1 }, { count: 0 }];
		const addWith = async (jobId, opts) => {
			await s.step('add', () => s.queue.add('a', {},
				{ jobId, ...opts }),
			async () => {
				await s.peer.add({ id: jobId, name: 'a', data: '{}' },
					{ now: clock });
				await s.redisOurs.hset(`${PREFIX}:${QUEUE}:${jobId}`,
					'opts', JSON.stringify({ jobId, attempts: 0,
						...opts }));
			});
		};
		let n = 0;
		for (const rule of [...rules, ...rules]) {
			clock += 400;
			const jobId = `c-${n++}`;
			await addWith(jobId, { removeOnComplete: rule });
			await s.take(jobId);
			await s.complete(jobId);
		}
		for (const rule of [...rules, ...rules]) {
			clock += 400;
			const jobId = `f-${n++}`;
			await addWith(jobId, { removeOnFail: rule });
			await s.take(jobId);
			await s.fail(jobId);
		}
	});

	story('paused', async (s) => {
		await s.add('a', {});
		await s.both('pause', (redis) => redis.multi()
			.hset(`${PREFIX}:${QUEUE}:meta`, 'paused', 1)
			.del(`${PREFIX}:${QUEUE}:marker`).exec());
		await s.add('b', {});
		await s.add('c', {}, { priority: 1 });
		await s.add('d', {}, { delay: 10 });
		await s.take(undefined);
		clock += 10;
		await s.take(undefined);
	});

	story('global concurrency', async (s) => {
		await s.both('a cap of one', (redis) =>
			redis.hset(`${PREFIX}:${QUEUE}:meta`, 'concurrency', 1));
		await s.add('a', {}, { attempts: 2 });
		await s.add('b', {});
		await s.take('1');
		await s.add('c', {});
		await s.take(undefined);
		await s.fail('1');
		await s.take('2');
		await s.complete('2');
	});

	story('global rate limit', async (s) => {
		await s.both('two a minute', (redis) =>
			redis.hset(`${PREFIX}:${QUEUE}:meta`, 'max', 2,
				'duration', 60000));
		await s.add('a', {});
		await s.add('b', {});
		await s.add('c', {});
		await s.take('1');
		await s.take('2');
		await s.take(undefined);
		await s.complete('1');
		await s.take(undefined);
		clock += 60001;
		await s.both('time passes', (redis) =>
			redis.del(`${PREFIX}:${QUEUE}:limiter`));
		await s.take('3');
	});

	story('deduplicated jobs of Node end with us', async (s) => {
		const dedup = async (id, deduplication, n) => {
			for (const db of [1, 2]) {
				const queue = db === 1 ? s.queue : s.second;
				await queue.add('a', { n }, { deduplication });
			}
		};
		s.second = new Queue(QUEUE,
			{ connection: server.connection(2), prefix: PREFIX });
		try {
			await dedup('', { id: 'one' }, 1);
			await dedup('', { id: 'one' }, 2);
			await dedup('', { id: 'two', ttl: 60000 }, 3);
			await dedup('', { id: 'three', keepLastIfActive: true }, 4);
			await s.take('1');
			await s.take('3');
			await s.take('4');
			await dedup('', { id: 'three', keepLastIfActive: true }, 5);
			await dedup('', { id: 'three', keepLastIfActive: true }, 6);
			await s.complete('1');
			await s.fail('3');
			await s.complete('4');
			await s.take('6');
			await s.complete('6');
		} finally {
			await s.second.close();
		}
	});

	for (const flag of ['none', 'failParentOnFailure',
		'continueParentOnFailure', 'ignoreDependencyOnFailure',
		'removeDependencyOnFailure']) {
		for (const removes of [false, true]) {
			story(`a flow: ${flag}${removes ? ', removed' : ''}`, async (s) => {
				const tree = {
					name: 'parent', queueName: 'parents', data: {},
					opts: { jobId: 'parent' },
					children: ['one', 'two'].map((jobId) => ({
						name: 'child', queueName: QUEUE, data: {},
						opts: { jobId, removeOnFail: removes,
							...(flag !== 'none' && { [flag]: true }) },
					})),
				};
				for (const db of [1, 2]) {
					const flow = new FlowProducer({ prefix: PREFIX,
						connection: server.connection(db) });
					await flow.add(tree);
					await flow.close();
				}
				await s.both('nothing', () => {});
				const order = (await s.redisNode.lrange(
					`${PREFIX}:${QUEUE}:wait`, 0, -1)).reverse();
				await s.take(order[0]);
				await s.take(order[1]);
				clock += 1;
				await s.fail(order[0]);
				await s.complete(order[1], { ok: 1 });
				if (!removes) {
					await s.step('retry the failed child', async () => {
						const job = await s.queue.getJob(order[0]);
						await job.retry('failed', {
							resetAttemptsMade: true,
							resetAttemptsStarted: true });
					}, () => s.peer.do('retry',
						{ id: order[0], from: 'failed', now: clock }));
					await s.take(order[0]);
					await s.complete(order[0]);
				}
			});
		}
	}

	story('a flow whose children all complete', async (s) => {
		for (const [id, opts] of [['plain', {}], ['urgent', { priority: 3 }],
			['late', { delay: 50 }]]) {
			for (const db of [1, 2]) {
				const flow = new FlowProducer({ prefix: PREFIX,
					connection: server.connection(db) });
				await flow.add({ name: 'parent', queueName: QUEUE,
					data: {}, opts: { jobId: `parent-${id}`, ...opts },
					children: [{ name: 'child', queueName: QUEUE,
						opts: { jobId: `child-${id}` } }] });
				await flow.close();
			}
			await s.take(`child-${id}`);
			await s.complete(`child-${id}`, [1]);
			clock += 60;
			await s.take(`parent-${id}`);
			await s.complete(`parent-${id}`);
		}
	});
});
