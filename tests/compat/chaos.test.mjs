// chaos: a mixed fleet under kill -9. Two workers of BullMQ and two of ours
// share one queue; every 200 ms one of them, now and then Redis, is killed,
// for the whole run. In the end the keys and the events are counted.
//
//   JOBS=20000 SEED=7 MAX_STALLED=3 LEVEL=5 node --test chaos.test.mjs

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DurableRedis, nodeWorker, ourWorker, Sink } from './fleet.mjs';
import { numbers } from './numbers.mjs';
import { Peer, until } from './stage.mjs';

const JOBS = Number(process.env.JOBS ?? 1500);
const SEED = Number(process.env.SEED ?? 1);
const MAX_STALLED = Number(process.env.MAX_STALLED ?? 3);
const LEVELS = process.env.LEVEL ? [process.env.LEVEL] : ['6', '5'];
const KILL_EVERY = 200;
const BATCH = 50;
const QUEUE = 'chaos';
const BASE = `bull:${QUEUE}`;
const LISTS = ['wait', 'active', 'paused'];
const SETS = ['completed', 'failed', 'delayed', 'prioritized',
	'waiting-children'];

// Which state an event leads to, and from which it may come.
const MOVES = {
	added: { from: [undefined], to: 'added' },
	waiting: { from: ['added', 'delayed', 'active', 'waiting-children',
		'waiting'], to: 'waiting' },
	delayed: { from: ['added', 'active', 'waiting-children'], to: 'delayed' },
	'waiting-children': { from: ['added', 'active'],
		to: 'waiting-children' },
	active: { from: ['waiting'], to: 'active' },
	completed: { from: ['active'], to: 'completed' },
	failed: { from: ['active'], to: 'failed' },
	stalled: { from: ['waiting'], to: 'waiting' },
	'retries-exhausted': { from: ['failed'], to: 'failed' },
};

// What a batch of jobs is like: plain, delayed, prioritized, with retries.
function item(i, random) {
	return {
		name: 'job', id: `job-${i}`, data: { n: `job-${i}` },
		opts: {
			jobId: `job-${i}`, attempts: 20,
			backoff: { type: 'fixed', delay: 30 },
			...(random() < 0.1 && { delay: Math.ceil(random() * 2000) }),
			...(random() < 0.1 && { priority: 1 + Math.floor(random() * 5) }),
		},
	};
}

async function states(redis) {
	const result = new Map();
	const note = (state, ids) => {
		for (const id of ids)
			result.set(id, [...(result.get(id) ?? []), state]);
	};
	for (const list of LISTS)
		note(list, await redis.lrange(`${BASE}:${list}`, 0, -1));
	for (const set of SETS)
		note(set, await redis.zrange(`${BASE}:${set}`, 0, -1));
	return result;
}

async function* entries(redis) {
	let from = '-';
	for (;;) {
		const page = await redis.xrange(`${BASE}:events`, from, '+',
			'COUNT', 5000);
		for (const [, fields] of page) {
			const event = {};
			for (let i = 0; i < fields.length; i += 2)
				event[fields[i]] = fields[i + 1];
			yield event;
		}
		if (page.length === 0)
			return;
		from = `(${page.at(-1)[0]}`;
	}
}

// Every event must be possible after the one before; each job ends once.
async function readEvents(redis) {
	const at = new Map();
	const ends = new Map();
	for await (const { event, jobId, ...more } of entries(redis)) {
		const move = MOVES[event];
		if (!move)
			continue;
		assert.ok(move.from.includes(at.get(jobId)),
			`${jobId}: ${event} after ${at.get(jobId)} ${
				JSON.stringify(more)}`);
		at.set(jobId, move.to);
		if (event === 'completed' || event === 'failed')
			ends.set(jobId, (ends.get(jobId) ?? 0) + 1);
	}
	return ends;
}

for (const level of LEVELS) {
	describe(`a mixed fleet under kill -9, level ${level}`, () => {
		const bullmq = level === '5' ? 'bullmq5' : 'bullmq';
		const random = numbers(SEED);
		let redis, client, sink, peer, queue, flow;
		const workers = [];
		const expected = new Set();
		const parents = new Set();
		let n_kills = 0;
		let n_crashes = 0;

		before(async () => {
			const { Queue, FlowProducer } = await import(bullmq);
			redis = await DurableRedis.start();
			client = redis.client();
			await client.hset(`${BASE}:meta`, 'opts.maxLenEvents', 10000000);
			sink = await Sink.open({ refuseEvery: 50 });
			queue = new Queue(QUEUE, { connection: redis.connection(),
				skipMetasUpdate: true });
			queue.on('error', () => {});
			flow = new FlowProducer({ connection: redis.connection() });
			flow.on('error', () => {});
			const ours = { queue: QUEUE, redis, sink, settings: {
				queue: `bullmq_level = "${level}"; max_events = 10000000;
					keep_completed = { age = "0s"; count = 10000000; };`,
				worker: `lock_duration = "1s"; stalled_interval = "700ms";
					max_stalled_count = ${MAX_STALLED};` } };
			const node = { bullmq, queue: QUEUE, redis, sink,
				options: { concurrency: 20, lockDuration: 1000,
					stalledInterval: 700,
					maxStalledCount: MAX_STALLED } };
			for (const hire of [ourWorker, ourWorker])
				workers.push(hire(ours));
			for (const hire of [nodeWorker, nodeWorker])
				workers.push(hire(node));
			peer = new Peer(redis, QUEUE);
		});
		after(async () => {
			for (const worker of workers)
				await worker.stop();
			assert.ok(!workers.some((worker) => worker.isLate
				&& worker.name === 'ours'), 'our workers end in time');
			await queue?.close();
			await flow?.close();
			await peer?.stop();
			await sink?.close();
			await redis?.stop();
		});

		// An add that was cut by a kill is repeated: ids make it safe.
		async function stubborn(what, add) {
			let trouble;
			try {
				await until(() => add().then(() => true, (err) => {
					trouble = err;
					return false;
				}), what, 60000);
			} catch (err) {
				err.cause = trouble;
				throw err;
			}
		}

		async function addByUs(items) {
			await stubborn('our add', () => peer.do('add', {
				items: items.map(({ id, name, data, opts }) => ({ id, name,
					data: JSON.stringify(data), attempts: opts.attempts,
					backoff: opts.backoff, delay: opts.delay,
					priority: opts.priority })) }));
		}

		async function addFlow(items, i) {
			const id = `parent-${i}`;
			await stubborn('a flow', () => flow.add({ name: 'job',
				queueName: QUEUE, data: { n: id },
				opts: { jobId: id, attempts: 20 },
				children: items.map(({ name, data, opts }) => ({ name, data,
					queueName: QUEUE, opts: { ...opts,
						ignoreDependencyOnFailure: true } })) }));
			parents.add(id);
			expected.add(id);
		}

		async function produce() {
			for (let i = 0; i < JOBS; i += BATCH) {
				const items = Array.from({ length: Math.min(BATCH, JOBS - i) },
					(_, k) => item(i + k, random));
				const choice = (i / BATCH) % 4;
				if (choice === 0)
					await addFlow(items.slice(0, 5), i);
				const rest = choice === 0 ? items.slice(5) : items;
				if (choice % 2)
					await addByUs(rest);
				else
					await stubborn("Node's add", () => queue.addBulk(rest));
				for (const { id } of items)
					expected.add(id);
			}
		}

		function kill() {
			n_kills++;
			if (random() < 0.08) {
				n_crashes++;
				redis.kill();
				return;
			}
			workers[Math.floor(random() * workers.length)].kill();
		}

		async function allEnded() {
			const [completed, failed] = await Promise.all(
				['completed', 'failed'].map((s) =>
					client.zcard(`${BASE}:${s}`)));
			return completed + failed === expected.size;
		}

		it(`${JOBS} jobs each end once`, async (t) => {
			const started = performance.now();
			const timer = setInterval(kill, KILL_EVERY);
			try {
				await produce();
				await until(() => allEnded().catch(() => false),
					'every job to end', 600000);
			} finally {
				clearInterval(timer);
			}
			await redis.isUp();
			const seconds = (performance.now() - started) / 1000;
			// what was killed last may hold locks for a second
			await until(async () => await client.llen(`${BASE}:active`) === 0
				&& (await client.keys(`${BASE}:*:lock`)).length === 0,
			'the last locks to run out');

			const where = await states(client);
			let n_failed = 0;
			for (const id of expected) {
				const at = where.get(id) ?? [];
				assert.equal(at.length, 1, `${id} is in ${at.join(' and ')
					|| 'no state'}`);
				const job = await client.hgetall(`${BASE}:${id}`);
				assert.ok(['completed', 'failed'].includes(at[0]),
					`${id} is ${at[0]}`);
				if (at[0] === 'failed') {
					n_failed++;
					assert.equal(job.failedReason,
						'job stalled more than allowable limit', id);
					assert.ok(Number(job.stc) > MAX_STALLED, id);
				}
				assert.ok(sink.runs.get(id) >= 1, `${id} was never run`);
				assert.ok(Number(job.ats ?? 0) >= Number(job.atm ?? 0), id);
				assert.equal(job.defa, undefined, id);
			}
			assert.equal(where.size, expected.size, 'jobs nobody added');
			const hashes = (await client.keys(`${BASE}:*`)).filter((key) =>
				/:(job|parent)-\d+$/.test(key));
			assert.equal(hashes.length, expected.size, 'orphans');
			for (const id of parents)
				assert.equal(await client.scard(
					`${BASE}:${id}:dependencies`), 0, id);
			const ends = await readEvents(client);
			for (const id of expected)
				assert.equal(ends.get(id), 1, `${id} ended`);
			const runs = [...sink.runs.values()].reduce((a, b) => a + b, 0);
			t.diagnostic(`${expected.size} jobs in ${seconds.toFixed(0)} s, ${
				n_kills} kills (${n_crashes} of Redis), ${runs} runs, ${
				n_failed} failed as stalled too often`);
		});
	});
}
