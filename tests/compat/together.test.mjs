// One queue, Node and us on it at the same time: each sees and finishes what
// the other added, and Node's events report both alike.

import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, describe, it } from 'node:test';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { Peer, PREFIX, Server, until } from './stage.mjs';

const QUEUE = 'hooks';
const TOKEN = 'ours';
const EVENTS = ['added', 'waiting', 'active', 'completed', 'failed', 'delayed',
	'retries-exhausted', 'stalled', 'duplicated', 'drained'];
const BASE = `${PREFIX}:${QUEUE}`;

describe('together with Node', () => {
	let server, redis, queue, events, heard, peer, workers;

	before(async () => { server = await Server.start(); });
	after(() => server.stop());
	beforeEach(async () => {
		redis = server.redis();
		await redis.flushall();
		const options = { connection: server.connection(), prefix: PREFIX };
		queue = new Queue(QUEUE, options);
		await queue.waitUntilReady();
		// from the start: without it, what comes before its first read
		// is missed
		events = new QueueEvents(QUEUE,
			{ ...options, lastEventId: '0-0' });
		heard = [];
		for (const event of EVENTS)
			events.on(event, (args) => heard.push({ event, ...args }));
		await events.waitUntilReady();
		peer = new Peer(server, QUEUE);
		workers = [];
	});
	afterEach(async () => {
		for (const worker of workers)
			await worker.close();
		await events.close();
		await queue.close();
		assert.equal(await peer.stop(), 0);
	});

	function work(processor) {
		const worker = new Worker(QUEUE, processor,
			{ connection: server.connection(), prefix: PREFIX });
		worker.on('error', () => {});
		workers.push(worker);
		return worker;
	}

	async function take(expected) {
		const { jobs } = await peer.do('take', { token: TOKEN });
		assert.equal(jobs.length, 1, 'a job to take');
		if (expected)
			assert.equal(jobs[0].id, expected);
		return jobs[0];
	}

	function eventsOf(jobId) {
		return heard.filter((e) => e.jobId === jobId).map((e) => e.event);
	}

	it('adds a job byte for byte as Node does', async () => {
		await redis.flushall();
		const data = '{"id":7,"email":"a@b.c"}';
		const timestamp = 1700000000000;
		await peer.add({ name: 'crm.contact.updated', data, timestamp });
		const { opts, ...others } = await redis.hgetall(`${BASE}:1`);
		assert.deepEqual(others, { name: 'crm.contact.updated', data,
			timestamp: String(timestamp), delay: '0', priority: '0' });
		assert.deepEqual(JSON.parse(opts), { timestamp, attempts: 0 });
		assert.deepEqual(await redis.hkeys(`${BASE}:1`), ['name', 'data',
			'opts', 'timestamp', 'delay', 'priority']);
		assert.equal(await redis.get(`${BASE}:id`), '1');
		assert.deepEqual(await redis.lrange(`${BASE}:wait`, 0, -1), ['1']);
		assert.deepEqual(await redis.zrange(`${BASE}:marker`, 0, -1,
			'WITHSCORES'), ['0', '0']);
		const stream = await redis.xrange(`${BASE}:events`, '-', '+');
		assert.deepEqual(stream.map(([, fields]) => fields), [
			['event', 'added', 'jobId', '1', 'name', 'crm.contact.updated'],
			['event', 'waiting', 'jobId', '1'],
		]);
	});

	it('passes the bytes of data untouched', async () => {
		const data = '{ "a" : 1.0e3, "b":[ ] ,"c":{},"d":12345678901234567890,'
			+ '"e":"\\u0000/\\/é😀","f":null }';
		await peer.add({ name: 'a', data });
		assert.equal(await redis.hget(`${BASE}:1`, 'data'), data);
		assert.equal((await take('1')).data, data);
	});

	it('announces the queue without overwriting', async () => {
		await redis.del(`${BASE}:meta`);
		await peer.do('announce');
		assert.deepEqual(await redis.hgetall(`${BASE}:meta`), {
			'opts.maxLenEvents': '10000', version: 'bullmq:6.7.0' });
		await redis.hset(`${BASE}:meta`, 'opts.maxLenEvents', '7',
			'version', 'bullmq:5.81.3');
		await peer.do('announce');
		assert.deepEqual(await redis.hgetall(`${BASE}:meta`), {
			'opts.maxLenEvents': '7', version: 'bullmq:5.81.3' });
	});

	it('shows our jobs to Queue.getJobs in every state', async () => {
		await peer.do('add', { items: ['done', 'broken', 'busy', 'next',
			'after'].map((id) => ({ id, name: 'n', data: `{"id":"${id}"}` })) });
		await peer.add({ id: 'later', name: 'n', data: '{}', delay: 1e6 });
		await peer.add({ id: 'urgent', name: 'n', data: '{}', priority: 3 });
		const { jobs } = await peer.do('take', { token: TOKEN, n: 3 });
		assert.deepEqual(jobs.map((job) => job.id),
			['done', 'broken', 'busy']);
		const { results } = await peer.do('finish', { token: TOKEN, items: [
			{ id: 'done', kind: 'completed', value: '{"ok":true}' },
			{ id: 'broken', kind: 'failed', value: '503 from target',
				stack: 'Error: 503 from target' },
		] });
		assert.deepEqual(results.map((r) => r.code), [0, 0]);
		const ids = async (state) =>
			(await queue.getJobs([state])).map((job) => job.id).sort();
		assert.deepEqual(await ids('completed'), ['done']);
		assert.deepEqual(await ids('failed'), ['broken']);
		assert.deepEqual(await ids('active'), ['busy']);
		assert.deepEqual(await ids('waiting'), ['after', 'next']);
		assert.deepEqual(await ids('delayed'), ['later']);
		assert.deepEqual(await ids('prioritized'), ['urgent']);
		const done = await queue.getJob('done');
		assert.deepEqual(done.returnvalue, { ok: true });
		assert.deepEqual(done.data, { id: 'done' });
		assert.equal(done.attemptsMade, 1);
		assert.ok(done.finishedOn >= done.processedOn);
		const broken = await queue.getJob('broken');
		assert.equal(broken.failedReason, '503 from target');
		assert.deepEqual(broken.stacktrace, ['Error: 503 from target']);
		const counts = await queue.getJobCounts();
		const { counts: ours } = await peer.do('count');
		for (const state of ['completed', 'failed', 'active', 'delayed',
			'prioritized', 'waiting-children'])
			assert.equal(ours[state], counts[state], state);
		assert.equal(ours.wait, counts.waiting);
	});

	it('shows us the jobs of Node in every state', async () => {
		await queue.add('n', { a: 1 }, { jobId: 'evt-1' });
		await queue.add('n', {}, { jobId: 'evt-2', delay: 1e6 });
		await queue.add('n', {}, { jobId: 'evt-3', priority: 9 });
		await queue.add('n', {}, { jobId: 'evt-4' });
		await take('evt-1');
		for (const [state, id] of [['active', 'evt-1'], ['delayed', 'evt-2'],
			['prioritized', 'evt-3'], ['waiting', 'evt-4']]) {
			const { jobs, seen } = await peer.do('list', { state });
			assert.deepEqual(jobs.map((job) => job.id), [id]);
			assert.equal(seen, 1);
			const { job, state: found } = await peer.do('get', { id });
			assert.equal(job.id, id);
			assert.equal(found, state === 'waiting' ? 'wait' : state);
		}
		assert.equal((await peer.ask('get', { id: 'none' })).err,
			'not found');
	});

	it('lets a Node worker process what we added', async () => {
		const seen = [];
		work(async (job) => {
			seen.push([job.name, job.data]);
			return { synced: job.id };
		});
		await until(() => workers[0].isRunning(), 'the worker');
		const start = performance.now();
		await peer.add({ id: 'evt-1', name: 'crm', data: '{"n":1}',
			attempts: 3, backoff: { type: 'exponential', delay: 2000 } });
		const job = await queue.getJob('evt-1');
		assert.deepEqual(await job.waitUntilFinished(events, 10000),
			{ synced: 'evt-1' });
		assert.ok(performance.now() - start < 3000, 'woken, not polled');
		assert.deepEqual(seen, [['crm', { n: 1 }]]);
		assert.equal(job.opts.attempts, 3);
	});

	it('lets a Node worker retry what we added', async () => {
		let runs = 0;
		work(async () => {
			runs++;
			throw new Error('no luck');
		});
		await peer.add({ id: 'evt-1', name: 'crm', data: '{}', attempts: 3,
			backoff: { type: 'fixed', delay: 20 } });
		const job = await queue.getJob('evt-1');
		await assert.rejects(job.waitUntilFinished(events, 10000), /no luck/);
		assert.equal(runs, 3);
		assert.equal((await peer.do('get', { id: 'evt-1' })).state, 'failed');
	});

	it('finishes what Node waits for', async () => {
		for (const value of [{ ok: 1 }, null, [], 'text']) {
			const job = await queue.add('crm', { n: 2 });
			const finished = job.waitUntilFinished(events, 10000);
			const taken = await take(job.id);
			assert.deepEqual(JSON.parse(taken.data), { n: 2 });
			assert.equal(await peer.finish(TOKEN, { id: job.id,
				kind: 'completed', value: JSON.stringify(value) }), 0);
			assert.deepEqual(await finished, value);
		}
		const job = await queue.add('crm', {});
		const rejected = assert.rejects(
			job.waitUntilFinished(events, 10000),
			{ message: 'bad "gateway"' });
		await take(job.id);
		assert.equal(await peer.finish(TOKEN, { id: job.id, kind: 'error',
			value: 'bad "gateway"', stack: 'x' }), 0);
		await rejected;
	});

	it('wakes from the marker when Node adds', async () => {
		const waited = peer.do('wait', { timeout: 5000 });
		const start = performance.now();
		await queue.add('crm', {});
		assert.equal((await waited).due, 0);
		assert.ok(performance.now() - start < 2000);
		assert.equal((await peer.do('wait', { timeout: 20 })).due, -1);
		const due = Date.now() + 4000;
		await queue.add('crm', {}, { delay: 4000 });
		await queue.add('crm', {}, { delay: 4000 });
		const got = (await peer.do('wait', { timeout: 5000 })).due;
		assert.ok(Math.abs(got - due) < 1000, `${got} is near ${due}`);
	});

	it('reports the same events for both', async () => {
		const opts = { attempts: 2, backoff: { type: 'fixed', delay: 15 } };
		const fails = new Set(['node-good', 'ours-good']);
		await queue.add('n', {}, { ...opts, jobId: 'ours-good' });
		await queue.add('n', {}, { ...opts, jobId: 'ours-bad' });
		await until(async () => {
			const { jobs } = await peer.do('take', { token: TOKEN, n: 8 });
			for (const { id } of jobs) {
				const good = id.endsWith('good') && !fails.delete(id);
				await peer.do('finish', { token: TOKEN, items: [good ?
					{ id, kind: 'completed', value: '1' } :
					{ id, kind: 'error', value: 'no', stack: 'no' }] });
			}
			return await queue.getJobCountByTypes('completed',
				'failed') === 2;
		}, 'our two jobs');
		await peer.add({ id: 'node-good', name: 'n', data: '{}', ...opts });
		await peer.add({ id: 'node-bad', name: 'n', data: '{}', ...opts });
		work(async (job) => {
			if (job.id.endsWith('bad') || fails.delete(job.id))
				throw new Error('no');
			return 1;
		});
		const good = ['added', 'waiting', 'active', 'delayed', 'waiting',
			'active', 'completed'];
		const bad = [...good.slice(0, -1), 'failed', 'retries-exhausted'];
		await until(() => heard.filter((e) => e.event === 'completed'
			|| e.event === 'retries-exhausted').length === 4, 'all events');
		assert.deepEqual(eventsOf('ours-good'), good);
		assert.deepEqual(eventsOf('node-good'), good);
		assert.deepEqual(eventsOf('ours-bad'), bad);
		assert.deepEqual(eventsOf('node-bad'), bad);
		const strip = (id) => heard.filter((e) => e.jobId === id)
			.map(({ jobId, delay, ...e }) => ({ ...e,
				delay: typeof delay }));
		assert.deepEqual(strip('ours-bad'), strip('node-bad'));
		assert.deepEqual(strip('ours-good'), strip('node-good'));
		await until(() => heard.some((e) => e.event === 'drained'),
			'drained');
	});

	it('two workers share a queue, each job ends once', async () => {
		const n = 200;
		work(async (job) => ({ by: 'node', id: job.id }));
		for (let i = 0; i < n; i += 50)
			await peer.do('add', { items: Array.from({ length: 50 },
				(_, k) => ({ id: `evt-${i + k}`, name: 'n',
					data: `${i + k}` })) });
		await until(async () => {
			const { jobs } = await peer.do('take', { token: TOKEN, n: 5 });
			if (jobs.length)
				await peer.do('finish', { token: TOKEN,
					items: jobs.map(({ id }) => ({ id,
						kind: 'completed', value: '{"by":"us"}' })) });
			const { counts } = await peer.do('count');
			return counts.completed === n;
		}, 'all jobs', 20000);
		const { counts } = await peer.do('count');
		assert.equal(counts.active + counts.wait + counts.failed, 0);
		assert.equal((await redis.keys(`${BASE}:*:lock`)).length, 0);
		await until(() => heard.filter((e) => e.event === 'completed')
			.length === n, 'all events');
		assert.equal(new Set(heard.filter((e) => e.event === 'completed')
			.map((e) => e.jobId)).size, n);
	});

	it('gives a redelivered failed job its attempts anew', async () => {
		const item = { id: 'evt-1', name: 'n', data: '{"v":1}', attempts: 2 };
		assert.deepEqual((await peer.add(item)).results, ['new']);
		assert.deepEqual((await peer.add({ ...item, retriesFailed: true }))
			.results, ['duplicate']);
		for (let i = 0; i < 2; i++) {
			await take('evt-1');
			await peer.finish(TOKEN, { id: 'evt-1', kind: 'error',
				value: 'no', stack: 'no' });
		}
		assert.deepEqual((await peer.add(item)).results, ['duplicate']);
		assert.equal((await peer.do('get', { id: 'evt-1' })).state, 'failed');
		const again = await peer.add({ ...item, data: '{"v":2}',
			retriesFailed: true });
		assert.deepEqual(again.results, ['retried']);
		assert.deepEqual(again.ids, ['evt-1']);
		const { job, state } = await peer.do('get', { id: 'evt-1' });
		assert.equal(state, 'wait');
		assert.equal(job.made, 0);
		assert.equal(job.failedReason, undefined);
		work(async () => 'fine');
		const node = await queue.getJob('evt-1');
		assert.equal(await node.waitUntilFinished(events, 10000), 'fine');
		assert.equal((await queue.getJob('evt-1')).attemptsMade, 1);
		await until(() => eventsOf('evt-1').includes('completed'),
			'completed');
		assert.deepEqual(heard.filter((e) => e.prev === 'failed'),
			[{ event: 'waiting', jobId: 'evt-1', prev: 'failed' }]);
	});
});
