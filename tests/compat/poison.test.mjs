// Poison: what stands among the jobs and cannot be run. Node's workers run it
// again and again, or not at all; ours fails it once, with a reason, while Node's
// QueueEvents look on: one event that is not JSON would stop them for good.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { ourWorker, Sink } from './fleet.mjs';
import { PREFIX, Server, until } from './stage.mjs';

const QUEUE = 'poison';
const BASE = `${PREFIX}:${QUEUE}`;
const SLOW = Number(process.env.HOOKSYNC_SLOW ?? 1);
const FINAL = ['completed', 'failed'];
const base = { name: 'job', data: '{"n":1}', opts: '{}', timestamp: '1',
	delay: '0', priority: '0' };

// By id, or as [id, fields]; null: there is no hash.
const kinds = [
	['ghost', null, /no name/],
	['no-name', { name: undefined }, /no name/],
	['no-data', { data: '{"n":' }, /data is not JSON/],
	['bad-utf8', { data: Buffer.from('{"n":"\xff\xfe"}', 'latin1') },
		/data is not JSON/],
	['deep', { data: '['.repeat(9999) + ']'.repeat(9999) }, /too deep/],
	['no-object', { data: '[1]' }, /./],
	['no-opts', { opts: '[' }, /opts are not JSON/],
	['odd-opts', { opts: '"text"' }, /opts are no JSON object/],
	['no-route', { name: Buffer.from('\xff"\n\u0001', 'latin1') }, /no route/],
	['long-name', { name: 'é'.repeat(100000) }, /no route/],
	['nul-name', { name: 'job\0x' }, /NUL/],
	['backoff', { data: '{"n":"refused"}', opts:
		'{"attempts":5,"backoff":{"type":"mine","delay":1}}' }, /503/],
	['odd-numbers', { data: '{"n":"refused"}', atm: 'x', ats: 'y', stc: '-',
		delay: '1e999', timestamp: 'never', opts: '{"attempts":"many",'
		+ '"backoff":[],"removeOnFail":"no","stackTraceLimit":{}}' }, /503/],
	['odd-parent', { data: '{"n":"refused"}', parentKey: '::', parent: '{' },
		/503/],
	['odd-stack', { data: '{"n":"refused"}', stacktrace: '{"a":1}' }, /503/],
	['deferred', { defa: 'said "so"\n\u0007' }, /said "so"/],
	['huge', { data: Buffer.alloc(65 * 1024 * 1024, '1') }, /too large: 681/],
];

describe('poison', { timeout: 120000 * SLOW }, () => {
	let server, redis, sink, queue, events, heard, workers;

	before(async () => {
		server = await Server.start();
		redis = server.redis();
		sink = await Sink.open();
	});
	after(async () => {
		await sink.close();
		await server.stop();
	});
	beforeEach(async () => {
		await redis.flushall();
		sink.runs.clear();
		sink.refuses.set('refused', 1000);
		const options = { connection: server.connection(), prefix: PREFIX };
		queue = new Queue(QUEUE, options);
		await queue.waitUntilReady();
		events = new QueueEvents(QUEUE, { ...options, lastEventId: '0-0' });
		heard = [];
		for (const event of ['active', 'stalled', ...FINAL])
			events.on(event, (args) => heard.push({ event, ...args }));
		events.on('error', (err) => heard.push({ event: 'error', err }));
		await events.waitUntilReady();
		workers = [];
	});
	afterEach(async () => {
		for (const worker of workers)
			await (worker.stop ?? worker.close).call(worker);
		await events.close();
		await queue.close();
	});

	const ours = () => workers.push(ourWorker({ queue: QUEUE, redis: server,
		sink, settings: { worker:
			'lock_duration = "5s"; stalled_interval = "500ms";' } }));

	async function put(id, fields) {
		if (fields) {
			const all = Object.entries({ ...base, ...fields })
				.filter(([, value]) => value !== undefined);
			await redis.hset(Buffer.concat([Buffer.from(`${BASE}:`),
				Buffer.from(id)]), ...all.flat());
		}
		await redis.lpush(`${BASE}:wait`, id);
		await redis.zadd(`${BASE}:marker`, 0, '0');
	}

	const isEmpty = () => until(async () => {
		const counts = await queue.getJobCounts('active', 'waiting',
			'delayed', 'prioritized');
		return Object.values(counts).every((n) => n === 0);
	}, 'an empty queue', 60000 * SLOW);

	// Node still works on the queue and hears of it.
	async function check() {
		const job = await queue.add('job', { n: 'good' });
		await job.waitUntilFinished(events, 20000 * SLOW);
		await isEmpty();
		assert.deepEqual(heard.filter(({ event }) => event === 'error'), []);
		const stream = await redis.xrange(`${BASE}:events`, '-', '+');
		for (const [, fields] of stream)
			if (fields[1] === 'completed')
				JSON.parse(fields[fields.indexOf('returnvalue') + 1]);
		assert.deepEqual(await redis.keys(`${BASE}:*:lock`), []);
	}

	async function failedOnce(id, reason) {
		const [failedReason, stacktrace, finishedOn] = await redis.hmget(
			`${BASE}:${id}`, 'failedReason', 'stacktrace', 'finishedOn');
		assert.match(failedReason, reason, id);
		assert.ok(Array.isArray(JSON.parse(stacktrace)), id);
		assert.ok(Number(finishedOn) > 0, id);
		assert.ok(await redis.zscore(`${BASE}:failed`, id), id);
		await until(() => heard.some((e) => e.jobId === id
			&& e.event === 'failed'), `the event of ${id}`);
		assert.equal(heard.filter((e) => e.jobId === id
			&& FINAL.includes(e.event)).length, 1, id);
	}

	it('of each kind fails once, with a reason', async () => {
		for (const [id, fields] of kinds)
			await put(id, fields);
		ours();
		await isEmpty();
		for (const [id, , reason] of kinds) {
			await failedOnce(id, reason);
			assert.equal(heard.filter((e) => e.jobId === id
				&& e.event === 'active').length, 1, id);
		}
		assert.equal(sink.runs.get('refused'), 4);
		assert.equal(await queue.getFailedCount(), kinds.length);
		await check();
	});

	it('an id may be of any bytes', async () => {
		const ids = ['"quoted"', 'a b', 'a\r\nX-Evil: 1', '{}', 'é😀', '\u0001',
			'%00', '../../x', '-', 'a'.repeat(5000),
			Buffer.from([0xff, 0xfe]), Buffer.from([0xed, 0xa0, 0x80]),
			Buffer.from('a\0b')];
		let evil = 0;
		const look = (request) => { evil += 'x-evil' in request.headers; };
		sink.server.on('request', look);
		for (const id of ids)
			await put(id, {});
		ours();
		await isEmpty();
		sink.server.off('request', look);
		assert.equal(evil, 0);
		const done = await redis.zrangeBuffer(`${BASE}:completed`, 0, -1);
		const failed = await redis.zrangeBuffer(`${BASE}:failed`, 0, -1);
		assert.equal(done.length + failed.length, ids.length);
		for (const id of failed)
			assert.match(await redis.hget(Buffer.concat([
				Buffer.from(`${BASE}:`), id]), 'failedReason'), /id/);
		assert.deepEqual(failed.map(String), ['a\0b']);
		await check();
	});

	it('comes to its end also where a worker of Node takes it', async () => {
		const worker = new Worker(QUEUE, async (job) => {
			if (job.data.n === 'refused')
				throw new Error('503, says Node');
		}, { connection: server.connection(), prefix: PREFIX, concurrency: 4,
			lockDuration: 1000, stalledInterval: 500 });
		worker.on('error', () => {});
		workers.push(worker);
		const some = kinds.filter(([id]) => ['no-data', 'no-opts', 'backoff']
			.includes(id));
		for (const [id, fields] of some)
			await put(id, fields);
		await until(() => heard.filter(({ event }) => event === 'active')
			.length >= some.length, 'Node to take them');
		ours();
		await isEmpty();
		for (const [id] of some)
			await failedOnce(id, /./);
		await check();
	});
});
